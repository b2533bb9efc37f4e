import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashLru } from '../../src/cache/hash-lru.ts';
import { NONE } from '../../src/cache/segment-arena.ts';

const MANY = 100_000;

/** Spread over all parts, each another. */
function hashNumber(i: number): number {
  return Math.imul(i, 0x9e3779b1);
}

/** Everything, by popOldest(). */
function popAll(lru: HashLru): number[] {
  const popped: number[] = [];
  for (let ref = lru.popOldest(); ref !== NONE; ref = lru.popOldest()) popped.push(ref);
  return popped;
}

describe('a few hashes', () => {
  it('are evicted in the order of use', () => {
    const lru = new HashLru(10);
    for (let i = 1; i <= 5; i++) expect(lru.add(hashNumber(i), i)).toBe(NONE);
    expect(lru.get(hashNumber(2))).toBe(2);
    lru.replace(hashNumber(1), 11);
    expect(lru.oldest()).toBe(3);
    expect(popAll(lru)).toEqual([3, 4, 5, 2, 11]);
    expect(lru.oldest()).toBe(NONE);
  });

  it('are found, replaced and forgotten', () => {
    const lru = new HashLru(10);
    expect(lru.get(7)).toBe(NONE);
    lru.add(7, 1);
    lru.add(-7, 2);
    expect([lru.get(7), lru.get(-7)]).toEqual([1, 2]);
    lru.delete(7);
    lru.delete(8);
    expect([...lru.values()]).toEqual([2]);
    lru.clear();
    expect([lru.get(-7), lru.popOldest()]).toEqual([NONE, NONE]);
  });

  it('never exceed the capacity, even when the owner makes no room', () => {
    const lru = new HashLru(3);
    for (let i = 1; i <= 3; i++) expect(lru.add(hashNumber(i), i)).toBe(NONE);
    expect(lru.get(hashNumber(1))).toBe(1);
    lru.replace(hashNumber(3), 33);
    expect(lru.add(hashNumber(4), 4)).toBe(2);
    expect(popAll(lru)).toEqual([1, 33, 4]);
  });

  it('behave like a plain Map in order of use', () => {
    const step = fc.tuple(fc.constantFrom('get', 'set', 'delete', 'pop'), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const lru = new HashLru(12);
        const model = new Map<number, number>();
        let ref = 1;
        for (const [what, i] of steps) {
          if (what === 'pop') {
            const [oldestHash, oldestRef] = model.entries().next().value ?? [0, NONE];
            model.delete(oldestHash);
            expect(lru.popOldest()).toBe(oldestRef);
            continue;
          }
          const hash = hashNumber(i);
          const known = model.get(hash);
          model.delete(hash);
          if (what === 'set') {
            model.set(hash, ref);
            if (known === undefined) expect(lru.add(hash, ref)).toBe(NONE);
            else lru.replace(hash, ref);
            ref++;
          } else if (what === 'delete') {
            lru.delete(hash);
          } else {
            if (known !== undefined) model.set(hash, known);
            expect(lru.get(hash)).toBe(known ?? NONE);
          }
        }
        expect([...lru.values()].sort()).toEqual([...model.values()].sort());
      }),
    );
  });
});

describe('many hashes', () => {
  it('are all held, and each is evicted once', () => {
    const lru = new HashLru(MANY);
    let gone = 0;
    let missing = 0;
    for (let i = 1; i <= MANY; i++) if (lru.add(hashNumber(i), i) !== NONE) gone++;
    for (let i = 1; i <= MANY; i++) if (lru.get(hashNumber(i)) !== i) missing++;
    expect({ gone, missing, popped: new Set(popAll(lru)).size }).toEqual({
      gone: 0,
      missing: 0,
      popped: MANY,
    });
  });

  it('are evicted roughly in the order of use', () => {
    const lru = new HashLru(MANY);
    for (let i = 1; i <= MANY; i++) lru.add(hashNumber(i), i);
    // The first half is used again.
    for (let i = 1; i <= MANY / 2; i++) lru.get(hashNumber(i));
    let least = MANY;
    for (let i = 0; i < MANY / 4; i++) least = Math.min(least, lru.popOldest());
    expect(least).toBeGreaterThan(MANY / 2);
  });

  it('that crowd one shard evict others of that shard only, and none is lost', () => {
    const lru = new HashLru(MANY);
    const gone: number[] = [];
    for (let i = 1; i <= MANY; i++) {
      // Their upper half is the same: one part for all.
      const hash = i & 0xffff;
      if (lru.get(hash) !== NONE) lru.replace(hash, i);
      else {
        const out = lru.add(hash, i);
        if (i <= 0xffff && out !== NONE) gone.push(out);
      }
    }
    // One of four parts, which holds a quarter more than its share.
    const held = (MANY / 4) * 1.25;
    expect(gone.length).toBe(0xffff - held);
    // The least recently used first.
    expect(gone).toEqual(gone.map((_, i) => i + 1));
    expect([...lru.values()].length).toBe(held);
    expect(lru.get(MANY & 0xffff)).toBe(MANY);
  });
});
