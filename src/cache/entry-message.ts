// The message of an entry: written into its segments, copied out of them with its TTLs aged. Called by MessageCache; the
// layout is in entry.ts. RFC 1035 §3.2.1 (TTLs count down), RFC 8767 §4 (the TTL of stale answers).
import { copyOctets } from '../base/word-octets.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { ageTtls, setTtls } from '../wire/ttl.ts';
import {
  lengthOf,
  lifetimeMs,
  MESSAGE_WORD,
  qnameLengthOf,
  setLengths,
  storedAtMs,
  ttlCountOf,
} from './entry.ts';
import {
  SEGMENT_BYTES,
  SEGMENT_SHIFT,
  SEGMENT_WORD_SHIFT,
  SEGMENT_WORDS,
  type SegmentArena,
} from './segment-arena.ts';

const MESSAGE_OFFSET = MESSAGE_WORD * 4;

/** Copies the message's first `length` octets and the offsets of its TTLs into the entry's segments. */
export function writeMessage(
  arena: SegmentArena,
  ref: number,
  message: Uint8Array,
  length: number,
  ttlOffsets: Uint16Array,
  ttlCount: number,
): void {
  const { bytes, halves, links } = arena;
  setLengths(arena, ref, length, ttlCount);
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
    copyOctets(message, written, bytes, put << 2, run);
    written += run;
    put += (run + 3) >> 2;
  }
  // The list of TTLs follows on the message's last word.
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
 * Copies the message into out[0 …] with its TTLs aged to now, or, once expired, all at staleTtlSeconds. Returns its
 * length, −1 when it does not fit.
 */
export function copyMessage(
  arena: SegmentArena,
  ref: number,
  out: Uint8Array,
  nowMs: number,
  staleTtlSeconds: number,
): number {
  const { bytes, halves, links } = arena;
  const length = lengthOf(arena, ref);
  if (length > out.length) return -1;
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
    copyOctets(bytes, from << 2, out, copied, run);
    copied += run;
    from += (run + 3) >> 2;
  }

  const ageMs = nowMs - storedAtMs(arena, ref);
  const stale = ageMs >= lifetimeMs(arena, ref);
  if (ageMs < 1000 && !stale) return length;
  const ageSeconds = Math.floor(ageMs / 1000);
  // The list of TTLs follows on the message's last word.
  let count = ttlCountOf(arena, ref);
  while (count > 0) {
    if (from === end) {
      segment = links[segment]!;
      from = segment << SEGMENT_WORD_SHIFT;
      end = from + SEGMENT_WORDS;
    }
    const room = (end - from) << 1;
    const run = Math.min(count, room);
    // A fresh answer never says 0, "do not keep": what is left of its last second counts as one.
    if (stale) setTtls(out, 0, halves, from << 1, run, staleTtlSeconds);
    else ageTtls(out, 0, halves, from << 1, run, ageSeconds, 1);
    count -= run;
    from = end;
  }
  return length;
}

/** Copies QNAME into out and returns its length. For the flush, which asks which names there are. */
export function copyQname(arena: SegmentArena, ref: number, out: Uint8Array): number {
  const length = qnameLengthOf(arena, ref);
  let segment = ref;
  let at = (ref << SEGMENT_SHIFT) + MESSAGE_OFFSET + HEADER_LENGTH;
  for (let i = 0; i < length; i++) {
    if ((at & (SEGMENT_BYTES - 1)) === 0) {
      segment = arena.links[segment]!;
      at = segment << SEGMENT_SHIFT;
    }
    out[i] = arena.bytes[at++]!;
  }
  return length;
}
