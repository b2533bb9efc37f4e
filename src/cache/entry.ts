// The layout of an entry in the arena: its key, its times, its chain link. There is no object per
// entry, so a full cache costs the garbage collector nothing. Called by EntryStore and
// MessageCache; for the message see entry-message.ts.
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
//        10    EDE code + 1 << 16 | RCODE (extended)      (the EDE code of failures only, else 0)
//        11    hits; of a failure: how often in a row
//        12…   the message (no OPT), padded to whole words; then the offsets of its TTLs, 16 bits each
//
// An entry continues in the segments linked to its first one; words and 16-bit numbers never
// straddle two segments.
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded } from '../wire/name.ts';
import type { QuestionKey } from './question-key.ts';
import {
  NONE,
  SEGMENT_BYTES,
  SEGMENT_SHIFT,
  SEGMENT_WORD_SHIFT,
  type SegmentArena,
} from './segment-arena.ts';

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
/** Where the message starts. */
export const MESSAGE_WORD = 12;
const MESSAGE_OFFSET = MESSAGE_WORD * 4;
const NXDOMAIN_FLAG = 1 << 16;

/** Segments that a message of `length` bytes with `ttlCount` TTLs takes. */
export function segmentsFor(length: number, ttlCount: number): number {
  const bytes = MESSAGE_OFFSET + ((length + 3) & ~3) + ttlCount * 2;
  return (bytes + SEGMENT_BYTES - 1) >> SEGMENT_SHIFT;
}

/** Segments that the entry takes. */
export function lengthInSegments(arena: SegmentArena, ref: number): number {
  return segmentsFor(lengthOf(arena, ref), ttlCountOf(arena, ref));
}

/** Fills in an entry's key and clears everything that was noted in these segments before. */
export function writeKey(
  arena: SegmentArena,
  ref: number,
  hash: number,
  q: QuestionKey,
  anyType: boolean,
  partition: number,
): void {
  const word = ref << SEGMENT_WORD_SHIFT;
  const { words } = arena;
  words[word] = 0;
  words[word + 1] = 0;
  words[word + WORD_LIFETIME] = 0;
  words[word + WORD_REFRESH] = 0;
  words[word + WORD_NEXT] = NONE;
  words[word + WORD_HASH] = hash;
  words[word + WORD_PARTITION] = partition;
  words[word + WORD_TYPE_CLASS] = typeClassOf(q, anyType);
  words[word + WORD_NAME_FLAGS] = nameFlagsOf(q, anyType);
  words[word + WORD_LENGTHS] = 0;
  words[word + WORD_RCODE] = 0;
  words[word + WORD_HITS] = 0;
}

/**
 * Notes when the entry was stored, how long it is fresh, its RCODE, and its EDE code (−1 for none).
 */
export function writeLifetime(
  arena: SegmentArena,
  ref: number,
  nowMs: number,
  lifetimeSeconds: number,
  rcode: number,
  edeCode: number,
): void {
  const word = ref << SEGMENT_WORD_SHIFT;
  arena.doubles[word >> 1] = nowMs;
  arena.words[word + WORD_LIFETIME] = lifetimeSeconds;
  arena.words[word + WORD_REFRESH] = 0;
  arena.words[word + WORD_RCODE] = ((edeCode + 1) << 16) | rcode;
}

/**
 * Whether the entry matches exactly this question, these flags and this partition. `anyType`: the
 * search is for an NXDOMAIN.
 */
export function matchesQuestion(
  arena: SegmentArena,
  ref: number,
  query: Uint8Array,
  q: QuestionKey,
  anyType: boolean,
  partition: number,
): boolean {
  const { words } = arena;
  const word = ref << SEGMENT_WORD_SHIFT;
  if (words[word + WORD_TYPE_CLASS] !== typeClassOf(q, anyType)) return false;
  if (words[word + WORD_NAME_FLAGS] !== nameFlagsOf(q, anyType)) return false;
  if (words[word + WORD_PARTITION] !== partition) return false;
  return matchesName(arena, ref, query, HEADER_LENGTH + q.qnameLength);
}

/** Whether the entry's QNAME equals the query's, ignoring case. Both have the same length. */
function matchesName(arena: SegmentArena, ref: number, query: Uint8Array, nameEnd: number): boolean {
  const { bytes, links } = arena;
  let segment = ref;
  let at = (ref << SEGMENT_SHIFT) + MESSAGE_OFFSET + HEADER_LENGTH;
  for (let compared = HEADER_LENGTH; compared < nameEnd; ) {
    const run = Math.min(SEGMENT_BYTES - (at & (SEGMENT_BYTES - 1)), nameEnd - compared);
    if (!equalNamesFolded(bytes, at, query, compared, run)) return false;
    compared += run;
    segment = links[segment]!;
    at = segment << SEGMENT_SHIFT;
  }
  return true;
}

function typeClassOf(q: QuestionKey, anyType: boolean): number {
  return anyType ? q.qclass : (q.qtype << 16) | q.qclass;
}

function nameFlagsOf(q: QuestionKey, anyType: boolean): number {
  return (q.qnameLength << 8) | q.keyFlags | (anyType ? NXDOMAIN_FLAG : 0);
}

/** The message's bytes. */
export function lengthOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS]! & 0xffff;
}

export function ttlCountOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS]! >>> 16;
}

export function setLengths(arena: SegmentArena, ref: number, length: number, ttlCount: number): void {
  arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_LENGTHS] = (ttlCount << 16) | length;
}

export function qnameLengthOf(arena: SegmentArena, ref: number): number {
  return (arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_NAME_FLAGS]! >> 8) & 0xff;
}

/** The next entry with the same hash, or NONE. */
export function nextOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_NEXT]!;
}

export function setNext(arena: SegmentArena, ref: number, next: number): void {
  arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_NEXT] = next;
}

export function hashOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_HASH]!;
}

export function partitionOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_PARTITION]!;
}

/** The extended RCODE. */
export function rcodeOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_RCODE]! & 0xffff;
}

/** The EDE code stored with a failure, −1 for none. */
export function edeCodeOf(arena: SegmentArena, ref: number): number {
  return (arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_RCODE]! >>> 16) - 1;
}

/** Hits since the entry was stored; for a failure: how many times in a row it failed. */
export function hitsOf(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_HITS]!;
}

export function setHits(arena: SegmentArena, ref: number, hits: number): void {
  arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_HITS] = hits;
}

/** When it was stored, clock ms. */
export function storedAtMs(arena: SegmentArena, ref: number): number {
  return arena.doubles[ref << (SEGMENT_WORD_SHIFT - 1)]!;
}

/** How long it may be used, ms. */
export function lifetimeMs(arena: SegmentArena, ref: number): number {
  return arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_LIFETIME]! * 1000;
}

/** Milliseconds for which the entry is still fresh; 0 or less: it expired that long ago. */
export function remainingMs(arena: SegmentArena, ref: number, nowMs: number): number {
  return storedAtMs(arena, ref) + lifetimeMs(arena, ref) - nowMs;
}

export function isExpired(arena: SegmentArena, ref: number, nowMs: number): boolean {
  return remainingMs(arena, ref, nowMs) <= 0;
}

/** Whether a refresh may be tried (again) now. */
export function mayRefresh(arena: SegmentArena, ref: number, nowMs: number): boolean {
  const notBeforeSeconds = arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_REFRESH]!;
  return nowMs >= storedAtMs(arena, ref) + notBeforeSeconds * 1000;
}

/** No refresh for this many seconds from now, rounded up. */
export function delayRefresh(arena: SegmentArena, ref: number, nowMs: number, seconds: number): void {
  const ageSeconds = Math.ceil((nowMs - storedAtMs(arena, ref)) / 1000);
  arena.words[(ref << SEGMENT_WORD_SHIFT) + WORD_REFRESH] = ageSeconds + seconds;
}
