// The messages of entries: written into their segments, and copied out of them with their TTLs
// counted down. Called by MessageCache; the layout is in entry-table.ts. RFC 1035 §3.2.1 (TTLs
// count down), RFC 8767 §4 (the TTL of stale answers).
import { copyBytes } from '../base/word-bytes.ts';
import { FLAG_AA, HEADER_LENGTH } from '../wire/header.ts';
import { ageTtls, setTtls } from '../wire/ttl.ts';
import { type EntryTable, MESSAGE_OFFSET, MESSAGE_WORD } from './entry-table.ts';
import {
  SEGMENT_BYTES,
  SEGMENT_SHIFT,
  SEGMENT_WORD_SHIFT,
  SEGMENT_WORDS,
  type SegmentArena,
} from './segment-arena.ts';

export class EntryMessages {
  readonly #table: EntryTable;
  readonly #arena: SegmentArena;

  constructor(table: EntryTable) {
    this.#table = table;
    this.#arena = table.arena;
  }

  /**
   * Copies the message's first `length` bytes and the offsets of its TTLs into the entry's
   * segments.
   */
  write(ref: number, message: Uint8Array, length: number, ttlOffsets: Uint16Array, ttlCount: number): void {
    const { bytes, halves, links } = this.#arena;
    this.#table.setLengths(ref, length, ttlCount);
    let segment = ref;
    let put = (ref << SEGMENT_WORD_SHIFT) + MESSAGE_WORD;
    let end = (ref + 1) << SEGMENT_WORD_SHIFT;
    for (let written = 0; written < length; ) {
      if (put === end) {
        segment = links[segment]!;
        put = segment << SEGMENT_WORD_SHIFT;
        end = put + SEGMENT_WORDS;
      }
      const run = Math.min((end - put) << 2, length - written);
      copyBytes(message, written, bytes, put << 2, run);
      written += run;
      put += (run + 3) >> 2;
    }
    // The list of TTL offsets follows the message's last word.
    for (let i = 0; i < ttlCount; put++) {
      if (put === end) {
        segment = links[segment]!;
        put = segment << SEGMENT_WORD_SHIFT;
        end = put + SEGMENT_WORDS;
      }
      halves[put << 1] = ttlOffsets[i++]!;
      if (i < ttlCount) halves[(put << 1) + 1] = ttlOffsets[i++]!;
    }
  }

  /**
   * Clears AA in the entry's message: an answer from a cache is not authoritative (RFC 1035 §4.1.1,
   * RFC 2181 §5.4.1).
   */
  clearAuthoritative(ref: number): void {
    this.#arena.bytes[(ref << SEGMENT_SHIFT) + MESSAGE_OFFSET + 2]! &= ~(FLAG_AA >>> 8);
  }

  /**
   * Copies the message into out[0 …]. Its TTLs are counted down to now; if it has expired, all are
   * staleTtlSeconds. Returns its length; if that is more than `out` holds, only the beginning of
   * the message is copied.
   */
  copy(ref: number, out: Uint8Array, nowMs: number, staleTtlSeconds: number): number {
    const { bytes, halves, links } = this.#arena;
    const table = this.#table;
    const length = table.lengthOf(ref);
    if (length > out.length) {
      this.#copyBeginning(ref, out, nowMs, staleTtlSeconds);
      return length;
    }
    let segment = ref;
    let from = (ref << SEGMENT_WORD_SHIFT) + MESSAGE_WORD;
    let end = (ref + 1) << SEGMENT_WORD_SHIFT;
    for (let copied = 0; copied < length; ) {
      if (from === end) {
        segment = links[segment]!;
        from = segment << SEGMENT_WORD_SHIFT;
        end = from + SEGMENT_WORDS;
      }
      const run = Math.min((end - from) << 2, length - copied);
      copyBytes(bytes, from << 2, out, copied, run);
      copied += run;
      from += (run + 3) >> 2;
    }

    const ageMs = nowMs - table.storedAtMs(ref);
    const stale = ageMs >= table.lifetimeMs(ref);
    if (ageMs < 1000 && !stale) return length;
    const ageSeconds = Math.floor(ageMs / 1000);
    // The list of TTL offsets follows the message's last word.
    let count = table.ttlCountOf(ref);
    while (count > 0) {
      if (from === end) {
        segment = links[segment]!;
        from = segment << SEGMENT_WORD_SHIFT;
        end = from + SEGMENT_WORDS;
      }
      const room = (end - from) << 1;
      const run = Math.min(count, room);
      if (stale) setTtls(out, halves, from << 1, run, staleTtlSeconds);
      else ageTtls(out, halves, from << 1, run, ageSeconds);
      count -= run;
      from = end;
    }
    return length;
  }

  /** copy() for a message that is longer than `out`: copies as much as fits. */
  #copyBeginning(ref: number, out: Uint8Array, nowMs: number, staleTtlSeconds: number): void {
    const { bytes, halves, links } = this.#arena;
    const table = this.#table;
    const length = table.lengthOf(ref);
    let segment = ref;
    let from = (ref << SEGMENT_WORD_SHIFT) + MESSAGE_WORD;
    let end = (ref + 1) << SEGMENT_WORD_SHIFT;
    for (let passed = 0; passed < length; ) {
      if (from === end) {
        segment = links[segment]!;
        from = segment << SEGMENT_WORD_SHIFT;
        end = from + SEGMENT_WORDS;
      }
      const run = Math.min((end - from) << 2, length - passed);
      const room = out.length - passed;
      if (room > 0) copyBytes(bytes, from << 2, out, passed, Math.min(run, room));
      passed += run;
      from += (run + 3) >> 2;
    }

    const ageMs = nowMs - table.storedAtMs(ref);
    const stale = ageMs >= table.lifetimeMs(ref);
    const ageSeconds = Math.floor(ageMs / 1000);
    // TTL offsets are in ascending order: the first one behind the cut ends the loop.
    for (let left = table.ttlCountOf(ref), half = from << 1; left > 0; left--, half++) {
      if (half === end << 1) {
        segment = links[segment]!;
        half = segment << (SEGMENT_WORD_SHIFT + 1);
        end = (segment + 1) << SEGMENT_WORD_SHIFT;
      }
      if (halves[half]! + 4 > out.length) return;
      if (stale) setTtls(out, halves, half, 1, staleTtlSeconds);
      else ageTtls(out, halves, half, 1, ageSeconds);
    }
  }

  /** Whether its only record is one in the authority section. */
  isBareDenial(ref: number): boolean {
    const counts = (ref << SEGMENT_SHIFT) + MESSAGE_OFFSET;
    const { bytes } = this.#arena;
    // ANCOUNT, NSCOUNT, ARCOUNT.
    for (let at = 6; at < HEADER_LENGTH; at++) if (bytes[counts + at] !== (at === 9 ? 1 : 0)) return false;
    return true;
  }

  /** Copies QNAME into out and returns its length. For the flush, which compares names. */
  copyQname(ref: number, out: Uint8Array): number {
    const { bytes, links } = this.#arena;
    const length = this.#table.qnameLengthOf(ref);
    let segment = ref;
    let at = (ref << SEGMENT_SHIFT) + MESSAGE_OFFSET + HEADER_LENGTH;
    for (let i = 0; i < length; i++) {
      if ((at & (SEGMENT_BYTES - 1)) === 0) {
        segment = links[segment]!;
        at = segment << SEGMENT_SHIFT;
      }
      out[i] = bytes[at++]!;
    }
    return length;
  }
}
