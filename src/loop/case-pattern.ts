// The case pattern: the letters of an outgoing QNAME take upper or lower case by a keyed hash of the folded name and QTYPE.
// A query that arrives in our own pattern is ours, through boxes that drop options; and a forged reply must guess it
// (draft-vixie-dnsext-dns0x20). detector.ts calls apply() for what leaves and match() for what comes in.
import { copyOctets, samePrefix, WordOctets } from '../base/word-octets.ts';
import { lettersOf } from '../wire/name.ts';
import { keyedHash } from './keyed-hash.ts';
import type { KeyRing } from './keys.ts';

/** Letters that take part: the hash has as many bits. Later letters of a longer name stay lower case. */
export const MAX_PATTERN_LETTERS = 128;
/** The longest name, QTYPE, and the hash's padding. */
const INPUT_BYTES = 288;

/**
 * Four bits of a hash given to the letters of a word: DEPOSIT[places << 4 | bits] has 0x20 in those octets whose letter takes upper case.
 * `places`: bit i says that octet i of the word is a letter; the letters take the bits in turn, from the lowest.
 */
const DEPOSIT = new Int32Array(256);
/** How many of four octets are letters, by `places`. */
const LETTER_COUNT = new Uint8Array(16);
for (let places = 0; places < 16; places++) {
  for (let bits = 0; bits < 16; bits++) {
    let letter = 0;
    for (let octet = 0; octet < 4; octet++) {
      if ((places & (1 << octet)) === 0) continue;
      if ((bits & (1 << letter)) !== 0) DEPOSIT[(places << 4) | bits]! |= 0x20 << (octet * 8);
      letter++;
    }
    LETTER_COUNT[places] = letter;
  }
}

/** One bit for each octet of a word out of its top bit: bit 0 for the first in memory, as little-endian machines have it. */
function placesOf(letters: number): number {
  // Bits 7, 15, 23 and 31, moved to 0, 8, 16 and 24, then added up at 24 to 27: no two products meet.
  return (Math.imul(letters >>> 7, 0x01020408) >>> 24) & 15;
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
  readonly #input = WordOctets.ofLength(INPUT_BYTES);
  /** For each word of the name, which of its octets are letters. */
  readonly #places = new Uint8Array(INPUT_BYTES / 4);
  /** The name in the pattern; what stands behind it means nothing. */
  readonly #spelling = WordOctets.ofLength(INPUT_BYTES);

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  /**
   * Gives the name at bytes[nameOffset …] (uncompressed, any spelling) our pattern, in place; returns its letters, at
   * most MAX_PATTERN_LETTERS.
   */
  apply(bytes: Uint8Array, nameOffset: number, nameLength: number, qtype: number): number {
    const letters = this.#hashName(bytes, nameOffset, nameLength, qtype, 0);
    this.#spell(nameLength);
    copyOctets(this.#spelling, 0, bytes, nameOffset, nameLength);
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
      this.#spell(nameLength);
      if (this.#isSpelt(bytes, nameOffset, nameLength)) return letters;
    }
    return 0;
  }

  /** Whether the name stands there as in #spelling, but for letters that no longer take part. */
  #isSpelt(bytes: Uint8Array, nameOffset: number, nameLength: number): boolean {
    const spelling = this.#spelling;
    let same = samePrefix(bytes, nameOffset, spelling, 0, nameLength);
    while (same < nameLength && bytes[nameOffset + same] === spelling[same]) same++;
    return same === nameLength || this.#lettersBefore(same) >= MAX_PATTERN_LETTERS;
  }

  /** How many of the name's first `count` octets are letters. */
  #lettersBefore(count: number): number {
    let letters = 0;
    for (let i = 0; i < count; i++) letters += (this.#places[i >> 2]! >> (i & 3)) & 1;
    return letters;
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
    copyOctets(bytes, nameOffset, input, 0, nameLength);
    const wordCount = (nameLength + 3) >> 2;
    for (let i = nameLength; i < wordCount << 2; i++) input[i] = 0;
    let letters = this.#fold(wordCount);
    input[nameLength] = qtype >>> 8;
    input[nameLength + 1] = qtype & 0xff;
    const hash = this.hash;
    keyedHash(this.#keys.accepted[keysIndex]!.caseSchedule, input, nameLength + 2, hash);
    if (letters > MAX_PATTERN_LETTERS) letters = MAX_PATTERN_LETTERS;
    if (letters >= 2) this.#mixCases(letters);
    return letters;
  }

  /** Brings the input's words into lower case, notes where their letters are, and returns how many these are. */
  #fold(wordCount: number): number {
    const { words } = this.#input;
    let count = 0;
    for (let i = 0; i < wordCount; i++) {
      const word = words[i]!;
      const letters = lettersOf(word);
      words[i] = word | (letters >>> 2);
      const places = placesOf(letters);
      this.#places[i] = places;
      count += LETTER_COUNT[places]!;
    }
    return count;
  }

  /** Writes the folded name into #spelling, its letters in upper case where the hash says so: bit i is for letter i. */
  #spell(nameLength: number): void {
    const { words } = this.#input;
    const spelling = this.#spelling.words;
    const hash = this.hash;
    const wordCount = (nameLength + 3) >> 2;
    let letter = 0;
    for (let i = 0; i < wordCount; i++) {
      const places = this.#places[i]!;
      const bits = letter < MAX_PATTERN_LETTERS ? bitsFrom(hash, letter) : 0;
      spelling[i] = words[i]! & ~DEPOSIT[(places << 4) | bits]!;
      letter += LETTER_COUNT[places]!;
    }
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

/** Four bits of the hash, from bit `from` on; behind its last come zeros. */
function bitsFrom(hash: Int32Array, from: number): number {
  const word = from >> 5;
  const shift = from & 31;
  let bits = hash[word]! >>> shift;
  if (shift > 28 && word < 3) bits |= hash[word + 1]! << (32 - shift);
  return bits & 15;
}
