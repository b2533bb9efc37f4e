import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ROUTES, MAX_UPSTREAMS } from '../../src/base/slots.ts';
import { EVIDENCE_NAMES } from '../../src/loop/evidence.ts';
import {
  BLOCK_LENGTH,
  Counter,
  Counters,
  CounterTotals,
  createCounterBlock,
  DROP_REASONS,
  Drop,
  DURATION_BUCKETS_SECONDS,
} from '../../src/metrics/counters.ts';
import { FAILURE_REASON_NAMES } from '../../src/upstream/exchange.ts';

function createWorker(totals: CounterTotals): Counters {
  const block = createCounterBlock();
  totals.add(block);
  return new Counters(block);
}

describe('counters', () => {
  it('sum over workers', () => {
    const totals = new CounterTotals();
    const workers = [createWorker(totals), createWorker(totals)];
    workers[0]!.increment(Counter.cacheHits);
    workers[1]!.increment(Counter.cacheHits);
    workers[1]!.dropMany(Drop.kernel, 40);
    expect(totals.counter(Counter.cacheHits)).toBe(2);
    expect(totals.dropped(Drop.kernel)).toBe(40);
  });

  it('never share a slot: each write changes one number that is read back in one slot', () => {
    const totals = new CounterTotals();
    const worker = createWorker(totals);
    for (const counter of Object.values(Counter)) worker.increment(counter);
    for (const drop of Object.values(Drop)) worker.drop(drop);
    for (let rcode = 0; rcode < 25; rcode++) worker.response(rcode);
    worker.duration(1, 1);
    for (const slot of [0, MAX_UPSTREAMS - 1]) {
      worker.upstreamRequest(slot);
      for (const reason of FAILURE_REASON_NAMES.keys()) worker.upstreamFailure(slot, reason);
      worker.upstreamDuration(slot, 1000);
    }
    for (const route of [0, MAX_ROUTES - 1]) {
      for (const evidence of EVIDENCE_NAMES.keys()) worker.loopDetected(route, evidence);
    }
    // 1 everywhere it was written, but for the sum of durations (1 from above and 0.001 s).
    const written = worker.values.filter((value) => value !== 0);
    const expected =
      Object.keys(Counter).length +
      DROP_REASONS.length +
      25 +
      1 +
      2 * (1 + FAILURE_REASON_NAMES.length + 2) +
      2 * EVIDENCE_NAMES.length;
    expect(written.length).toBe(expected);
    expect([...written].filter((value) => value !== 1)).toEqual([1.001]);
    expect(worker.values.length).toBe(BLOCK_LENGTH);
  });

  it('put a duration into the first bucket whose bound is not below it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 60_000, noNaN: true }), (durationMs) => {
        const totals = new CounterTotals();
        createWorker(totals).duration(durationMs, 1);
        const bucket = totals.durationBuckets().indexOf(1);
        // The bucket is found in whole units of 62.5 µs, so compare with the bounds in ms as they
        // are.
        const expected = DURATION_BUCKETS_SECONDS.findIndex((bound) => durationMs <= bound * 1000);
        expect(bucket).toBe(expected === -1 ? DURATION_BUCKETS_SECONDS.length : expected);
      }),
    );
  });

  it('gather unusual RCODEs in the last slot', () => {
    const totals = new CounterTotals();
    const worker = createWorker(totals);
    worker.response(24);
    worker.response(4095);
    expect(totals.responses(24)).toBe(2);
  });

  it('start at nothing when a slot is given to another upstream or route, and no other slot does', () => {
    const totals = new CounterTotals();
    const workers = [createWorker(totals), createWorker(totals)];
    for (const worker of workers) {
      for (const slot of [4, 5, 6]) {
        worker.upstreamRequest(slot);
        worker.upstreamFailure(slot, 6);
        worker.upstreamDuration(slot, 5);
        worker.loopDetected(slot, 3);
      }
    }
    totals.restartUpstream(5);
    totals.restartRoute(5);
    workers[0]!.upstreamRequest(5);
    expect([4, 5, 6].map((slot) => totals.upstreamRequests(slot))).toEqual([2, 1, 2]);
    expect([4, 5, 6].map((slot) => totals.upstreamFailures(slot, 6))).toEqual([2, 0, 2]);
    expect([4, 5, 6].map((slot) => totals.upstreamDurationSumSeconds(slot))).toEqual([0.01, 0, 0.01]);
    expect(totals.upstreamDurationBuckets(5).every((count) => count === 0)).toBe(true);
    expect([4, 5, 6].map((slot) => totals.loopsDetected(slot, 3))).toEqual([2, 0, 2]);
    totals.restartUpstream(5);
    expect(totals.upstreamRequests(5)).toBe(0);
  });

  it("go on in a dead worker's block, whose gauges are gone", () => {
    const totals = new CounterTotals();
    const block = createCounterBlock();
    totals.add(block);
    const dead = new Counters(block);
    dead.increment(Counter.queriesUdp);
    dead.values[Counter.cacheEntries] = 12;
    dead.values[Counter.inFlight] = 3;
    const heir = new Counters(block);
    heir.resetGauges();
    heir.increment(Counter.queriesUdp);
    expect(totals.counter(Counter.queriesUdp)).toBe(2);
    expect(totals.counter(Counter.cacheEntries)).toBe(0);
    expect(totals.counter(Counter.inFlight)).toBe(0);
  });
});
