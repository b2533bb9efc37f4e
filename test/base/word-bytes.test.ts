import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyBytes, samePrefix, WordBytes, wordsOf } from '../../src/base/word-bytes.ts';

/**
 * Arrays of both kinds with the same bytes: what goes by words must come out as what goes byte by
 * byte.
 */
const KINDS = [
  ['as words', (bytes: Uint8Array) => WordBytes.ofLength(bytes.length).fill(0xaa)],
  ['as bytes', (bytes: Uint8Array) => new Uint8Array(bytes.length).fill(0xaa)],
] as const;

function filled(make: (bytes: Uint8Array) => Uint8Array, bytes: Uint8Array): Uint8Array {
  const array = make(bytes);
  array.set(bytes);
  return array;
}

const someBytes = fc.uint8Array({ minLength: 0, maxLength: 600 });

describe('word bytes', () => {
  it('are the same memory twice', () => {
    const bytes = WordBytes.ofLength(10);
    expect(wordsOf(bytes).length).toBe(2);
    wordsOf(bytes)[1] = 0x01020304;
    expect([...bytes.subarray(4, 8)].sort()).toEqual([1, 2, 3, 4]);
    const part = new WordBytes(bytes.buffer as ArrayBuffer, 4, 6);
    expect(wordsOf(part)[0]).toBe(0x01020304);
    expect(wordsOf(part).length).toBe(1);
    expect(wordsOf(part).buffer).toBe(bytes.buffer);
    expect(wordsOf(bytes.subarray(4))).toBeUndefined();
  });

  it('begin on a word', () => {
    expect(() => new WordBytes(new ArrayBuffer(8), 2, 4)).toThrow(RangeError);
  });

  it('have plain parts, which may begin anywhere', () => {
    const bytes = WordBytes.ofLength(16);
    for (const part of [bytes.subarray(1, 7), bytes.slice(3)]) {
      expect(part).not.toBeInstanceOf(WordBytes);
      expect(wordsOf(part)).toBeUndefined();
    }
  });
});

describe.each(KINDS)('copied from what is had %s', (_, makeFrom) => {
  it.each(KINDS)('into %s: those bytes and no others', (__, makeTo) => {
    fc.assert(
      fc.property(someBytes, fc.nat(600), fc.nat(600), fc.nat(600), (bytes, at, put, count) => {
        const fromOffset = Math.min(at, bytes.length);
        const toOffset = Math.min(put, bytes.length);
        const copied = Math.min(count, bytes.length - Math.max(fromOffset, toOffset));
        const to = makeTo(bytes);
        copyBytes(filled(makeFrom, bytes), fromOffset, to, toOffset, copied);
        const expected = new Uint8Array(bytes.length).fill(0xaa);
        for (let i = 0; i < copied; i++) expected[toOffset + i] = bytes[fromOffset + i]!;
        expect([...to]).toEqual([...expected]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the same bytes at the beginning', () => {
  it.each([
    [0, 0, 40, 40],
    [12, 4, 27, 24],
    [12, 4, 3, 0],
    [12, 4, 0, 0],
    [1, 4, 20, 0],
    [4, 2, 20, 0],
  ])('%i and %i bytes on, of %i bytes: %i', (aOffset, bOffset, count, expected) => {
    const a = WordBytes.ofLength(64);
    const b = WordBytes.ofLength(64);
    for (let i = 0; i < count; i++) a[aOffset + i] = b[bOffset + i] = i + 1;
    expect(samePrefix(a, aOffset, b, bOffset, count)).toBe(expected);
    expect(samePrefix(new Uint8Array(a), aOffset, b, bOffset, count)).toBe(0);
    expect(samePrefix(a, aOffset, new Uint8Array(b), bOffset, count)).toBe(0);
  });

  it('end with the word in which one differs', () => {
    for (let differs = 0; differs < 32; differs++) {
      const a = WordBytes.ofLength(32);
      const b = WordBytes.ofLength(40);
      b[8 + differs] = 0x80;
      expect(samePrefix(a, 0, b, 8, 32)).toBe(differs & ~3);
    }
  });
});
