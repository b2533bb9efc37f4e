import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FastRandom } from '../../src/load/fast-random.ts';
import { Zipf } from '../../src/load/zipf.ts';

describe('the Zipf distribution', () => {
  it('draws ranks in proportion to 1 / rank^s', () => {
    for (const exponent of [0, 0.8, 1, 1.5]) {
      const zipf = new Zipf(20, exponent, new FastRandom(3));
      const counts = new Array<number>(20).fill(0);
      for (let i = 0; i < 200_000; i++) counts[zipf.next()]!++;
      const weights = counts.map((_, i) => (i + 1) ** -exponent);
      const sum = weights.reduce((a, b) => a + b);
      counts.forEach((count, i) => {
        const wanted = (200_000 * weights[i]!) / sum;
        // Six standard deviations; the seed is fixed, so this never changes.
        expect(Math.abs(count - wanted)).toBeLessThan(6 * Math.sqrt(wanted));
      });
    }
  });

  it('stays within its size, whatever that is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.nat(),
        (size, s, seed) => {
          const zipf = new Zipf(size, s, new FastRandom(seed));
          for (let i = 0; i < 50; i++) {
            const rank = zipf.next();
            expect(rank >= 0 && rank < size && Number.isInteger(rank)).toBe(true);
          }
        },
      ),
    );
  });
});
