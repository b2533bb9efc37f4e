// Whom the way of a query turns away, and how.
import { describe, expect, it } from 'vitest';
import { CounterTotals, Drop } from '../../src/metrics/counters.ts';
import { ClientGate } from '../../src/pipeline/client-gate.ts';
import { ClientRates, createClientRates } from '../../src/pipeline/client-rates.ts';
import { parseNetwork } from '../../src/server/listen/client-networks.ts';
import { type Answer, readAnswer } from '../kit/dns-client.ts';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const REFUSED = 5;
const NOTIMP = 4;

/** A NOTIFY: sound, but nothing that a forwarder does. */
function notify(): Uint8Array {
  const { bytes } = testQuery('example');
  bytes[2]! |= 4 << 3;
  return bytes;
}

describe('a client that is not allowed', () => {
  const denying = () => {
    const f = new PipelineFixture();
    f.configure({
      gate: new ClientGate([], [parseNetwork('192.0.2.0/24')], 0, new ClientRates(createClientRates())),
    });
    return f;
  };

  it('is refused', () => {
    const f = denying();
    expect(f.ask(testQuery('example').bytes, f.client, '192.0.2.7')).toBe(true);
    expect(f.client.rcodes).toEqual([REFUSED]);
  });

  it('gets silence for what is no query at all, where others get an error', () => {
    const f = denying();
    expect(f.ask(notify(), f.client, '192.0.2.7')).toBe(false);
    expect(f.client.rcodes).toEqual([]);
    expect(f.ask(notify())).toBe(true);
    expect(f.client.rcodes).toEqual([NOTIMP]);
  });
});

describe('a client that takes all places', () => {
  const FLOODER = '192.0.2.1';
  const OTHER = '192.0.2.2';
  const THIRD = '192.0.2.3';

  /**
   * Ten places, an upstream that is silent until it is told to answer, and a client for each
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

  it('has them for itself while nobody else asks, and is refused beyond', () => {
    const c = crowd();
    for (const name of names(13)) c.ask(name, FLOODER);
    expect(c.inFlight()).toEqual(names(10));
    expect(c.answers(FLOODER).map(({ name }) => name)).toEqual(names(13).slice(10));
    expect(c.client(FLOODER).rcodes).toEqual([REFUSED, REFUSED, REFUSED]);
    expect(c.dropped()).toBe(3);
  });

  it('gives the oldest to another, and is told so with EDE 0', () => {
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

  it('keeps what the others leave: they share alike, and who has its share is refused', () => {
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

  it('is one, whatever ports and addresses of its IPv6 /64 it asks from', () => {
    const c = crowd();
    for (const [i, name] of names(10).entries()) c.ask(name, `2001:db8::${i}`);
    c.ask('same.example', '2001:db8::abcd:1');
    expect(c.client('2001:db8::abcd:1').rcodes).toEqual([REFUSED]);
    c.ask('other.example', '2001:db8:0:1::1');
    expect(c.client('2001:db8:0:1::1').rcodes).toEqual([]);
    expect(c.client('2001:db8::0').rcodes).toEqual([REFUSED]);
  });

  it('does not take the answer from others that wait for the same', () => {
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

  it('leaves its question in flight for one who asks the very same', () => {
    const c = crowd();
    for (const name of names(10)) c.ask(name, FLOODER);
    c.ask('n0.example', OTHER);
    expect(c.client(FLOODER).rcodes).toEqual([REFUSED]);
    expect(c.upstream.sent).toHaveLength(10);
    while (c.upstream.waiting.size > 0) c.upstream.reply();
    expect(c.client(OTHER).rcodes).toEqual([NOERROR]);
    expect(c.client(FLOODER).rcodes).toHaveLength(10);
  });

  it('with a signed query among them is answered for that one, too', () => {
    const c = crowd();
    const tsig = record(Uint8Array.of(0), 250, 0, new Uint8Array(40), 255);
    const signed = bytesOf(header(0x0100, 1, 0, 0, 1), question('signed.example'), tsig);
    c.f.ask(signed, c.client(FLOODER), FLOODER);
    for (const name of names(9)) c.ask(name, FLOODER);
    c.ask('other.example', OTHER);
    expect(c.answers(FLOODER)).toMatchObject([{ rcode: REFUSED, name: 'signed.example' }]);
    expect(c.inFlight()).toHaveLength(10);
  });

  it('loses nothing to one whom a place alone would not help', () => {
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

  it('of one zone gives them up within it; what other zones have is not touched', () => {
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

describe('a question that very many wait for', () => {
  it('takes no more datagrams, sends their clients to TCP, and takes those', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ maxInFlight: 5000, zones: [['.', [upstream]]] });
    const { bytes } = testQuery('popular.example');
    for (let i = 0; i < 1500; i++) f.ask(bytes, f.client, '192.0.2.1');
    expect(f.client.answers).toHaveLength(500);
    const honest = new FakeClient();
    f.ask(bytes, honest, '192.0.2.2');
    const answer = readAnswer(Buffer.from(honest.answers[0]!));
    expect([answer.truncated, answer.rcode, answer.bytes.length]).toEqual([true, 0, bytes.length]);
    const overTcp = new FakeClient(true);
    f.ask(bytes, overTcp, '192.0.2.2');
    upstream.reply();
    expect(overTcp.rcodes).toEqual([0]);
    expect(readAnswer(Buffer.from(overTcp.answers[0]!)).answers).toHaveLength(1);
  });
});
