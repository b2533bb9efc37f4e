// When no slot is free, the client with the most slots loses its oldest one to a client with fewer.
import { describe, expect, it } from 'vitest';
import { CounterTotals, Drop } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { type Answer, readAnswer } from '../kit/dns-client.ts';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const SERVFAIL = 2;
const NOERROR = 0;
const REFUSED = 5;

/** QNAME of a message, to its letters. */
const nameOf = (message: Uint8Array) => readAnswer(Buffer.from(message)).name;

describe('when the upstreams take no more messages', () => {
  const FLOODER = '192.0.2.101';
  const OTHER = '192.0.2.102';

  /** One client has so many questions under way, each asked so often; then another asks. */
  const crowd = (upstreams: FakeUpstream[], questions: number, times = 1) => {
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    const [flooder, other] = [new FakeClient(), new FakeClient()];
    for (let i = 0; i < questions; i++) {
      for (let time = 0; time < times; time++) f.ask(testQuery(`n${i}.example`).bytes, flooder, FLOODER);
    }
    f.ask(testQuery('other.example').bytes, other, OTHER);
    return { f, flooder, other };
  };

  it('the client that asks most loses a query to one that asks less', () => {
    const upstream = new FakeUpstream(1);
    const { f, flooder, other } = crowd([upstream], 5);
    expect(upstream.waiting.size).toBe(6);
    upstream.fail(FailureReason.overload);
    expect(flooder.rcodes).toEqual([REFUSED]);
    expect(nameOf(flooder.answers[0]!)).toBe('n0.example');
    expect(upstream.waiting.size).toBe(5);
    upstream.reply();
    expect(other.rcodes).toEqual([NOERROR]);
    expect(f.zones.root.load.flights).toBe(4);
  });

  it('no query is lost while another upstream takes the question', () => {
    const [first, second] = [new FakeUpstream(1), new FakeUpstream(2)];
    const { flooder, other } = crowd([first, second], 5);
    first.fail(FailureReason.overload);
    expect(flooder.rcodes).toEqual([]);
    second.reply();
    expect(other.rcodes).toEqual([NOERROR]);
  });

  it('a query is lost even when many clients wait for each question', () => {
    const upstream = new FakeUpstream(1);
    const { flooder, other } = crowd([upstream], 3, 4);
    upstream.fail(FailureReason.overload);
    expect(flooder.rcodes).toEqual(new Array(4).fill(REFUSED));
    upstream.reply();
    expect(other.rcodes).toEqual([NOERROR]);
  });

  it('the question of the client that asks most fails, and so does one that finds no room eight times', () => {
    const upstream = new FakeUpstream(1);
    const { f, flooder, other } = crowd([upstream], 20);
    for (let i = 0; i < 8; i++) upstream.fail(FailureReason.overload);
    expect(other.rcodes).toEqual([SERVFAIL]);
    expect(flooder.rcodes).toEqual(new Array(7).fill(REFUSED));
    upstream.fail(FailureReason.overload);
    expect(flooder.rcodes).toEqual([...new Array(7).fill(REFUSED), SERVFAIL]);
    expect([f.pipeline.waiting, upstream.waiting.size]).toEqual([12, 12]);
  });

  it('they are tried again once, and no client loses more when they are then out of use', () => {
    const upstream = new FakeUpstream(1);
    const { f, flooder, other } = crowd([upstream], 10);
    upstream.fail(FailureReason.overload);
    expect(flooder.rcodes).toEqual([REFUSED]);
    f.state.setQuarantined(1, true);
    f.pipeline.leaveRoute(1);
    expect(other.rcodes).toEqual([SERVFAIL]);
    expect(flooder.rcodes).toEqual([REFUSED, ...new Array(9).fill(SERVFAIL)]);
  });

  it('a question whose route turned out to loop gets room as others do', () => {
    const [first, second] = [new FakeUpstream(1), new FakeUpstream(2)];
    const { f, flooder } = crowd([first, second], 30);
    const others = Array.from({ length: 8 }, () => new FakeClient());
    for (const [i, client] of others.entries()) {
      first.fail(FailureReason.overload);
      f.ask(testQuery(`other${i}.example`).bytes, client, `192.0.2.${110 + i}`);
    }
    expect(flooder.rcodes).toEqual([]);
    f.state.setQuarantined(2, true);
    f.pipeline.leaveRoute(2);
    expect(flooder.rcodes).toEqual(new Array(8).fill(REFUSED));
    while (first.waiting.size > 0) first.reply();
    for (const client of others) expect(client.rcodes).toEqual([NOERROR]);
  });

  it('questions that no client waits for take no room', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ maxInFlight: 3000, zones: [['.', [upstream]]] });
    for (let i = 0; i < 3000; i++) f.ask(testQuery(`n${i}.example`).bytes);
    f.pass(1810);
    expect(f.client.rcodes).toHaveLength(3000);
    expect(f.pipeline.flights.awaitingLateReply).toBe(2048);
    f.pass(3010);
    expect([f.pipeline.flights.inUse, upstream.waiting.size]).toEqual([0, 0]);
  });
});

describe('a client that takes all slots', () => {
  const FLOODER = '192.0.2.1';
  const OTHER = '192.0.2.2';
  const THIRD = '192.0.2.3';

  /**
   * Ten slots, an upstream that is silent until it is told to answer, and a client for each
   * address.
   */
  const crowd = () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ maxInFlight: 10, zones: [['.', [upstream]]] });
    const clients = new Map<string, FakeClient>();
    const client = (from: string) => {
      const known = clients.get(from) ?? new FakeClient();
      clients.set(from, known);
      return known;
    };
    return {
      f,
      upstream,
      client,
      ask: (name: string, from: string) =>
        f.ask(testQuery(name, { udpSize: 1232 }).bytes, client(from), from),
      answers: (from: string): Answer[] =>
        client(from).answers.map((bytes) => readAnswer(Buffer.from(bytes))),
      /** Names that the upstream still owes an answer. */
      inFlight: () =>
        [...upstream.waiting].map((waiting) => {
          const { bytes } = upstream.sent.findLast(({ query }) => query === waiting)!;
          return readAnswer(Buffer.from(bytes)).name.toLowerCase();
        }),
      dropped: () => {
        const totals = new CounterTotals();
        totals.add(f.counters.values.buffer as SharedArrayBuffer);
        return totals.dropped(Drop.in_flight_limit);
      },
    };
  };
  const names = (count: number, letter = 'n') =>
    Array.from({ length: count }, (_, i) => `${letter}${i}.example`);

  it('keeps them while no other client asks, and is refused more', () => {
    const c = crowd();
    for (const name of names(13)) c.ask(name, FLOODER);
    expect(c.inFlight()).toEqual(names(10));
    expect(c.answers(FLOODER).map(({ name }) => name)).toEqual(names(13).slice(10));
    expect(c.client(FLOODER).rcodes).toEqual([REFUSED, REFUSED, REFUSED]);
    expect(c.dropped()).toBe(3);
  });

  it('loses the oldest to another client, with EDE 0', () => {
    const c = crowd();
    for (const name of names(10)) c.ask(name, FLOODER);
    expect(c.ask('other.example', OTHER)).toBe(true);
    expect(c.answers(FLOODER)).toMatchObject([
      { id: 0x1234, rcode: REFUSED, name: 'n0.example', answers: [], ede: { code: 0 } },
    ]);
    expect(c.dropped()).toBe(1);
    expect(c.inFlight()).toEqual([...names(10).slice(1), 'other.example']);
    expect([c.f.pipeline.waiting, c.f.pipeline.flights.live]).toEqual([10, 10]);
    while (c.upstream.waiting.size > 0) c.upstream.reply();
    expect(c.client(OTHER).rcodes).toEqual([NOERROR]);
    expect(c.client(FLOODER).rcodes).toEqual([REFUSED, ...new Array(9).fill(NOERROR)]);
    const { flights, waiters } = c.f.zones.root.load;
    expect([c.f.pipeline.waiting, c.f.pipeline.flights.inUse, flights, waiters]).toEqual([0, 0, 0, 0]);
  });

  it('keeps what others leave: all get equal shares, and a client with its share is refused', () => {
    const c = crowd();
    for (const name of names(10)) c.ask(name, FLOODER);
    for (const name of names(5, 'o')) c.ask(name, OTHER);
    expect(c.client(OTHER).rcodes).toEqual([]);
    c.ask('o5.example', OTHER);
    c.ask('n10.example', FLOODER);
    expect(c.client(OTHER).rcodes).toEqual([REFUSED]);
    for (const name of names(4, 't')) c.ask(name, THIRD);
    expect(c.client(THIRD).rcodes).toEqual([REFUSED]);
    const inFlight = c.inFlight();
    expect(inFlight.filter((name) => name.startsWith('t'))).toEqual(names(3, 't'));
    expect(inFlight).toHaveLength(10);
    // Nobody is thrown out to and fro.
    for (let i = 0; i < 100; i++)
      for (const from of [FLOODER, OTHER, THIRD]) c.ask(`again${i}.example`, from);
    expect(c.inFlight()).toEqual(inFlight);
  });

  it('counts as one, whatever ports and addresses of its IPv6 /64 it uses', () => {
    const c = crowd();
    for (const [i, name] of names(10).entries()) c.ask(name, `2001:db8::${i}`);
    c.ask('same.example', '2001:db8::abcd:1');
    expect(c.client('2001:db8::abcd:1').rcodes).toEqual([REFUSED]);
    c.ask('other.example', '2001:db8:0:1::1');
    expect(c.client('2001:db8:0:1::1').rcodes).toEqual([]);
    expect(c.client('2001:db8::0').rcodes).toEqual([REFUSED]);
  });

  it('does not cost others their answer to the same question', () => {
    const c = crowd();
    c.ask('n0.example', FLOODER);
    c.ask('n0.example', THIRD);
    c.ask('n0.example', FLOODER);
    for (const name of names(8).slice(1)) c.ask(name, FLOODER);
    // The first of three, then the last of the list that they are.
    c.ask('first.example', OTHER);
    c.ask('second.example', OTHER);
    expect(c.answers(FLOODER).map(({ name }) => name)).toEqual(['n0.example', 'n0.example']);
    expect(c.inFlight()).toContain('n0.example');
    while (c.upstream.waiting.size > 0) c.upstream.reply();
    expect(c.client(THIRD).rcodes).toEqual([NOERROR]);
    expect(c.client(OTHER).rcodes).toEqual([NOERROR, NOERROR]);
    expect(c.f.zones.root.load.waiters).toBe(0);
  });

  it('leaves its question in flight for others that ask the same', () => {
    const c = crowd();
    for (const name of names(10)) c.ask(name, FLOODER);
    c.ask('n0.example', OTHER);
    expect(c.client(FLOODER).rcodes).toEqual([REFUSED]);
    expect(c.upstream.sent).toHaveLength(10);
    while (c.upstream.waiting.size > 0) c.upstream.reply();
    expect(c.client(OTHER).rcodes).toEqual([NOERROR]);
    expect(c.client(FLOODER).rcodes).toHaveLength(10);
  });

  it('is answered for its signed query too', () => {
    const c = crowd();
    const tsig = record(Uint8Array.of(0), 250, 0, new Uint8Array(40), 255);
    const signed = bytesOf(header(0x0100, 1, 0, 0, 1), question('signed.example'), tsig);
    c.f.ask(signed, c.client(FLOODER), FLOODER);
    for (const name of names(9)) c.ask(name, FLOODER);
    c.ask('other.example', OTHER);
    expect(c.answers(FLOODER)).toMatchObject([{ rcode: REFUSED, name: 'signed.example' }]);
    expect(c.inFlight()).toHaveLength(10);
  });

  it('loses no slot to a client that a slot would not help', () => {
    const c = crowd();
    // Eight flights that nobody waits for: their clients were given stale answers.
    for (const name of names(8, 'idle')) {
      c.ask(name, THIRD);
      c.upstream.reply();
    }
    c.f.jump(61_000);
    for (const name of names(8, 'idle')) c.ask(name, THIRD);
    c.f.pass(1510);
    expect([c.f.pipeline.flights.live, c.f.pipeline.waiting]).toEqual([8, 0]);
    for (let i = 0; i < 3; i++) for (const name of names(2)) c.ask(name, FLOODER);
    c.ask('other.example', OTHER);
    expect(c.client(OTHER).rcodes).toEqual([REFUSED]);
    expect(c.client(FLOODER).rcodes).toEqual([]);
    c.ask('n0.example', OTHER);
    expect(c.client(OTHER).rcodes).toEqual([REFUSED]);
  });

  it('gives up slots of its own zone only', () => {
    const [root, local] = [new FakeUpstream(1), new FakeUpstream(2)];
    const f = new PipelineFixture({
      maxInFlight: 40,
      zones: [
        ['.', [root]],
        ['local', [local]],
      ],
    });
    const [flooder, other] = [new FakeClient(), new FakeClient()];
    const elsewhere = testQuery('elsewhere.example').bytes;
    for (let i = 0; i < 4; i++) f.ask(testQuery(`e${i}.example`).bytes, flooder, FLOODER);
    for (let i = 0; i < 100; i++) f.ask(testQuery(`n${i}.local`).bytes, flooder, FLOODER);
    const held = () => f.zones.zones.map(({ load }) => [load.flights, load.waiters]);
    const before = held();
    const refused = flooder.answers.length;
    expect(before[1]![1]).toBeGreaterThan(20);
    expect(f.pipeline.waiting).toBeLessThan(40);
    f.ask(testQuery('other.local').bytes, other, OTHER);
    expect(other.rcodes).toEqual([]);
    expect(flooder.answers).toHaveLength(refused + 1);
    expect(held()).toEqual(before);
    local.reply();
    expect(other.rcodes).toEqual([NOERROR]);
    // Elsewhere there is room, and nobody is displaced.
    f.ask(elsewhere, other, OTHER);
    expect(flooder.answers).toHaveLength(refused + 1);
    expect(held()[0]).toEqual([5, 5]);
    while (root.waiting.size > 0) root.reply();
    expect(flooder.rcodes.filter((rcode) => rcode === NOERROR)).toHaveLength(4);
  });
});
