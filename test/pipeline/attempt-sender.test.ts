// Messages leave, are counted, time out and are taken back, one flight at a time.

import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { LoopDetector } from '../../src/loop/detector.ts';
import { createKeyMaterial } from '../../src/loop/keys.ts';
import { SentQuestions } from '../../src/loop/sent-questions.ts';
import { Counter, Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';
import { AttemptSender } from '../../src/pipeline/attempt-sender.ts';
import { OutgoingQuery } from '../../src/pipeline/outgoing-query.ts';
import type { Attempt } from '../../src/pipeline/pending/attempt.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { FlightPool } from '../../src/pipeline/pending/flight-pool.ts';
import { Outcome, Step } from '../../src/pipeline/situation.ts';
import { TopCounts } from '../../src/top/top-counts.ts';
import { FailureReason, UNSENT_ID } from '../../src/upstream/exchange.ts';
import { ALL_MARKS, Mark } from '../../src/upstream/marks.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeUpstream } from './pipeline-fixture.ts';

let clock: ManualClock;
let state: SharedUpstreamState;
let totals: CounterTotals;
let upstreams: [FakeUpstream, FakeUpstream];
let sender: AttemptSender;
let flight: Flight;

beforeEach(() => {
  clock = new ManualClock();
  state = new SharedUpstreamState();
  const block = createCounterBlock();
  totals = new CounterTotals();
  totals.add(block);
  upstreams = [new FakeUpstream(1), new FakeUpstream(2)];
  const material = createKeyMaterial('', 'default');
  const detector = new LoopDetector({ material, clock, sentQuestions: new SentQuestions(), maxHops: 8 });
  sender = new AttemptSender({
    clock,
    counters: new Counters(block),
    state,
    outgoing: new OutgoingQuery({ tag: 'auto', case: true }, detector, state, clock),
    top: new TopCounts(1, new Counters(block)),
    pool: new FlightPool(10, { onFlightTimer() {} }),
  });
  flight = activeFlight(rootZone(upstreams, state));
  flight.deadlineMs = clock.nowMs + 1800;
});

/** Sends a message to upstream `index`; what it is. */
function send(index: number, change: Partial<Step> = {}, overStream = false): Attempt<Flight> {
  const step = new Step();
  step.send(index, ALL_MARKS, overStream);
  sender.send(flight, Object.assign(step, change));
  return upstreams[index]!.last().query as Attempt<Flight>;
}

describe('a message', () => {
  it('is counted for its flight and its upstream', () => {
    const attempt = send(1);
    expect(flight).toMatchObject({ triedMask: 0b10, attemptCount: 1, outstanding: 1, messages: 1 });
    expect(flight.attempts[0]).toBe(attempt);
    expect(attempt).toMatchObject({ flight, upstreamIndex: 1, sentAtMs: clock.nowMs });
    expect([totals.upstreamRequests(1), totals.upstreamRequests(2)]).toEqual([0, 1]);
  });

  it('is due for a repetition before the deadline, later over a stream than as a datagram', () => {
    state.measured(1, 100, clock.nowMs);
    send(0);
    const datagramMs = flight.retryMs - clock.nowMs;
    send(0, {}, true);
    const streamMs = flight.retryMs - clock.nowMs;
    expect(datagramMs).toBeGreaterThan(100);
    expect(streamMs).toBeGreaterThan(datagramMs);
    expect(streamMs).toBeLessThanOrEqual(1800);
  });

  it('makes nothing due once nobody waits', () => {
    flight.awaitLateReply();
    send(0, {}, true);
    expect(flight.retryMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('notes the streams in place of datagrams by upstream, not those of a TCP upstream', () => {
    send(1, {}, true);
    expect(flight.streamMask).toBe(0b10);
    upstreams[0] = new FakeUpstream(1, 'tcp');
    flight = activeFlight(rootZone(upstreams, state));
    expect(send(0).overStream).toBe(true);
    expect(flight.streamMask).toBe(0);
  });

  it('carries the reason and the marks of the one before, and counts what is left off', () => {
    const attempt = send(0, { cause: Outcome.rejected, marksBefore: ALL_MARKS, leftOff: Mark.edns });
    expect(attempt).toMatchObject({ cause: Outcome.rejected, marksBefore: ALL_MARKS });
    expect(totals.counter(Counter.fallbacksEdns)).toBe(1);
  });

  it('ends the use of TCP in place of datagrams when its step says so', () => {
    send(0, { givesUpTcp: true });
    expect(flight.streamRefused).toBe(true);
  });
});

describe('an upstream that is down', () => {
  it('is on trial from the message to its end', () => {
    state.setState(1, UpstreamState.down);
    const attempt = send(0);
    expect(attempt.trialSlot).toBe(1);
    for (let i = 0; i < 31; i++) sender.trials.begin(1, 0);
    expect(sender.trials.hasRoom(1, 0)).toBe(false);
    sender.drop(attempt);
    expect(sender.trials.hasRoom(1, 0)).toBe(true);
  });

  it('is asked along with the first message, so that it can come back', () => {
    state.setState(2, UpstreamState.down);
    expect(flight.zone!.selection.pick(0)).toBe(0);
    send(0);
    expect((upstreams[1].last().query as Attempt<Flight>).isTrialAlongside).toBe(true);
    expect(flight).toMatchObject({ attemptCount: 2, messages: 2, triedMask: 0b01 });
    // Its turn is over for this time.
    send(0);
    expect(upstreams[1].sent).toHaveLength(1);
  });

  it('is not asked along with an opaque question: that cannot be sent twice as it is signed', () => {
    state.setState(2, UpstreamState.down);
    expect(flight.zone!.selection.pick(0)).toBe(0);
    flight.opaque = true;
    send(0);
    expect(upstreams[1].sent).toHaveLength(0);
  });
});

describe('a timeout', () => {
  it('is counted once for each message, and is a doubt about its upstream', () => {
    send(0);
    sender.countTimeouts(flight, false);
    send(1);
    sender.countTimeouts(flight, true);
    expect(totals.upstreamFailures(1, FailureReason.timeout)).toBe(1);
    expect(totals.upstreamFailures(2, FailureReason.timeout)).toBe(1);
    expect([state.doubts(1), state.doubts(2)]).toEqual([1, 1]);
    expect(flight.failure.sawSilence).toBe(true);
  });

  it('of a message that never left counts only at the end, as no room, and is no doubt', () => {
    send(0).id = UNSENT_ID;
    sender.countTimeouts(flight, false);
    expect(totals.upstreamFailures(1, FailureReason.overload)).toBe(0);
    sender.countTimeouts(flight, true);
    sender.countTimeouts(flight, true);
    expect(totals.upstreamFailures(1, FailureReason.overload)).toBe(1);
    expect(totals.upstreamFailures(1, FailureReason.timeout)).toBe(0);
    expect(state.doubts(1)).toBe(0);
  });

  it('of an opaque question is no doubt: its client chose every byte', () => {
    flight.opaque = true;
    send(0);
    sender.countTimeouts(flight, false);
    expect([totals.upstreamFailures(1, FailureReason.timeout), state.doubts(1)]).toEqual([1, 0]);
  });
});

describe('messages that are taken back', () => {
  it('leave their exchange and their flight', () => {
    const attempt = send(0);
    send(1);
    sender.drop(attempt);
    expect(upstreams.map(({ inFlight }) => inFlight)).toEqual([0, 1]);
    expect([flight.attempts[0], flight.outstanding, attempt.flight]).toEqual([null, 1, null]);
  });

  it('are those to one upstream, or none', () => {
    send(0);
    send(1);
    send(0, {}, true);
    expect(sender.dropAllTo(flight, 0)).toBe(true);
    expect(upstreams.map(({ inFlight }) => inFlight)).toEqual([0, 1]);
    expect(flight.outstanding).toBe(1);
    expect(sender.dropAllTo(flight, 0)).toBe(false);
  });

  it('are all when the flight ends, and their memory serves the next ones', () => {
    const used = new Set([send(0), send(1)]);
    sender.drop([...used][0]!);
    sender.dropAll(flight);
    expect(upstreams.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
    expect(flight.attempts.slice(0, 2)).toEqual([null, null]);
    flight = activeFlight(rootZone(upstreams, state));
    expect(new Set([send(0), send(1)])).toEqual(used);
  });
});
