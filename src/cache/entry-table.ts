// The entries of a thread's cache: it owns their memory and knows their layout. There is no object
// per entry, so a full cache costs the garbage collector nothing: an entry is called by `ref`, the
// number of its first segment. Called by EntryStore and MessageCache; the message's bytes are
// written and copied by EntryMessages (entry-message.ts).
//
//   word  0–1  when it was stored, clock ms (double)
//         2    lifetime, seconds from then
//         3    no refresh before this many seconds from then (RFC 8767 §5)
//         4    next entry with the same hash, or NONE
//         5    hash it is filed under
//         6    partition
//         7    QTYPE << 16 | QCLASS                      (QTYPE 0 for NXDOMAIN: any)
//         8    NXDOMAIN << 16 | QNAME's length << 8 | keyFlags
//         9    number of TTLs << 16 | message length
//        10    source << 16 | RCODE (extended); source: of a failure its EDE, else
//              the upstream's slot; plus 1
//        11    hits; of a failure: failures in a row before this one
//        12…   the message (no OPT), padded to whole words; then the offsets of its TTLs, 16 bits each
//
// An entry continues in the segments linked to its first one; words and 16-bit numbers never
// straddle two segments.
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded } from '../wire/name.ts';
import type { EntryKey } from './entry-key.ts';
import { NONE, SEGMENT_BYTES, SEGMENT_SHIFT, SEGMENT_WORD_SHIFT, SegmentArena } from './segment-arena.ts';

const WORD_LIFETIME = 2;
const WORD_REFRESH = 3;
const WORD_NEXT = 4;
const WORD_HASH = 5;
const WORD_PARTITION = 6;
const WORD_TYPE_CLASS = 7;
const WORD_NAME_FLAGS = 8;
const WORD_LENGTHS = 9;
const WORD_RCODE = 10;
const WORD_HITS = 11;
const RCODE_MASK = 0xfff;
const SOURCE_SHIFT = 16;
/** Where the message starts. */
export const MESSAGE_WORD = 12;
export const MESSAGE_OFFSET = MESSAGE_WORD * 4;

/** Segments that a message of `length` bytes with `ttlCount` TTLs takes. */
export function segmentsFor(length: number, ttlCount: number): number {
  const bytes = MESSAGE_OFFSET + ((length + 3) & ~3) + ttlCount * 2;
  return (bytes + SEGMENT_BYTES - 1) >> SEGMENT_SHIFT;
}

export class EntryTable {
  readonly arena: SegmentArena;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  /** @param segments how many there are for all entries together */
  constructor(segments: number) {
    this.arena = new SegmentArena(segments);
    this.#words = this.arena.words;
    this.#doubles = this.arena.doubles;
  }

  /** Takes segments for a new entry, whose content is undefined; NONE if fewer are free. */
  allocate(segments: number): number {
    return this.arena.allocate(segments);
  }

  /** Frees an entry's segments. */
  free(ref: number): void {
    this.arena.free(ref);
  }

  /** Segments that the entry takes. */
  segmentsOf(ref: number): number {
    return segmentsFor(this.lengthOf(ref), this.ttlCountOf(ref));
  }

  /** Fills in an entry's key and clears everything that was noted in these segments before. */
  writeKey(ref: number, key: EntryKey): void {
    const word = ref << SEGMENT_WORD_SHIFT;
    const words = this.#words;
    words[word] = 0;
    words[word + 1] = 0;
    words[word + WORD_LIFETIME] = 0;
    words[word + WORD_REFRESH] = 0;
    words[word + WORD_NEXT] = NONE;
    words[word + WORD_HASH] = key.hash;
    words[word + WORD_PARTITION] = key.partition;
    words[word + WORD_TYPE_CLASS] = key.typeAndClass;
    words[word + WORD_NAME_FLAGS] = key.nameAndFlags;
    words[word + WORD_LENGTHS] = 0;
    words[word + WORD_RCODE] = 0;
    words[word + WORD_HITS] = 0;
  }

  /** Notes when the entry was stored, how long it is fresh, and its RCODE. */
  writeLifetime(ref: number, nowMs: number, lifetimeSeconds: number, rcode: number): void {
    const word = ref << SEGMENT_WORD_SHIFT;
    this.#doubles[word >> 1] = nowMs;
    this.#words[word + WORD_LIFETIME] = lifetimeSeconds;
    this.#words[word + WORD_REFRESH] = 0;
    this.#words[word + WORD_RCODE] = rcode;
  }

  /** Whether the entry has exactly this key; letter case does not matter. */
  matches(ref: number, key: EntryKey): boolean {
    const words = this.#words;
    const word = ref << SEGMENT_WORD_SHIFT;
    if (words[word + WORD_TYPE_CLASS] !== key.typeAndClass) return false;
    if (words[word + WORD_NAME_FLAGS] !== key.nameAndFlags) return false;
    if (words[word + WORD_PARTITION] !== key.partition) return false;
    return this.#hasName(ref, key);
  }

  /** Whether the entry's QNAME equals the key's, ignoring case. Both have the same length. */
  #hasName(ref: number, { query, nameOffset, qnameLength }: EntryKey): boolean {
    const { bytes, links } = this.arena;
    let segment = ref;
    let at = (ref << SEGMENT_SHIFT) + MESSAGE_OFFSET + HEADER_LENGTH;
    for (let compared = 0; compared < qnameLength; ) {
      const run = Math.min(SEGMENT_BYTES - (at & (SEGMENT_BYTES - 1)), qnameLength - compared);
      if (!equalNamesFolded(bytes, at, query, nameOffset + compared, run)) return false;
      compared += run;
      segment = links[segment]!;
      at = segment << SEGMENT_SHIFT;
    }
    return true;
  }

  /** The message's bytes. */
  lengthOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS]! & 0xffff;
  }

  ttlCountOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS]! >>> 16;
  }

  setLengths(ref: number, length: number, ttlCount: number): void {
    this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS] = (ttlCount << 16) | length;
  }

  qnameLengthOf(ref: number): number {
    return (this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_NAME_FLAGS]! >> 8) & 0xff;
  }

  /** The next entry with the same hash, or NONE. */
  nextOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_NEXT]!;
  }

  setNext(ref: number, next: number): void {
    this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_NEXT] = next;
  }

  hashOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_HASH]!;
  }

  partitionOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_PARTITION]!;
  }

  /** KEY_DO and the other key flags (wire/query.ts). */
  keyFlagsOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_NAME_FLAGS]! & 0xff;
  }

  /** 0 for an NXDOMAIN. */
  qtypeOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_TYPE_CLASS]! >>> 16;
  }

  qclassOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_TYPE_CLASS]! & 0xffff;
  }

  /** The extended RCODE. */
  rcodeOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_RCODE]! & RCODE_MASK;
  }

  /**
   * Of a failure: why it was one, an INFO-CODE (RFC 8914). Else the slot of the upstream that
   * answered. −1: not known.
   */
  sourceOf(ref: number): number {
    return (this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_RCODE]! >>> SOURCE_SHIFT) - 1;
  }

  setSource(ref: number, source: number): void {
    const word = (ref << SEGMENT_WORD_SHIFT) + WORD_RCODE;
    this.#words[word] = (this.#words[word]! & RCODE_MASK) | (((source + 1) & 0xffff) << SOURCE_SHIFT);
  }

  /** Hits since the entry was stored; of a failure: failures in a row before this one. */
  hitsOf(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_HITS]!;
  }

  setHits(ref: number, hits: number): void {
    this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_HITS] = hits;
  }

  /** When it was stored, clock ms. */
  storedAtMs(ref: number): number {
    return this.#doubles[ref << (SEGMENT_WORD_SHIFT - 1)]!;
  }

  /** How long it may be used, ms. */
  lifetimeMs(ref: number): number {
    return this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_LIFETIME]! * 1000;
  }

  /** Milliseconds for which the entry is still fresh; 0 or less: it expired that long ago. */
  remainingMs(ref: number, nowMs: number): number {
    return this.storedAtMs(ref) + this.lifetimeMs(ref) - nowMs;
  }

  isExpired(ref: number, nowMs: number): boolean {
    return this.remainingMs(ref, nowMs) <= 0;
  }

  /** Whether a refresh may be tried (again) now. */
  mayRefresh(ref: number, nowMs: number): boolean {
    const notBeforeSeconds = this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_REFRESH]!;
    return nowMs >= this.storedAtMs(ref) + notBeforeSeconds * 1000;
  }

  /** No refresh for this many seconds from now, rounded up. */
  delayRefresh(ref: number, nowMs: number, seconds: number): void {
    const ageSeconds = Math.ceil((nowMs - this.storedAtMs(ref)) / 1000);
    this.#words[(ref << SEGMENT_WORD_SHIFT) + WORD_REFRESH] = ageSeconds + seconds;
  }
}
