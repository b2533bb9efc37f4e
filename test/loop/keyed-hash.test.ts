import { describe, expect, it } from 'vitest';
import { WordBytes } from '../../src/base/word-bytes.ts';
import { expandHashKey, keyedHash } from '../../src/loop/keyed-hash.ts';

/**
 * Vectors published with the reference implementation of Chaskey-12: the MAC of bytes 0, 1, 2 … of
 * each length.
 */
const KEY_WORDS = [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39];
const VECTORS: readonly (readonly [length: number, words: readonly number[]])[] = [
  [0, [0x43cb1f41, 0x51eba0c2, 0xff0a8ac3, 0x7ee3f642]],
  [1, [0xf9ac2067, 0x9c35a846, 0x441aad3d, 0x777b7330]],
  [15, [0x03cfb44b, 0x283c8163, 0xfca71448, 0xc40a0aea]],
  [16, [0x5dd0e2a9, 0xfb5eac8c, 0x633a392e, 0x500c36f3]],
  [17, [0x8b5f6d5a, 0x202314f6, 0x22092368, 0x9639e606]],
  [32, [0x77962784, 0x07c647fa, 0xdd752c0f, 0xd2f5a799]],
  [33, [0xd74bb867, 0x2c0dfb3a, 0xb697e9cd, 0x5658edda]],
  [48, [0xf36e748b, 0x8f34677f, 0x1e00ba1b, 0xdd7da46d]],
  [63, [0x2dd072e1, 0x42b89efe, 0xfb26b615, 0x049aa451]],
];

describe('keyed hash', () => {
  const key = new Uint8Array(Int32Array.from(KEY_WORDS).buffer);
  for (const [length, words] of VECTORS) {
    it(`hashes ${length} bytes as the reference does`, () => {
      const input = WordBytes.ofLength(96).fill(0xee);
      for (let i = 0; i < length; i++) input[i] = i;
      const out = new Int32Array(4);
      keyedHash(expandHashKey(key), input, length, out);
      expect([...out].map((word) => word >>> 0)).toEqual(words);
    });
  }

  it.each([
    ['without a bit that falls out', [1, 0, 0, 0], [2, 0, 0, 0], [4, 0, 0, 0]],
    ['from word to word', [0x80000000, 0x40000000, 0, 1], [0, 0x80000001, 0, 2], [0, 2, 1, 4]],
    ['with a bit that comes back', [0, 0, 0, 0xc0000000], [0x87, 0, 0, 0x80000000], [0x189, 0, 0, 0]],
  ])('doubles its key %s', (_, ...words) => {
    const schedule = expandHashKey(new Uint8Array(Uint32Array.from(words[0]).buffer));
    expect([...schedule].map((word) => word >>> 0)).toEqual(words.flat());
  });
});
