import { expect, it } from 'vitest';
import { FastRandom, shareThreshold } from '../../src/load/fast-random.ts';

const draw = (seed: number, count: number) => {
  const random = new FastRandom(seed);
  return Array.from({ length: count }, () => random.uint32());
};

it('repeats with its seed, and differs with another', () => {
  expect(draw(1, 100)).toEqual(draw(1, 100));
  expect(draw(1, 100)).not.toEqual(draw(2, 100));
});

it('never gets stuck, whatever the seed', () => {
  // The seed that the mixing turns into 0.
  for (const seed of [0, 1, -1, 0x5bd1e995, 2 ** 32 - 1]) {
    const numbers = draw(seed, 1000);
    expect(new Set(numbers).size).toBe(1000);
    expect(Math.min(...numbers)).toBeGreaterThan(0);
    expect(Math.max(...numbers)).toBeLessThan(2 ** 32);
  }
});

it('spreads the numbers evenly', () => {
  const below = draw(7, 100_000).filter((number) => number < shareThreshold(0.25)).length;
  expect(below / 100_000).toBeCloseTo(0.25, 2);
});

it('has a threshold for each share', () => {
  expect([0, 0.5, 1].map(shareThreshold)).toEqual([0, 2 ** 31, 2 ** 32]);
});
