import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/load/latency-histogram.ts';

describe('the histogram of latencies', () => {
  it('gives percentiles within 1.6 %, never below the true one', () => {
    const latencies = fc.array(fc.double({ min: 0.001, max: 100_000, noNaN: true }), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(latencies, fc.double({ min: 0.1, max: 100, noNaN: true }), (values, percent) => {
        const histogram = new LatencyHistogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil((sorted.length * percent) / 100) - 1]!;
        const got = histogram.percentile(percent);
        expect(got).toBeGreaterThanOrEqual(exact - 1e-9);
        // A bucket is one microsecond wide at least.
        expect(got).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 0.001 + 1e-9);
        expect(histogram.minMs).toBe(sorted[0]);
        expect(histogram.maxMs).toBe(sorted.at(-1));
        const total = histogram.buckets().reduce((sum, [, count]) => sum + count, 0);
        expect(total).toBe(values.length);
      }),
    );
  });

  it('tells an interval from the whole', () => {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < 100; i++) histogram.record(1);
    const earlier = histogram.snapshot();
    for (let i = 0; i < 10; i++) histogram.record(50);
    expect(histogram.percentile(50)).toBeCloseTo(1, 1);
    expect(histogram.percentileSince(earlier, 50)).toBeGreaterThanOrEqual(50);
  });

  it('is all zero when empty, and holds what is out of range', () => {
    const histogram = new LatencyHistogram();
    expect([histogram.percentile(99), histogram.minMs, histogram.maxMs, histogram.meanMs]).toEqual([
      0, 0, 0, 0,
    ]);
    histogram.record(-1);
    histogram.record(1e9);
    expect(histogram.count).toBe(2);
    expect(histogram.buckets()).toHaveLength(2);
  });
});
