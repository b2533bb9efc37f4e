import { expect, it } from 'vitest';
import { Sampler } from '../../src/load/sampler.ts';
import { Tally } from '../../src/load/tally.ts';

it.each([
  { durationMs: 5000, intervalMs: 250 },
  { durationMs: Number.POSITIVE_INFINITY, intervalMs: 250 },
  { durationMs: 20_001, intervalMs: 1000 },
  { durationMs: 3_600_000, intervalMs: 6000 },
])('samples a run of $durationMs ms each $intervalMs ms', ({ durationMs, intervalMs }) => {
  const sampler = new Sampler(durationMs);
  const tally = new Tally();
  // It is asked about twenty times a second: half of such a turn early is in time.
  expect(sampler.observe(tally, intervalMs - 51)).toBe(false);
  expect(sampler.observe(tally, intervalMs - 50)).toBe(true);
  expect(sampler.observe(tally, intervalMs)).toBe(false);
});

it('counts what is new in each interval', () => {
  const sampler = new Sampler(5000);
  const tally = new Tally();
  Object.assign(tally, { sent: 100, answered: 50, lost: 1 });
  tally.latency.record(8);
  sampler.observe(tally, 250);
  Object.assign(tally, { sent: 300, answered: 150, lost: 4 });
  tally.latency.record(2);
  sampler.observe(tally, 750);
  expect(
    sampler.samples.map(({ sentPerSecond, answeredPerSecond, lost }) => [
      sentPerSecond,
      answeredPerSecond,
      lost,
    ]),
  ).toEqual([
    [400, 200, 1],
    [400, 200, 3],
  ]);
  expect(sampler.samples[0]!.p50Ms).toBeGreaterThan(7);
  expect(sampler.samples[1]!.p99Ms).toBeLessThan(3);
  expect(sampler.samples[1]!.atSeconds).toBe(0.75);
});

it('keeps 1,200 samples at most', () => {
  const sampler = new Sampler(5000);
  const tally = new Tally();
  for (let i = 1; i <= 2000; i++) sampler.observe(tally, i * 250);
  expect(sampler.samples).toHaveLength(1200);
});
