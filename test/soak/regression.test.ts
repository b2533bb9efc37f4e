// Growth is distinguished from noise.
import { expect, it } from 'vitest';
import { fitTrend, sureGrowth } from './regression.ts';

const MINUTE_MS = 60_000;
const times = Array.from({ length: 600 }, (_, i) => i * 0.1 * MINUTE_MS);
const HOUR_MS = times.at(-1)!;
/** A saw, as of a heap; its teeth do not divide the blocks evenly. */
const saw = (i: number) => (i * 7) % 31;

it('finds the slope of a line, surely', () => {
  const trend = fitTrend(
    times,
    times.map((ms) => 100 + (12 * ms) / 3_600_000),
    'mean',
  );
  expect(trend.perHour).toBeCloseTo(12, 6);
  expect(trend.perHourError).toBeLessThan(0.001);
});

it('finds growth under a saw, and none where there is only the saw', () => {
  const flat = fitTrend(
    times,
    times.map((_, i) => 100 + saw(i)),
    'minimum',
  );
  expect(sureGrowth(flat, HOUR_MS)).toBeLessThan(1);
  const growing = fitTrend(
    times,
    times.map((_, i) => 100 + saw(i) + i * 0.05),
    'minimum',
  );
  expect(sureGrowth(growing, HOUR_MS)).toBeGreaterThan(25);
});
