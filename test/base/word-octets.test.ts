import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyOctets, samePrefix, WordOctets, wordsOf } from '../../src/base/word-octets.ts';

/** Arrays of both kinds with the same octets: what goes by words must come out as what goes octet by octet. */
const KINDS = [
  ['as words', (octets: Uint8Array) => WordOctets.ofLength(octets.length).fill(0xaa)],
  ['as octets', (octets: Uint8Array) => new Uint8Array(octets.length).fill(0xaa)],
] as const;

function filled(make: (octets: Uint8Array) => Uint8Array, octets: Uint8Array): Uint8Array {
  const array = make(octets);
  array.set(octets);
  return array;
}

const someOctets = fc.uint8Array({ minLength: 0, maxLength: 600 });

describe('word octets', () => {
  it('are the same memory twice', () => {
    const octets = WordOctets.ofLength(10);
    expect(wordsOf(octets).length).toBe(2);
    wordsOf(octets)[1] = 0x01020304;
    expect([...octets.subarray(4, 8)].sort()).toEqual([1, 2, 3, 4]);
    const part = new WordOctets(octets.buffer as ArrayBuffer, 4, 6);
    expect(wordsOf(part)[0]).toBe(0x01020304);
    expect(wordsOf(part).length).toBe(1);
    expect(wordsOf(part).buffer).toBe(octets.buffer);
    expect(wordsOf(octets.subarray(4))).toBeUndefined();
  });

  it('begin on a word', () => {
    expect(() => new WordOctets(new ArrayBuffer(8), 2, 4)).toThrow(RangeError);
  });

  it('have plain parts, which may begin anywhere', () => {
    const octets = WordOctets.ofLength(16);
    for (const part of [octets.subarray(1, 7), octets.slice(3)]) {
      expect(part).not.toBeInstanceOf(WordOctets);
      expect(wordsOf(part)).toBeUndefined();
    }
  });
});

describe.each(KINDS)('copied from what is had %s', (_, makeFrom) => {
  it.each(KINDS)('to what is had %s: those octets, and no others', (__, makeTo) => {
    fc.assert(
      fc.property(someOctets, fc.nat(600), fc.nat(600), fc.nat(600), (octets, at, put, count) => {
        const fromOffset = Math.min(at, octets.length);
        const toOffset = Math.min(put, octets.length);
        const copied = Math.min(count, octets.length - Math.max(fromOffset, toOffset));
        const to = makeTo(octets);
        copyOctets(filled(makeFrom, octets), fromOffset, to, toOffset, copied);
        const expected = new Uint8Array(octets.length).fill(0xaa);
        for (let i = 0; i < copied; i++) expected[toOffset + i] = octets[fromOffset + i]!;
        expect([...to]).toEqual([...expected]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the same octets at the beginning', () => {
  it.each([
    [0, 0, 40, 40],
    [12, 4, 27, 24],
    [12, 4, 3, 0],
    [12, 4, 0, 0],
    [1, 4, 20, 0],
    [4, 2, 20, 0],
  ])('%i and %i octets on, of %i octets: %i', (aOffset, bOffset, count, expected) => {
    const a = WordOctets.ofLength(64);
    const b = WordOctets.ofLength(64);
    for (let i = 0; i < count; i++) a[aOffset + i] = b[bOffset + i] = i + 1;
    expect(samePrefix(a, aOffset, b, bOffset, count)).toBe(expected);
    expect(samePrefix(new Uint8Array(a), aOffset, b, bOffset, count)).toBe(0);
    expect(samePrefix(a, aOffset, new Uint8Array(b), bOffset, count)).toBe(0);
  });

  it('end with the word in which one differs', () => {
    for (let differs = 0; differs < 32; differs++) {
      const a = WordOctets.ofLength(32);
      const b = WordOctets.ofLength(40);
      b[8 + differs] = 0x80;
      expect(samePrefix(a, 0, b, 8, 32)).toBe(differs & ~3);
    }
  });
});
