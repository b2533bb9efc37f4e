// Domain names in messages: labels, compression pointers, comparison without case. Called by
// everything that walks a message (RFC 1035 §2.3.3, §3.1, §4.1.4; RFC 9267 on common mistakes).
//
//   label     | 0 0 |  length (6)  | bytes …          pointer   | 1 1 |      offset (14)      |
import { wordsOf } from '../base/word-bytes.ts';
import { HEADER_LENGTH } from './header.ts';

/** The longest name on the wire, bytes, the root's zero byte counted (RFC 1035 §2.3.4). */
export const MAX_NAME_LENGTH = 255;
const MAX_LABEL_LENGTH = 63;
/**
 * Pointers followed in one name: a name of 255 bytes has at most 127 labels. Each must also point
 * further back.
 */
const MAX_POINTERS = 126;

/**
 * byte → the same byte, ASCII letters in lower case. Label lengths (≤ 63) are below the letters:
 * whole names may be folded.
 */
export const FOLD: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) FOLD[byte] = byte >= 65 && byte <= 90 ? byte + 32 : byte;

/** 0x80, 0x20, 0x1f and 0x05 in each byte of a word. */
const TOP_BITS = 0x80808080 | 0;
const CASE_BITS = 0x20202020;
const TO_A = 0x1f1f1f1f;
const TO_AFTER_Z = 0x05050505;

/**
 * Marks the letters in a word of four bytes: 0x80 in each byte that is one, else 0.
 * ```
 *  byte | 0x20, its top bit aside        'a' … 'z' is 0x61 … 0x7a
 *    + 0x1f  carries into the top bit from 'a' on            no sum passes 0xff: no byte
 *    + 0x05  carries into the top bit from behind 'z' on     carries into its neighbor
 * ```
 */
export function lettersOf(word: number): number {
  const lower = (word | CASE_BITS) & ~TOP_BITS;
  return (lower + TO_A) & ~(lower + TO_AFTER_Z) & ~word & TOP_BITS;
}

/** Four bytes with their letters in lower case, as FOLD does for one. */
export function foldWord(word: number): number {
  return word | (lettersOf(word) >>> 2);
}

/**
 * The offset after the name at `offset`, −1 if the name is invalid: cut off, over 255 bytes once
 * expanded, an undefined label type, or a pointer that does not point back into the message's body.
 */
export function skipName(bytes: Uint8Array, length: number, offset: number): number {
  let at = offset;
  let runStart = offset;
  let limit = length;
  let afterName = -1;
  let nameLength = 0;
  let pointers = 0;
  while (at < limit) {
    const byte = bytes[at]!;
    if (byte === 0) return afterName < 0 ? at + 1 : afterName;
    if (byte <= MAX_LABEL_LENGTH) {
      nameLength += byte + 1;
      if (nameLength >= MAX_NAME_LENGTH) return -1;
      at += byte + 1;
      continue;
    }
    if (byte < 0xc0 || at + 1 >= limit) return -1;
    const target = ((byte & 0x3f) << 8) | bytes[at + 1]!;
    // Strictly before the run of labels it ends: so no pointer can lead to itself, directly or not.
    if (target >= runStart || target < HEADER_LENGTH || ++pointers > MAX_POINTERS) return -1;
    if (afterName < 0) afterName = at + 2;
    // The target lies wholly before the pointer ("a prior occurrence"): a name never depends on
    // bytes behind its own end, so that a message may be cut behind it.
    limit = runStart;
    at = target;
    runStart = target;
  }
  return -1;
}

/**
 * Writes the name at `offset` without compression to the start of `out` (at least 255 bytes) and
 * returns its length, −1 if it is invalid (see skipName).
 */
export function expandName(bytes: Uint8Array, length: number, offset: number, out: Uint8Array): number {
  if (skipName(bytes, length, offset) < 0) return -1;
  let at = offset;
  let end = 0;
  for (;;) {
    const byte = bytes[at]!;
    if (byte >= 0xc0) {
      at = ((byte & 0x3f) << 8) | bytes[at + 1]!;
      continue;
    }
    for (let i = 0; i <= byte; i++) out[end + i] = bytes[at + i]!;
    end += byte + 1;
    if (byte === 0) return end;
    at += byte + 1;
  }
}

/** Whether two words of names differ in more than the case of letters. */
export function differFolded(word: number, other: number): boolean {
  const difference = word ^ other;
  // A letter in both may differ only in its case bit.
  return difference !== 0 && (difference & ~(lettersOf(word) >>> 2)) !== 0;
}

/** Whether two uncompressed names of the same wire length are equal, ignoring case (RFC 4343). */
export function equalNamesFolded(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  nameLength: number,
): boolean {
  const aWords = wordsOf(a);
  const bWords = wordsOf(b);
  let compared = 0;
  if (aWords !== undefined && bWords !== undefined && ((aOffset | bOffset) & 3) === 0) {
    const first = aOffset >> 2;
    const shift = (bOffset >> 2) - first;
    const end = first + (nameLength >> 2);
    let at = first;
    for (; at + 4 <= end; at += 4) {
      if (differFolded(aWords[at]!, bWords[at + shift]!)) return false;
      if (differFolded(aWords[at + 1]!, bWords[at + 1 + shift]!)) return false;
      if (differFolded(aWords[at + 2]!, bWords[at + 2 + shift]!)) return false;
      if (differFolded(aWords[at + 3]!, bWords[at + 3 + shift]!)) return false;
    }
    for (; at < end; at++) if (differFolded(aWords[at]!, bWords[at + shift]!)) return false;
    compared = nameLength & ~3;
  }
  for (let i = compared; i < nameLength; i++) {
    const byte = a[aOffset + i]!;
    const other = b[bOffset + i]!;
    if (byte !== other && FOLD[byte]! !== FOLD[other]!) return false;
  }
  return true;
}
