// How long one hash that comes, and costs another its place, may take: V8 rebuilds a Map now and
// then, all of it at once. Read the column "max".
// `npx vitest bench --run bench/cache/hash-parts.bench.ts`. 100,000 hashes and a million, in one
// Map and in parts.
import { bench, describe } from 'vitest';
import { HashLru } from '../../src/cache/hash-lru.ts';

/** More than it takes to have a Map of a million rebuilt. */
const ITERATIONS = 2_000_000;

function hashNumber(i: number): number {
  return Math.imul(i, 0x9e3779b1);
}

describe.each([100_000, 1_000_000])('%i hashes', (count) => {
  const map = new Map<number, number>();
  const parts = new HashLru(count);
  for (let i = 1; i <= count; i++) {
    map.set(hashNumber(i), i);
    parts.add(hashNumber(i), i);
  }
  let inMap = count;
  let inParts = count;

  bench(
    'one Map',
    () => {
      inMap++;
      map.delete(hashNumber(inMap - count));
      map.set(hashNumber(inMap), inMap);
    },
    { iterations: ITERATIONS, time: 0 },
  );

  bench(
    'in parts, as HashLru has them',
    () => {
      inParts++;
      parts.popOldest();
      parts.add(hashNumber(inParts), inParts);
    },
    { iterations: ITERATIONS, time: 0 },
  );
});
