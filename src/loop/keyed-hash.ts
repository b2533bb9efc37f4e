// Chaskey-12 (Mouha et al., ISO/IEC 29192-6): a MAC with a 128-bit key and a 128-bit result in
// 32-bit additions, rotations and exclusive-ors, which JavaScript runs at full speed.
// case-pattern.ts calls it once per query sent; node:crypto costs more than the whole query there.
import { type WordBytes, wordsOf } from '../base/word-bytes.ts';

/** Bytes of a key. */
export const HASH_KEY_LENGTH = 16;
const ROUNDS = 12;
const BLOCK_LENGTH = 16;

/**
 * Twelve words: the key, and its two subkeys for the last block (a whole one, a padded one), four
 * words each. Bytes are read little-endian, the order of all common machines.
 */
export function expandHashKey(key: Uint8Array): Int32Array {
  const schedule = new Int32Array(12);
  for (let i = 0; i < 4; i++) schedule[i] = wordAt(key, i * 4);
  double(schedule, 0, 4);
  double(schedule, 4, 8);
  return schedule;
}

/**
 * Doubles in GF(2¹²⁸): shifts four words left by one bit; a bit that falls out comes back as 0x87.
 */
function double(words: Int32Array, from: number, to: number): void {
  words[to] = (words[from]! << 1) ^ (words[from + 3]! < 0 ? 0x87 : 0);
  for (let i = 1; i < 4; i++) words[to + i] = (words[from + i]! << 1) | (words[from + i - 1]! >>> 31);
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

/**
 * Writes the MAC of bytes[0 … length) to out[0 … 3].
 * `bytes` needs room for one block more than `length`, rounded up: the padding is written there.
 */
export function keyedHash(schedule: Int32Array, bytes: WordBytes, length: number, out: Int32Array): void {
  const whole = length !== 0 && length % BLOCK_LENGTH === 0;
  let end = length;
  if (!whole) {
    bytes[end++] = 1;
    while (end % BLOCK_LENGTH !== 0) bytes[end++] = 0;
  }
  const lastKey = whole ? 4 : 8;
  let v0 = schedule[0]!;
  let v1 = schedule[1]!;
  let v2 = schedule[2]!;
  let v3 = schedule[3]!;
  const words = wordsOf(bytes);
  const endWord = end >> 2;
  for (let at = 0; at < endWord; ) {
    v0 ^= words[at++]!;
    v1 ^= words[at++]!;
    v2 ^= words[at++]!;
    v3 ^= words[at++]!;
    if (at === endWord) {
      v0 ^= schedule[lastKey]!;
      v1 ^= schedule[lastKey + 1]!;
      v2 ^= schedule[lastKey + 2]!;
      v3 ^= schedule[lastKey + 3]!;
    }
    for (let round = 0; round < ROUNDS; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
  }
  out[0] = v0 ^ schedule[lastKey]!;
  out[1] = v1 ^ schedule[lastKey + 1]!;
  out[2] = v2 ^ schedule[lastKey + 2]!;
  out[3] = v3 ^ schedule[lastKey + 3]!;
}
