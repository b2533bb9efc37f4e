// The case pattern: the letters of an outgoing QNAME take upper or lower case by a keyed hash of the folded name and QTYPE.
// A query that arrives in our own pattern is ours, through boxes that drop options; and a forged reply must guess it
// (draft-vixie-dnsext-dns0x20). detector.ts calls apply() for what leaves and match() for what comes in.
import { FOLD } from '../wire/name.ts';
import { keyedHash } from './keyed-hash.ts';
import type { KeyRing } from './keys.ts';

/** Letters that take part: the hash has as many bits. Later letters of a longer name stay lower case. */
export const MAX_PATTERN_LETTERS = 128;
const CASE_BIT = 0x20;

/** 1 for A–Z and a–z. Label lengths are under 64, so a name is walked as if it were letters throughout. */
const IS_LETTER = new Uint8Array(256);
for (let octet = 0x61; octet <= 0x7a; octet++) {
  IS_LETTER[octet] = 1;
  IS_LETTER[octet & ~CASE_BIT] = 1;
}

/** Draws and recognises patterns. One per thread. */
export class CasePattern {
  /**
   * The keyed hash behind the last apply(), or behind the match() that succeeded: 128 bits that stand for (name without case, QTYPE,
   * epoch). Overwritten by the next call.
   */
  readonly hash = new Int32Array(4);
  readonly #keys: KeyRing;
  /** Folded name, QTYPE, room for the hash's padding. */
  readonly #input = new Uint8Array(288);

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  /**
   * Gives the name at bytes[nameOffset …] (uncompressed, any spelling) our pattern, in place; returns its letters, at
   * most MAX_PATTERN_LETTERS.
   */
  apply(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): number {
    const letters = this.#hashName(bytes, nameOffset, nameLength, qtype, 0);
    const end = nameOffset + nameLength;
    const hash = this.hash;
    let letter = 0;
    for (let at = nameOffset; at < end; at++) {
      const octet = bytes[at]!;
      if (IS_LETTER[octet] === 0) continue;
      if (letter < MAX_PATTERN_LETTERS && ((hash[letter >> 5]! >>> (letter & 31)) & 1) === 1) {
        bytes[at] = octet & ~CASE_BIT;
      } else {
        bytes[at] = octet | CASE_BIT;
      }
      letter++;
    }
    return letters;
  }

  /** Takes the hash of a name without changing its spelling. */
  identify(
    bytes: Uint8Array,
    nameOffset: number,
    nameLength: number,
    qtype: number,
    keysIndex: number,
  ): void {
    this.#hashName(bytes, nameOffset, nameLength, qtype, keysIndex);
  }

  /** How many letters stand in the pattern of an accepted epoch; 0 unless all do (and there are two at least). */
  match(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): number {
    const count = this.#keys.accepted.length;
    for (let i = 0; i < count; i++) {
      const letters = this.#hashName(bytes, nameOffset, nameLength, qtype, i);
      if (letters < 2) return 0;
      if (this.#isSpelt(bytes, nameOffset, nameOffset + nameLength)) return letters;
    }
    return 0;
  }

  #isSpelt(bytes: Uint8Array, from: number, end: number): boolean {
    const hash = this.hash;
    let letter = 0;
    for (let at = from; at < end && letter < MAX_PATTERN_LETTERS; at++) {
      const octet = bytes[at]!;
      if (IS_LETTER[octet] === 0) continue;
      const lower = (octet & CASE_BIT) >>> 5;
      if (((hash[letter >> 5]! >>> (letter & 31)) & 1) === lower) return false;
      letter++;
    }
    return true;
  }

  /** Fills `hash` under an accepted epoch's key, sees to it that letters differ in case, and returns their number. */
  #hashName(
    bytes: Uint8Array,
    nameOffset: number,
    nameLength: number,
    qtype: number,
    keysIndex: number,
  ): number {
    const input = this.#input;
    let letters = 0;
    for (let i = 0; i < nameLength; i++) {
      const octet = bytes[nameOffset + i]!;
      letters += IS_LETTER[octet]!;
      input[i] = FOLD[octet]!;
    }
    input[nameLength] = qtype >>> 8;
    input[nameLength + 1] = qtype & 0xff;
    const hash = this.hash;
    keyedHash(this.#keys.accepted[keysIndex]!.caseSchedule, input, nameLength + 2, hash);
    if (letters > MAX_PATTERN_LETTERS) letters = MAX_PATTERN_LETTERS;
    if (letters >= 2) this.#mixCases(letters);
    return letters;
  }

  /** A pattern all of one case is one that everybody writes: its first letter is turned round. */
  #mixCases(letters: number): void {
    const hash = this.hash;
    let anyUpper = 0;
    let anyLower = 0;
    for (let word = 0; word << 5 < letters; word++) {
      const bits = letters - (word << 5);
      const mask = bits >= 32 ? -1 : (1 << bits) - 1;
      anyUpper |= hash[word]! & mask;
      anyLower |= ~hash[word]! & mask;
    }
    if (anyUpper === 0 || anyLower === 0) hash[0]! ^= 1;
  }
}
