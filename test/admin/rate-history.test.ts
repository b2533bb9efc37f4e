import { describe, expect, it } from 'vitest';
import { RateHistory, SAMPLE_INTERVAL_MS } from '../../src/admin/rate-history.ts';
import {
  Counter,
  Counters,
  CounterTotals,
  createCounterBlock,
  RCODE_SLOTS,
} from '../../src/metrics/counters.ts';

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
      rcodesPerSecond: new Array(RCODE_SLOTS).fill(0),
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
      counters.values[Counter.queriesUdp]! += (nowMs <= 240_000 ? 10 : 2) * (SAMPLE_INTERVAL_MS / 1000);
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
      history.sample(i * SAMPLE_INTERVAL_MS);
    }
    const rates = history.series().map(({ queriesPerSecond }) => queriesPerSecond);
    expect(rates.length).toBe(300_000 / SAMPLE_INTERVAL_MS);
    const perSecond = 1000 / SAMPLE_INTERVAL_MS;
    expect(rates.at(-1)).toBe(500 * perSecond);
    expect(rates[0]).toBe((501 - rates.length) * perSecond);
  });

  it('is live: about the last second, without what was before it', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    counters.values[Counter.queriesUdp] = 1000;
    history.sample(2000);
    counters.values[Counter.queriesUdp]! += 10;
    for (const rcode of [0, 0, 0, 3]) counters.response(rcode);
    const { queriesPerSecond, rcodesPerSecond } = history.live(3000);
    expect(queriesPerSecond).toBe(10);
    expect([rcodesPerSecond[0], rcodesPerSecond[3], rcodesPerSecond[2]]).toEqual([3, 1, 0]);
    // A reading that is too young says little: the one before it is taken.
    history.sample(4000);
    expect(history.live(4100).queriesPerSecond).toBeCloseTo(10 / 2.1);
  });

  it('is live right after the start too', () => {
    const { totals, counters } = createCounted();
    const history = new RateHistory(totals, 0);
    counters.values[Counter.queriesUdp] = 5;
    expect(history.live(500).queriesPerSecond).toBe(10);
    expect(history.live(0).queriesPerSecond).toBe(0);
  });
});
