// What questions show of the health of upstreams, and what they do not; what becomes of questions
// while upstreams are down.
import { describe, expect, it } from 'vitest';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { answerTo } from '../cache/messages.ts';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;

function start(count = 1, transport: 'udp' | 'tcp' = 'udp') {
  const upstreams = Array.from({ length: count }, (_, i) => new FakeUpstream(i + 1, transport));
  const f = new PipelineFixture({ zones: [['.', upstreams]], maxInFlight: 1000 });
  return { upstreams, first: upstreams[0]!, f };
}

const good = (upstream: FakeUpstream) =>
  upstream.reply(() => answerTo(upstream.last().bytes.slice(0, upstream.last().query.questionEnd)));

let serial = 0;
const ask = (f: PipelineFixture, name = `n${serial++}.example`) => f.ask(testQuery(name).bytes);

describe('a question', () => {
  it.each([
    FailureReason.closed,
    FailureReason.protocol,
  ])('that fails on an open connection (%d) does not count against the server', (reason) => {
    const { first, f } = start(1, 'tcp');
    for (let i = 0; i < 20; i++) {
      ask(f);
      first.fail(reason);
    }
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    // It is a reason to check it.
    expect(f.state.doubts(1)).toBe(20);
    ask(f);
    good(first);
    expect(f.client.rcodes.at(-1)).toBe(NOERROR);
  });

  it('that meets silence does not count against the server, and steers no other client away', () => {
    const { first, upstreams, f } = start(2);
    for (let i = 0; i < 20; i++) ask(f);
    f.pass(2000);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    expect(f.state.doubts(1)).toBeGreaterThanOrEqual(20);
    const before = first.sent.length;
    ask(f);
    expect(first.sent.length).toBe(before + 1);
    expect(upstreams[1]!.sent.length).toBeGreaterThan(0);
  });

  it.each([
    FailureReason.unreachable,
    FailureReason.tls,
  ])('that cannot connect (%d) makes the server suspect: another is asked first, until it answers', (reason) => {
    const { upstreams, f } = start(2, 'tcp');
    const [first, second] = upstreams as [FakeUpstream, FakeUpstream];
    ask(f);
    first.fail(reason);
    good(second);
    expect(f.state.stateOf(1)).toBe(UpstreamState.suspect);
    expect(f.client.rcodes).toEqual([NOERROR]);
    ask(f);
    good(second);
    f.state.answered(1);
    ask(f);
    good(first);
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR, NOERROR]);
  });

  it('that is passed on verbatim never counts against the server', () => {
    const { first, f } = start(1, 'tcp');
    const tsig = record(Uint8Array.of(0), 250, 0, new Uint8Array(40), 255);
    const signed = bytesOf(header(0x0100, 1, 0, 0, 1), question('signed.example'), tsig);
    for (const reason of [FailureReason.closed, FailureReason.unreachable, FailureReason.protocol]) {
      f.ask(signed);
      first.fail(reason);
    }
    f.ask(signed);
    f.pass(6000);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    expect(f.state.doubts(1)).toBe(0);
  });
});

describe('when all upstreams are down', () => {
  const downAll = (f: PipelineFixture, ...slots: number[]) => {
    for (const slot of slots) f.state.setState(slot, UpstreamState.down);
  };

  it('a question is sent all the same, and its answer brings the server back for all', () => {
    const { first, f } = start();
    downAll(f, 1);
    ask(f);
    expect(first.sent).toHaveLength(1);
    good(first);
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
  });

  it.each([SERVFAIL, NXDOMAIN, 5])('so does RCODE %d', (rcode) => {
    const { first, f } = start();
    downAll(f, 1);
    ask(f);
    first.refuse(rcode);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
  });

  it('tries each of them', () => {
    const { upstreams, f } = start(2);
    downAll(f, 1, 2);
    ask(f);
    f.pass(1000);
    for (const upstream of upstreams) expect(upstream.sent.length).toBeGreaterThan(0);
  });

  it('few questions are sent at a time; the others are answered at once; slots are freed again', () => {
    const { first, f } = start();
    downAll(f, 1);
    for (let i = 0; i < 500; i++) ask(f);
    // One client leaves as many to others as it has.
    expect(first.sent.length).toBe(32);
    expect(f.client.rcodes).toHaveLength(468);
    f.pass(6000);
    expect(f.client.rcodes).toHaveLength(500);
    expect(f.pipeline.flights.inUse).toBe(0);
    const before = first.sent.length;
    for (let i = 0; i < 500; i++) ask(f);
    expect(first.sent.length).toBe(before + 32);
  });

  it('a failure is not stored for the name for long', () => {
    const { first, f } = start();
    downAll(f, 1);
    for (let i = 0; i < 5; i++) {
      ask(f, 'again.example');
      f.pass(6000);
    }
    const before = first.sent.length;
    ask(f, 'again.example');
    expect(first.sent.length).toBe(before + 1);
    f.pass(1800);
    // RFC 9520 §3.2: for a second at the least.
    ask(f, 'again.example');
    expect(f.client.rcodes.at(-1)).toBe(SERVFAIL);
    const tried = first.sent.length;
    f.pass(1100);
    ask(f, 'again.example');
    expect(first.sent.length).toBe(tried + 1);
  });

  it('a failure that an outage outlived is not stored for long either', () => {
    const { first, f } = start();
    // It was known to answer, and goes away under way: the first retry finds it suspect.
    ask(f, 'before.example');
    good(first);
    ask(f, 'asked.example');
    f.state.setState(1, UpstreamState.suspect);
    f.pass(1500);
    // It is back, for another question; this one had no luck.
    ask(f, 'other.example');
    good(first);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    f.pass(400);
    expect(f.client.rcodes.at(-1)).toBe(SERVFAIL);
    const before = first.sent.length;
    f.pass(1100);
    ask(f, 'asked.example');
    expect(first.sent.length).toBe(before + 1);
  });

  it('an upstream that loops is not asked', () => {
    const { upstreams, f } = start(2);
    downAll(f, 1, 2);
    f.state.setQuarantined(1, true);
    ask(f);
    f.pass(1800);
    expect(upstreams[0]!.sent).toHaveLength(0);
    expect(upstreams[1]!.sent.length).toBeGreaterThan(0);
  });

  it('stale data is served at once, and refreshed meanwhile', () => {
    const { first, f } = start();
    ask(f, 'stale.example');
    good(first);
    f.clock.advance(3_000_000);
    downAll(f, 1);
    ask(f, 'stale.example');
    f.pass(20);
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
    expect(first.sent).toHaveLength(2);
    good(first);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
  });
});

describe('one that is down, while another is up', () => {
  const startDown = () => {
    const started = start(2);
    const [down, up] = started.upstreams as [FakeUpstream, FakeUpstream];
    started.f.state.setState(1, UpstreamState.down);
    return { f: started.f, down, up };
  };

  it('is asked along with it now and then: its answer brings it back, and no client waits for it', () => {
    const { f, down, up } = startDown();
    for (let i = 0; i < 10; i++) {
      ask(f);
      good(up);
    }
    expect(f.client.rcodes).toHaveLength(10);
    expect(down.sent).toHaveLength(1);
    f.pass(500);
    ask(f);
    good(down);
    expect(f.client.rcodes).toHaveLength(11);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it.each([
    ['an error', (down: FakeUpstream) => down.refuse(SERVFAIL)],
    ['a failure', (down: FakeUpstream) => down.fail(FailureReason.unreachable)],
  ])('%s from it changes nothing for the client', (_, act) => {
    const { f, down, up } = startDown();
    ask(f);
    act(down);
    expect(up.sent).toHaveLength(1);
    expect(f.client.rcodes).toEqual([]);
    good(up);
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('ends the flight when it is the last to fail', () => {
    const { f, down, up } = startDown();
    ask(f);
    // With our option, and without.
    for (let i = 0; i < 2; i++) up.refuse(SERVFAIL);
    expect(f.client.rcodes).toEqual([]);
    down.fail(FailureReason.unreachable);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
    expect(f.pipeline.flights.inUse).toBe(0);
  });
});
