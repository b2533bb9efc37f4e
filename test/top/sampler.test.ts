// Which events are counted: all of few, one of N of many, and the sum is right.
import { expect, it } from 'vitest';
import { BUDGET, Sampler } from '../../src/top/sampler.ts';

/** How many of so many events are counted, and what they stand for. */
function offer(sampler: Sampler, events: number): { counted: number; sum: number } {
  let counted = 0;
  let sum = 0;
  for (let i = 0; i < events; i++) {
    if (!sampler.isDue()) continue;
    counted++;
    sum += sampler.weight;
  }
  return { counted, sum };
}

it('counts each event while there are few', () => {
  const sampler = new Sampler(1);
  for (let second = 0; second < 5; second++) {
    expect(offer(sampler, BUDGET - 1)).toEqual({ counted: BUDGET - 1, sum: BUDGET - 1 });
    sampler.tick();
  }
});

it('keeps to its budget under load, and what it counts stands for all', () => {
  const sampler = new Sampler(1);
  let sum = 0;
  for (let second = 0; second < 20; second++) {
    const offered = offer(sampler, 200_000);
    // In the first second it has to find its pace.
    expect(offered.counted).toBeLessThan(second === 0 ? 8 * BUDGET : 2 * BUDGET);
    sum += offered.sum;
    sampler.tick();
  }
  expect(sum / 4_000_000).toBeGreaterThan(0.98);
  expect(sum / 4_000_000).toBeLessThan(1.02);
});

it('counts each event again after a load', () => {
  const sampler = new Sampler(1);
  offer(sampler, 1_000_000);
  for (let second = 0; second < 20; second++) sampler.tick();
  expect(offer(sampler, 100)).toEqual({ counted: 100, sum: 100 });
});
