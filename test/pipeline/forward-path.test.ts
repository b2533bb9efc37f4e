// Every client is answered by the deadline, attempts are bounded, and servers are judged fairly.
import { decode, type OptAnswer } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { MAX_FILLER_LENGTH, TAG_LENGTH, TAG_OPTION } from '../../src/loop/detector.ts';
import { createKeyMaterial } from '../../src/loop/keys.ts';
import { Counter } from '../../src/metrics/counters.ts';
import { MAX_MESSAGES_AFTER_TC } from '../../src/pipeline/pending/flight.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { answerTo } from '../cache/messages.ts';
import { bytesOf, opt, uint16 } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const SERVFAIL = 2;
const FORMERR = 1;
const NOERROR = 0;
const REFUSED = 5;

/** Data of the tags that a query carries. */
function tagsIn(message: Uint8Array): Buffer[] {
  const [opt] = decode(Buffer.from(message)).additionals as OptAnswer[];
  return opt!.options.filter(({ code }) => (code as number) === TAG_OPTION).map(({ data }) => data!);
}

/** Sets TC. */
const truncated = (message: Uint8Array) => {
  message[2]! |= 0x02;
  return message;
};

describe('a flight', () => {
  it('answers its clients even if the thread was stopped until long after the deadline', () => {
    const f = new PipelineFixture();
    f.ask(testQuery('slow.example').bytes);
    f.jump(60_000);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
    expect(f.pipeline.waiting).toBe(0);
    f.pass(20);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('answers at the deadline if no upstream does, waits for a late reply, then is freed', () => {
    const f = new PipelineFixture();
    f.ask(testQuery('silent.example').bytes);
    f.pass(1790);
    expect(f.client.rcodes).toEqual([]);
    f.pass(20);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
    expect(f.pipeline.flights.inUse).toBe(1);
    f.pass(3010);
    expect(f.pipeline.flights.inUse).toBe(0);
    expect(f.pipeline.waiting).toBe(0);
    expect(f.wheel.armed).toBe(0);
  });

  it('is repeated without OPT after silence over UDP, never over a stream', () => {
    const hasOpt = (upstream: FakeUpstream) => upstream.sent.map(({ bytes }) => bytes[11]! > 0);
    for (const transport of ['udp', 'tcp'] as const) {
      const upstream = new FakeUpstream(1, transport);
      const f = new PipelineFixture({ zones: [['.', [upstream]]] });
      f.ask(testQuery('silent.example').bytes);
      f.pass(1790);
      expect(upstream.sent.length).toBeGreaterThan(1);
      expect(hasOpt(upstream).slice(1).includes(false)).toBe(transport === 'udp');
      expect(hasOpt(upstream)[0]).toBe(true);
    }
  });

  it('stores a late answer, even one that must be fetched over TCP first', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    const { bytes } = testQuery('late.example');
    f.ask(bytes);
    f.pass(2000);
    const doubtsBefore = f.state.doubts(1);
    // One of the datagrams is answered; the last round has asked over TCP already.
    const { query } = upstream.last();
    upstream.waiting.delete(query);
    upstream.reply(truncated);
    upstream.waiting.add(query);
    expect(upstream.last().overStream).toBe(true);
    f.pass(500);
    // The TCP attempt is not late: nobody waits for it.
    expect(f.state.doubts(1)).toBe(doubtsBefore);
    upstream.reply(() => answerTo(upstream.last().bytes.slice(0, upstream.last().query.questionEnd)));
    expect(f.pipeline.flights.inUse).toBe(0);
    f.ask(bytes);
    expect(f.client.rcodes).toEqual([SERVFAIL, NOERROR]);
  });

  it('makes a bounded number of attempts, whatever the servers say', () => {
    const upstreams = [1, 2, 3].map((slot) => new FakeUpstream(slot));
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    f.ask(testQuery('budget.example').bytes);
    // Each is silent at first; then each datagram is answered with TC and each stream with FORMERR.
    f.pass(1500);
    for (let turn = 0; turn < 100; turn++) {
      const busy = upstreams.find((upstream) => upstream.waiting.size > 0);
      if (busy === undefined) break;
      if (busy.last().overStream) busy.refuse(FORMERR);
      else busy.reply(truncated);
    }
    f.pass(5000);
    const made = upstreams.reduce((sum, { sent }) => sum + sent.length, 0);
    expect(made).toBeLessThanOrEqual(MAX_MESSAGES_AFTER_TC);
    expect(f.client.rcodes).toHaveLength(1);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('stores no failure if there was no room to ask any server', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    const { bytes } = testQuery('crowded.example');
    f.ask(bytes);
    upstream.fail(FailureReason.overload);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
    f.ask(bytes);
    expect(upstream.sent).toHaveLength(2);
    expect(f.state.isUp(1)).toBe(true);
  });

  it('that ends with its thread does not count against the server', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    for (const name of ['a.example', 'b.example', 'c.example']) f.ask(testQuery(name).bytes);
    f.pipeline.close();
    while (upstream.waiting.size > 0) upstream.fail(FailureReason.closed);
    expect(f.state.isUp(1)).toBe(true);
    expect(f.state.doubts(1)).toBe(0);
    expect(f.client.rcodes).toEqual([SERVFAIL, SERVFAIL, SERVFAIL]);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('is joined by the same question in another letter case, and each client gets its own spelling', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    f.ask(testQuery('join.example').bytes);
    f.ask(testQuery('JOIN.example').bytes);
    expect(upstream.sent).toHaveLength(1);
    upstream.reply();
    expect(f.client.answers.map((answer) => Buffer.from(answer.subarray(13, 17)).toString()).sort()).toEqual([
      'JOIN',
      'join',
    ]);
    expect(f.counters.values[Counter.coalesced]).toBe(1);
  });

  /** A query as the hop before us sends it, with its tag. */
  const fromHopBefore = (name: string): Uint8Array => {
    const before = new PipelineFixture({ keys: createKeyMaterial('shared by two hops', 'first') });
    before.ask(testQuery(name).bytes);
    return (before.zones.root.upstreams[0] as unknown as FakeUpstream).last().bytes;
  };
  const secondHop = (transport: 'udp' | 'tcp' = 'udp') => {
    const upstream = new FakeUpstream(1, transport);
    const keys = createKeyMaterial('shared by two hops', 'second');
    const f = new PipelineFixture({ zones: [['.', [upstream]]], keys });
    f.state.setAnsweredEdns(1);
    return { upstream, f };
  };

  it('forwards the tags of the hop before it with the first message only', () => {
    const { upstream, f } = secondHop();
    const asked = fromHopBefore('hops.example');
    f.ask(asked);
    f.pass(500);
    const [first, second] = upstream.sent.map(({ bytes }) => tagsIn(bytes));
    expect(first).toHaveLength(2);
    expect(first![1]).toEqual(tagsIn(asked)[0]!.subarray(-TAG_LENGTH));
    expect(upstream.sent[0]!.bytes.length % 16).toBe(0);
    // After silence it carries what the server is known to take alone.
    expect(second).toHaveLength(0);
  });

  it('does not forward the tags of a query that joins it', () => {
    const { upstream, f } = secondHop();
    f.ask(testQuery('hops.example').bytes);
    f.ask(fromHopBefore('hops.example'));
    f.pass(500);
    expect(upstream.sent.map(({ bytes }) => tagsIn(bytes).length)).toEqual([1, 0]);
  });

  it('that fails with forwarded tags is sent again without them, for all waiting clients', () => {
    const { upstream, f } = secondHop();
    f.ask(fromHopBefore('hops.example'));
    f.ask(testQuery('hops.example').bytes);
    upstream.refuse(2);
    expect(f.client.rcodes).toEqual([]);
    expect(upstream.sent.map(({ bytes }) => tagsIn(bytes).length)).toEqual([2, 1]);
    upstream.reply();
    expect(f.client.rcodes).toEqual([0, 0]);
  });

  it('that fails with forwarded tags over a stream is sent again without them, TC or not', () => {
    const { upstream, f } = secondHop('tcp');
    f.ask(fromHopBefore('hops.example'));
    upstream.reply((message) => {
      message[3] = SERVFAIL;
      return truncated(message);
    });
    expect(upstream.sent.map(({ bytes }) => tagsIn(bytes).length)).toEqual([2, 1]);
    upstream.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
  });

  it('that fails without forwarded tags too is stored as a failure of the name', () => {
    const { upstream, f } = secondHop();
    f.ask(fromHopBefore('hops.example'));
    for (let i = 0; i < 3; i++) upstream.refuse(2);
    f.ask(testQuery('hops.example').bytes);
    expect(f.client.rcodes).toEqual([2, 2]);
    expect(upstream.sent).toHaveLength(3);
  });

  it('whose upstream reports a loop in our own words is not stored', () => {
    const { upstream, f } = secondHop();
    f.ask(testQuery('www.example').bytes);
    upstream.reply((message) => {
      message[3] = 2;
      message[11] = 1;
      const text = new TextEncoder().encode('forwarding loop: too many hops');
      const ede = bytesOf(uint16(15), uint16(2 + text.length), uint16(14), text);
      return bytesOf(message, opt(1232, { options: ede }));
    });
    expect(f.client.rcodes).toEqual([2]);
    f.ask(testQuery('www.example').bytes);
    expect(upstream.sent).toHaveLength(2);
  });

  it('sends tagged messages in few lengths, whatever the name', () => {
    for (let letters = 1; letters < 40; letters++) {
      const upstream = new FakeUpstream(1);
      const f = new PipelineFixture({ zones: [['.', [upstream]]] });
      f.ask(testQuery(`${'n'.repeat(letters)}.example`).bytes);
      const { bytes } = upstream.last();
      const [tag] = tagsIn(bytes);
      expect(bytes.length % (MAX_FILLER_LENGTH + 1)).toBe(0);
      expect(tag!.length).toBeLessThanOrEqual(TAG_LENGTH + MAX_FILLER_LENGTH);
      expect([...tag!.subarray(0, -TAG_LENGTH)].every((byte) => byte === 0)).toBe(true);
    }
  });

  it('can be joined, and leaves a looping route, after routing was rebuilt with the same servers', () => {
    const [first, second] = [new FakeUpstream(1), new FakeUpstream(2)];
    const f = new PipelineFixture({ zones: [['.', [first, second]]] });
    f.ask(testQuery('moved.example').bytes);
    f.route([['.', [second, first]]]);
    f.ask(testQuery('moved.example').bytes);
    expect(first.sent.length + second.sent.length).toBe(1);
    f.state.setQuarantined(1, true);
    f.pipeline.leaveRoute(1);
    expect(first.waiting.size).toBe(0);
    expect(second.waiting.size).toBe(1);
    second.reply();
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
  });
});

describe('one dead zone', () => {
  const dead = new FakeUpstream(2);

  it('takes no slots from another, neither of flights nor of waiting clients', () => {
    const alive = new FakeUpstream(1);
    const f = new PipelineFixture({
      maxInFlight: 40,
      zones: [
        ['.', [alive]],
        ['dead.test', [dead]],
      ],
    });
    for (let i = 0; i < 200; i++) f.ask(testQuery(`n${i}.dead.test`).bytes, new FakeClient());
    f.ask(testQuery('www.example').bytes);
    alive.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
    f.pass(5000);
    expect(f.pipeline.flights.inUse).toBe(0);

    for (let i = 0; i < 200; i++) f.ask(testQuery('same.dead.test').bytes, new FakeClient());
    f.ask(testQuery('ftp.example').bytes);
    alive.reply();
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
    f.pass(5000);
    expect(f.pipeline.waiting).toBe(0);
    expect(f.zones.zones.map(({ load }) => [load.flights, load.waiters])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('uses all slots while it is the only zone', () => {
    const f = new PipelineFixture({ maxInFlight: 10 });
    for (let i = 0; i < 12; i++) f.ask(testQuery(`n${i}.example`).bytes);
    expect(f.client.rcodes).toEqual([REFUSED, REFUSED]);
  });

  it('makes room for new questions while it only waits for late answers', () => {
    const f = new PipelineFixture({ maxInFlight: 10 });
    for (let i = 0; i < 10; i++) f.ask(testQuery(`n${i}.example`).bytes);
    f.pass(1810);
    expect(f.client.rcodes).toEqual(new Array(10).fill(SERVFAIL));
    for (let i = 0; i < 11; i++) f.ask(testQuery(`m${i}.example`).bytes);
    expect(f.client.rcodes.slice(10)).toEqual([REFUSED]);
    f.pass(6000);
    expect(f.pipeline.flights.inUse).toBe(0);
    expect(f.zones.root.load.flights).toBe(0);
  });
});
