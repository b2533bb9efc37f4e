// Random IDs, ports and choices: in range, spread, and not the same from pool to pool.
import { describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';

const DRAWS = 20_000;

describe('random', () => {
  it('gives whole numbers in range, through many refills', () => {
    const pool = new RandomPool();
    for (let i = 0; i < DRAWS; i++) {
      const word = pool.uint32();
      expect(Number.isInteger(word) && word >= 0 && word < 2 ** 32).toBe(true);
      const id = pool.uint16();
      expect(Number.isInteger(id) && id >= 0 && id < 65_536).toBe(true);
      const choice = pool.below(7);
      expect(Number.isInteger(choice) && choice >= 0 && choice < 7).toBe(true);
    }
  });

  it('reaches both ends of the IDs and every choice, about equally often', () => {
    const pool = new RandomPool();
    const sixteenths = new Array<number>(16).fill(0);
    const choices = new Array<number>(7).fill(0);
    for (let i = 0; i < DRAWS; i++) {
      sixteenths[pool.uint16() >>> 12]!++;
      choices[pool.below(7)]!++;
    }
    // Ten standard deviations (σ ≈ 34 and 49): a fair pool never fails, a skewed one does.
    for (const count of sixteenths) expect(Math.abs(count - DRAWS / 16)).toBeLessThan(343);
    for (const count of choices) expect(Math.abs(count - DRAWS / 7)).toBeLessThan(495);
  });

  it('does not repeat itself after a refill, nor what another pool gives', () => {
    const [one, other] = [new RandomPool(), new RandomPool()];
    const words = new Set<number>();
    for (let i = 0; i < 2 * 2048; i++) words.add(one.uint32()).add(other.uint32());
    // 8192 draws of 2³²: a pool that repeats halves the set; chance costs it one or two.
    expect(words.size).toBeGreaterThan(4 * 2048 - 10);
  });
});
