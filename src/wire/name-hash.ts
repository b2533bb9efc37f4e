// Seeded hashes of names, ignoring case: one of the whole name, by words, for the cache and
// coalescing, and one that grows label by label from the root, for zones. Equal hashes prove
// nothing: the bytes are compared as well.
import { FIRST_BYTES, wordsOf } from '../base/word-bytes.ts';
import { FOLD, foldWord } from './name.ts';

// These are drawn at random in each thread, so nobody outside can create names that collide. Hashes
// have no meaning outside their thread.
const [START_A, START_B, MULTIPLIER_A, MULTIPLIER_B] = drawNameKeys();
/** A word per folded byte. */
const BYTE_KEYS: Int32Array = globalThis.crypto.getRandomValues(new Int32Array(256));
for (let byte = 0; byte < 256; byte++) BYTE_KEYS[byte] = BYTE_KEYS[FOLD[byte]!]!;
/** The root's hash, where every suffix hash starts. */
export const ROOT_HASH: number = globalThis.crypto.getRandomValues(new Int32Array(1))[0]!;

function drawNameKeys(): [number, number, number, number] {
  const [startA, startB, a, b] = globalThis.crypto.getRandomValues(new Int32Array(4));
  return [startA!, startB!, a! | 1, b! | 1];
}

/** Where hashName() puts its results; a ParsedQuery is one. */
export interface HashedName {
  /** Signed 32 bit. */
  nameHash: number;
  /** The name has an upper-case letter. */
  hasUpperCase: boolean;
}

/**
 * Hashes the uncompressed name at bytes[nameOffset …]; three more bytes are read (usually QTYPE and
 * QCLASS). Each folded word goes into two products by secret odd numbers, into one of them with its
 * halves swapped. Words that cancel out in one product (two words that differ in their top bits,
 * for instance) do so in the other only if the low bits of its number are those of ±1, with a
 * probability of about 2⁻¹⁵.
 */
export function hashName(bytes: Uint8Array, nameOffset: number, nameLength: number, out: HashedName): void {
  const words = (nameOffset & 3) === 0 ? wordsOf(bytes) : undefined;
  const first = nameOffset >> 2;
  const last = (nameLength - 1) >> 2;
  const bytesInLast = nameLength - (last << 2);
  let a = START_A;
  let b = START_B;
  let caseBits = 0;
  for (let i = 0; i <= last; i++) {
    let word = words === undefined ? wordAt(bytes, nameOffset + (i << 2)) : words[first + i]!;
    if (i === last) word &= FIRST_BYTES[bytesInLast]!;
    const folded = foldWord(word);
    caseBits |= folded ^ word;
    a = Math.imul(a ^ folded, MULTIPLIER_A);
    b = Math.imul(b ^ ((folded << 16) | (folded >>> 16)), MULTIPLIER_B);
  }
  out.nameHash = avalanche(a, b);
  out.hasUpperCase = caseBits !== 0;
}

/**
 * Four bytes as a word, as a little-endian machine reads it; bytes behind the array's end are 0.
 */
function wordAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

/**
 * The hash of a name one label longer: `hash` is that of what follows the label at
 * bytes[labelOffset … labelEnd−1].
 */
export function hashLabel(hash: number, bytes: Uint8Array, labelOffset: number, labelEnd: number): number {
  let longer = hash;
  for (let at = labelOffset; at < labelEnd; at++) {
    const mixed = Math.imul(longer ^ BYTE_KEYS[bytes[at]!]!, 0x2c1b3c6d);
    longer = mixed ^ (mixed >>> 15);
  }
  return longer;
}

/** Spreads every bit of two words over the result (the finish of MurmurHash3). Signed 32 bit. */
export function avalanche(hash: number, word: number): number {
  let h = Math.imul(hash ^ Math.imul(word, 0x297a2d39), 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
