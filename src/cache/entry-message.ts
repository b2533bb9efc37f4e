// The message of an entry: written into its segments, copied out of them with its TTLs aged. Called by MessageCache; the
// layout is in entry.ts. RFC 1035 §3.2.1 (TTLs count down), RFC 8767 §4 (the TTL of stale answers).
import { wordsOf } from '../base/word-octets.ts';
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
  const { words, bytes, halves, links } = arena;
  setLengths(arena, ref, length, ttlCount);
  const messageWords = wordsOf(message);
  const wholeWords = messageWords === undefined ? 0 : length >> 2;
  let segment = ref;
  let put = (ref << SEGMENT_WORD_SHIFT) + MESSAGE_WORD;
  let end = (ref + 1) << SEGMENT_WORD_SHIFT;
  if (messageWords !== undefined) {
    for (let i = 0; i < wholeWords; i++) {
      if (put === end) {
        segment = links[segment]!;
        put = segment << SEGMENT_WORD_SHIFT;
        end = put + SEGMENT_WORDS;
      }
      words[put++] = messageWords[i]!;
    }
  }
  // The octets after the last whole word; all of them where the message does not begin on one.
  for (let i = wholeWords << 2; i < length; ) {
    if (put === end) {
      segment = links[segment]!;
      put = segment << SEGMENT_WORD_SHIFT;
      end = put + SEGMENT_WORDS;
    }
    const stop = length - i < 4 ? length : i + 4;
    for (let at = put << 2; i < stop; ) bytes[at++] = message[i++]!;
    put++;
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
  const { words, bytes, halves, links } = arena;
  const length = lengthOf(arena, ref);
  if (length > out.length) return -1;
  const outWords = wordsOf(out);
  const wholeWords = outWords === undefined ? 0 : length >> 2;
  let segment = ref;
  let from = (ref << SEGMENT_WORD_SHIFT) + MESSAGE_WORD;
  let end = (ref + 1) << SEGMENT_WORD_SHIFT;
  if (outWords !== undefined) {
    for (let to = 0; to < wholeWords; ) {
      if (from === end) {
        segment = links[segment]!;
        from = segment << SEGMENT_WORD_SHIFT;
        end = from + SEGMENT_WORDS;
      }
      const stop = Math.min(to + end - from, wholeWords);
      while (to < stop) outWords[to++] = words[from++]!;
    }
  }
  // The octets after the last whole word; all of them where `out` does not begin on one.
  for (let i = wholeWords << 2; i < length; ) {
    if (from === end) {
      segment = links[segment]!;
      from = segment << SEGMENT_WORD_SHIFT;
      end = from + SEGMENT_WORDS;
    }
    const stop = length - i < 4 ? length : i + 4;
    for (let at = from << 2; i < stop; ) out[i++] = bytes[at++]!;
    from++;
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
