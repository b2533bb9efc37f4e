// A slow upstream is overtaken by another one: when, at what cost, and what becomes of its answer.
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const SERVFAIL = 2;
const QUESTIONS_PER_HEDGE = 20;

/** Two upstreams; the first is always asked first and usually answers within a tick. */
function start(upstreams = [new FakeUpstream(1), new FakeUpstream(2)], isRanked = false) {
  const f = new PipelineFixture({ zones: [['.', upstreams]], isRanked });
  const [first, second] = upstreams as [FakeUpstream, FakeUpstream];
  let asked = 0;
  /** Questions that are answered at once: they pay for hedges. */
  const askQuick = (count: number) => {
    for (let i = 0; i < count; i++) {
      f.ask(testQuery(`quick-${asked++}.example`).bytes);
      first.reply();
    }
  };
  const hedges = () => ({
    sent: f.counters.values[Counter.hedgesSent],
    won: f.counters.values[Counter.hedgesWon],
    withheld: f.counters.values[Counter.hedgesWithheld],
  });
  const strays = () => f.counters.values[Counter.upstreamMismatches];
  return { f, first, second, askQuick, hedges, strays };
}

describe('a slow answer', () => {
  it('is overtaken by another upstream', () => {
    const { f, first, second, askQuick, hedges } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    f.client.answers.length = 0;
    f.ask(testQuery('slow.example').bytes);
    expect(second.sent).toHaveLength(0);
    f.pass(30);
    expect(second.sent).toHaveLength(1);
    second.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(first.waiting.size).toBe(1);
    expect(hedges()).toEqual({ sent: 1, won: 1, withheld: 0 });
  });

  it('that comes late is a sign of life, no stray, and answers nobody twice', () => {
    const { f, first, second, askQuick, hedges, strays } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    f.ask(testQuery('slow.example').bytes);
    f.pass(30);
    second.reply();
    const answers = f.client.answers.length;
    const alive = f.state.answers(1);
    // The exchange still knows it, so that it is no stray.
    expect(first.reply()).toBe(true);
    expect(strays()).toBe(0);
    expect(f.state.answers(1)).toBe(alive + 1);
    expect(f.client.answers).toHaveLength(answers);
    expect(f.pipeline.flights.inUse).toBe(0);
    expect(hedges()).toEqual({ sent: 1, won: 1, withheld: 0 });
  });

  it('that comes first all the same is used, and the hedge is forgotten', () => {
    const { f, first, second, askQuick, hedges } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    f.client.answers.length = 0;
    f.ask(testQuery('slow.example').bytes);
    f.pass(30);
    first.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
    second.refuse(SERVFAIL);
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(hedges()).toEqual({ sent: 1, won: 0, withheld: 0 });
    f.pass(5000);
    expect(first.sent.length + second.sent.length).toBe(QUESTIONS_PER_HEDGE + 2);
  });

  it('is awaited when the hedge brings an error', () => {
    const { f, first, second, askQuick } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    f.client.answers.length = 0;
    f.ask(testQuery('slow.example').bytes);
    f.pass(30);
    second.refuse(SERVFAIL);
    expect(f.client.answers).toHaveLength(0);
    first.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
  });

  it('that never comes is asked for again at its time, though the hedge brought an error', () => {
    const { f, first, second, askQuick } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    f.ask(testQuery('lost.example').bytes);
    f.pass(30);
    second.fail(FailureReason.unreachable);
    f.pass(1500);
    expect(first.sent.length + second.sent.length).toBe(QUESTIONS_PER_HEDGE + 3);
  });

  it('of a server that answers nothing else is a reason to check it, and no failure', () => {
    const { f, second, askQuick } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    const doubts = f.state.doubts(1);
    f.ask(testQuery('dead.example').bytes);
    f.pass(30);
    second.reply();
    expect(f.state.doubts(1)).toBe(doubts + 1);
    f.pass(5000);
    expect(f.state.stateOf(1)).toBe(UpstreamState.up);
    expect(f.client.rcodes.every((rcode) => rcode === NOERROR)).toBe(true);
  });
});

describe('no hedge is sent', () => {
  it.each<[string, (f: PipelineFixture) => void]>([
    ['to an upstream that loops', (f) => f.state.setQuarantined(2, true)],
    ['to one that is down', (f) => f.state.setState(2, UpstreamState.down)],
    ['to one that is suspect', (f) => f.state.setState(2, UpstreamState.suspect)],
    ['when it is off', (f) => f.configure({ times: { deadlineMs: 1800, staleAfterMs: 1500, hedge: false } })],
  ])('%s', (_, change) => {
    const { f, askQuick, hedges } = start();
    askQuick(QUESTIONS_PER_HEDGE);
    change(f);
    f.ask(testQuery('slow.example').bytes);
    f.pass(60);
    expect(hedges()).toEqual({ sent: 0, won: 0, withheld: 0 });
  });

  it('where an upstream stands in for those before it', () => {
    const { f, second, askQuick, hedges } = start(undefined, true);
    askQuick(QUESTIONS_PER_HEDGE);
    f.ask(testQuery('slow.example').bytes);
    f.pass(60);
    expect(second.sent).toHaveLength(0);
    expect(hedges()).toEqual({ sent: 0, won: 0, withheld: 0 });
  });

  it('where there is one upstream: it is asked as often as ever', () => {
    const only = new FakeUpstream(1);
    const { f, askQuick, hedges } = start([only]);
    askQuick(2 * QUESTIONS_PER_HEDGE);
    f.ask(testQuery('slow.example').bytes);
    f.pass(60);
    expect(only.waiting.size).toBe(1);
    expect(only.sent).toHaveLength(2 * QUESTIONS_PER_HEDGE + 1);
    expect(hedges()).toEqual({ sent: 0, won: 0, withheld: 0 });
  });
});

describe('the budget', () => {
  it('holds when all upstreams are slow: at most one hedge for twenty questions', () => {
    const { f, first, second, askQuick, hedges } = start();
    askQuick(1);
    for (let i = 0; i < 200; i++) {
      f.ask(testQuery(`slow-${i}.example`).bytes);
      f.pass(60);
      for (const upstream of [first, second]) while (upstream.waiting.size > 0) upstream.reply();
    }
    const { sent, withheld } = hedges();
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(201 / QUESTIONS_PER_HEDGE);
    expect(second.sent).toHaveLength(sent!);
    expect(withheld).toBeGreaterThan(0);
    // All are slow, so that this is what is usual now.
    expect(f.state.slowMs(1)).toBeGreaterThan(50);
  });

  it('saves up only so many', () => {
    const { f, askQuick, hedges } = start();
    askQuick(2000);
    for (let i = 0; i < 60; i++) f.ask(testQuery(`slow-${i}.example`).bytes);
    f.pass(40);
    expect(hedges()).toEqual({ sent: 32, won: 0, withheld: 28 });
  });
});
