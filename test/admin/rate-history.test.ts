import { describe, expect, it } from 'vitest';
import { RateHistory, SAMPLE_INTERVAL_MS } from '../../src/admin/rate-history.ts';
import { Counter, Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';

function createCounted(): { totals: CounterTotals; counters: Counters } {
  const totals = new CounterTotals();
  const block = createCounterBlock();
  totals.add(block);
  return { totals, counters: new Counters(block) };
}

describe('the rate history', () => {
  it('has no ratios before anything happened', () => {
    const { totals } = createCounted();
    expect(new RateHistory(totals, 0).rates(0)).toEqual({
      queriesPerSecond: 0,
      hitRatio: null,
      servfailRatio: null,
      medianMs: null,
      p99Ms: null,
    });
  });

  it('counts since the start at first, without what was before it', () => {
    const { totals, counters } = createCounted();
    counters.values[Counter.queriesUdp] = 1_000_000;
    const history = new RateHistory(totals, 10_000);
    counters.values[Counter.queriesUdp]! += 30;
    counters.values[Counter.queriesTcp]! += 10;
    expect(history.rates(12_000).queriesPerSecond).toBe(20);
  });

  it('looks one minute back once there is one', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    for (let nowMs = SAMPLE_INTERVAL_MS; nowMs <= 300_000; nowMs += SAMPLE_INTERVAL_MS) {
      // 10 a second for four minutes, then 2 a second.
      counters.values[Counter.queriesUdp]! += nowMs <= 240_000 ? 50 : 10;
      history.sample(nowMs);
    }
    expect(history.rates(300_000).queriesPerSecond).toBe(2);
  });

  it('falls back to the newest reading when the timer slept for long', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    counters.values[Counter.queriesUdp] = 600;
    expect(history.rates(600_000).queriesPerSecond).toBe(1);
  });

  it('gives ratios and quantiles of the last minute', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    counters.values[Counter.cacheHits] = 3;
    counters.values[Counter.cacheMisses] = 1;
    for (const rcode of [0, 0, 0, 2]) counters.response(rcode);
    counters.duration(0.2, 98);
    counters.duration(100, 2);
    expect(history.rates(1000)).toMatchObject({
      hitRatio: 0.75,
      servfailRatio: 0.25,
      medianMs: 0.25,
      p99Ms: 128,
    });
  });

  it('says past the last bucket when a quantile lies there', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    counters.duration(60_000, 1);
    expect(history.rates(1000).medianMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('remembers five minutes, however long it runs', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    for (let i = 1; i <= 500; i++) {
      counters.values[Counter.queriesUdp]! += i;
      history.sample(i * 1000);
    }
    const rates = history.queryRates();
    expect(rates.length).toBe(60);
    expect(rates.at(-1)).toBe(500);
    expect(rates[0]).toBe(441);
  });
});
