// The case pattern: each letter of an outgoing QNAME is upper or lower case, as a keyed hash of the
// folded name and QTYPE says. A query that arrives with our own pattern is probably ours, even
// after boxes that drop options; and a forged reply must guess the pattern
// (draft-vixie-dnsext-dns0x20). detector.ts calls apply() for queries that leave and match() for
// queries that arrive.
//
//   folded name, QTYPE ──Chaskey, the ring's key──▶ hash ──Chaskey, the key of these five minutes──▶ pattern
import { copyBytes, FIRST_BYTES, samePrefix, WordBytes, wordsOf } from '../base/word-bytes.ts';
import { foldWord, lettersOf } from '../wire/name.ts';
import { keyedHash } from './keyed-hash.ts';
import type { KeyRing } from './keys.ts';

/**
 * Bytes covered: the hash has as many bits. Later letters of a longer name stay lower case.
 */
export const MAX_PATTERN_BYTES = 128;
const MAX_PATTERN_WORDS = MAX_PATTERN_BYTES / 4;
/** The longest name, QTYPE, and the hash's padding. */
const INPUT_BYTES = 288;
/** Bytes of a hash. */
const HASH_BYTES = 16;

/** Creates and recognizes patterns. One per thread. */
export class CasePattern {
  /**
   * The result of identify(): 128 bits that stand for (name without case, QTYPE), at any time.
   * Overwritten by the next call.
   */
  readonly hash: Int32Array;
  /** The memory of `hash`. */
  readonly #hashBytes = WordBytes.ofLength(HASH_BYTES);
  /** Bit i: the case of byte i. */
  readonly #bits = new Int32Array(HASH_BYTES / 4);
  readonly #keys: KeyRing;
  /** Folded name, QTYPE, room for the hash's padding. */
  readonly #input = WordBytes.ofLength(INPUT_BYTES);
  /** The name in the pattern; the bytes after it mean nothing. */
  readonly #spelling = WordBytes.ofLength(INPUT_BYTES);

  constructor(keys: KeyRing) {
    this.#keys = keys;
    this.hash = wordsOf(this.#hashBytes);
  }

  /**
   * Gives the name at bytes[nameOffset …] (uncompressed, any letter case) our pattern, in place;
   * returns its letters among the first MAX_PATTERN_BYTES bytes.
   */
  apply(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): number {
    this.identify(bytes, nameOffset, nameLength, qtype);
    const letters = this.#spell(nameLength, 0);
    copyBytes(this.#spelling, 0, bytes, nameOffset, nameLength);
    return letters;
  }

  /** Hashes a question without changing the case of its name. */
  identify(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): void {
    const input = this.#input;
    foldName(bytes, nameOffset, nameLength, input);
    input[nameLength] = qtype >>> 8;
    input[nameLength + 1] = qtype & 0xff;
    keyedHash(this.#keys.nameSchedule, input, nameLength + 2, this.hash);
  }

  /**
   * How many letters match the pattern of an accepted key; 0 unless all do (and there are at least
   * two). Identifies the question.
   */
  match(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): number {
    this.identify(bytes, nameOffset, nameLength, qtype);
    const count = this.#keys.caseKeys.length;
    for (let i = 0; i < count; i++) {
      const letters = this.#spell(nameLength, i);
      if (letters < 2) return 0;
      if (this.#isSpelled(bytes, nameOffset, nameLength)) return letters;
    }
    return 0;
  }

  /** Whether the name has the case of #spelling, except for letters that are not covered. */
  #isSpelled(bytes: Uint8Array, nameOffset: number, nameLength: number): boolean {
    const spelling = this.#spelling;
    const count = Math.min(nameLength, MAX_PATTERN_BYTES);
    let same = samePrefix(bytes, nameOffset, spelling, 0, count);
    while (same < count && bytes[nameOffset + same] === spelling[same]) same++;
    return same === count;
  }

  /**
   * Writes the folded name into #spelling, with each letter in upper case whose bit is set by this
   * key (bit i is byte i's), and returns the number of letters covered.
   */
  #spell(nameLength: number, keyIndex: number): number {
    keyedHash(this.#keys.caseKeys[keyIndex]!.schedule, this.#hashBytes, HASH_BYTES, this.#bits);
    const words = wordsOf(this.#input);
    const spelling = wordsOf(this.#spelling);
    const last = (nameLength - 1) >> 2;
    let letters = 0;
    let anyUpper = 0;
    let anyLower = 0;
    for (let i = 0; i <= last; i++) {
      const word = words[i]!;
      // 0x20 in each byte that is a letter and part of the name: QTYPE follows it.
      let places = i < MAX_PATTERN_WORDS ? lettersOf(word) >>> 2 : 0;
      if (i === last) places &= FIRST_BYTES[nameLength - (last << 2)]!;
      const upper = places & caseBitsOf(this.#bits[(i >> 3) & 3]! >>> ((i & 7) << 2));
      spelling[i] = word & ~upper;
      anyUpper |= upper;
      anyLower |= places ^ upper;
      letters += Math.imul(places >>> 5, 0x01010101) >>> 24;
    }
    if (letters >= 2 && (anyUpper === 0 || anyLower === 0)) this.#turnFirstLetter();
    return letters;
  }

  /**
   * Everybody writes names in a single case. So a pattern all of one case gets its first letter
   * inverted.
   */
  #turnFirstLetter(): void {
    const spelling = this.#spelling;
    let at = 0;
    while (lettersOf(spelling[at]!) === 0) at++;
    spelling[at]! ^= 0x20;
  }
}

/** Writes the folded name to the start of `out`; the rest of its last word is zero. */
function foldName(bytes: Uint8Array, nameOffset: number, nameLength: number, out: WordBytes): void {
  const last = (nameLength - 1) >> 2;
  const folded = wordsOf(out);
  let first = nameOffset >> 2;
  let words = (nameOffset & 3) === 0 ? wordsOf(bytes) : undefined;
  if (words === undefined || first + last >= words.length) {
    copyBytes(bytes, nameOffset, out, 0, nameLength);
    words = folded;
    first = 0;
  }
  for (let i = 0; i < last; i++) folded[i] = foldWord(words[first + i]!);
  folded[last] = foldWord(words[first + last]! & FIRST_BYTES[nameLength - (last << 2)]!);
}

/**
 * Spreads the lowest four bits, one per byte, to the bit that tells a letter's case: bit 0 goes to
 * the lowest byte.
 */
function caseBitsOf(bits: number): number {
  // Copies at 0, 7, 14 and 21 put bit i at 8 i.
  return (Math.imul(bits & 15, 0x00204081) & 0x01010101) << 5;
}
