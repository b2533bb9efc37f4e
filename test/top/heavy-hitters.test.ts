// The keys that come most often, against exact counts.
import { describe, expect, it } from 'vitest';
import { HeavyHitters } from '../../src/top/heavy-hitters.ts';

const text = new TextEncoder();
const add = (table: HeavyHitters, key: string, hash = key.length, weight = 1) => {
  const bytes = text.encode(key);
  return table.add(bytes, bytes.length, hash, weight);
};
const seen = (table: HeavyHitters, limit = 10) =>
  table.most(limit).map(({ key, count }) => [new TextDecoder().decode(key), count]);

it('counts exactly while there is room, also keys of one hash', () => {
  const table = new HeavyHitters(4, 8);
  for (const key of ['a', 'b', 'ab', 'b', 'c', 'b', 'ab']) expect(add(table, key)).toBe(false);
  expect(seen(table)).toEqual([
    ['b', 3],
    ['ab', 2],
    ['a', 1],
    ['c', 1],
  ]);
  expect(seen(table, 1)).toEqual([['b', 3]]);
});

it('counts an event that stands for several so many times', () => {
  const table = new HeavyHitters(4, 8);
  add(table, 'a', 1, 64);
  add(table, 'b', 1, 2);
  add(table, 'a', 1, 64);
  expect(seen(table)).toEqual([
    ['a', 128],
    ['b', 2],
  ]);
});

describe('without room', () => {
  it('gives the least count to the new key, which is told apart from what it inherits', () => {
    const table = new HeavyHitters(2, 8);
    for (const key of ['a', 'a', 'a', 'b', 'b']) add(table, key, 7);
    expect(add(table, 'c', 7)).toBe(true);
    expect(seen(table)).toEqual([
      ['a', 3],
      ['c', 1],
    ]);
    add(table, 'c', 7);
    expect(seen(table)[1]).toEqual(['c', 2]);
    // It is above `a` with what it inherits, so that `a` is the next to go.
    expect(add(table, 'd', 7)).toBe(true);
    expect(seen(table)).toEqual([
      ['c', 2],
      ['d', 1],
    ]);
  });

  it('never says more than there was, and misses no key that is more than 1 in its capacity', () => {
    const table = new HeavyHitters(50, 8);
    const exact = new Map<string, number>();
    let random = 1;
    const events = 50_000;
    for (let i = 0; i < events; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      // Every third is one of five; the others are one of 4000.
      const number = (random >>> 8) % (i % 3 === 0 ? 5 : 4000);
      const key = i % 3 === 0 ? `often${number}` : `n${number}`;
      exact.set(key, (exact.get(key) ?? 0) + 1);
      add(table, key, Math.imul(number, 0x9e3779b1));
    }
    const counted = new Map(seen(table, 50) as [string, number][]);
    for (const [key, count] of counted) expect(count, key).toBeLessThanOrEqual(exact.get(key)!);
    const frequent = [...exact].filter(([, count]) => count > events / 50).map(([key]) => key);
    expect(frequent).toHaveLength(5);
    for (const key of frequent) expect(counted.get(key), key).toBeGreaterThan(0);
  });
});

it('forgets all', () => {
  const table = new HeavyHitters(2, 8);
  for (const key of ['a', 'b', 'b', 'c']) add(table, key);
  table.clear();
  expect(seen(table)).toEqual([]);
  add(table, 'b');
  expect(seen(table)).toEqual([['b', 1]]);
});
