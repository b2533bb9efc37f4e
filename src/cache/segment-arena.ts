// Memory for cached messages: one buffer of equal segments; an entry is a linked list of them.
// Called only by the cache. Equal segments cannot fragment: whatever the mix of sizes, every free
// segment fits every message.
//
//   links   [ 0 │ 4 │ 0 │ 0 │ 3 │ … ]      entry 1 = segments 1 → 4 → 3, entry 2 = segment 2 alone
//   bytes  [ – │ A₀│ B │ A₂│ A₁│ … ]      segment 0 is never handed out: 0 means "none"
//
// The whole buffer is reserved when the cache is created, but the system backs a page only when it
// is first written: unused memory costs nothing, and nothing has to grow (and fail) under load.
import { WordBytes, wordsOf } from '../base/word-bytes.ts';

/**
 * log₂ of a segment's bytes: 128 hold the answer to an A question and everything that is stored
 * with it.
 */
export const SEGMENT_SHIFT = 7;
export const SEGMENT_BYTES = 1 << SEGMENT_SHIFT;
/** log₂ of a segment's 32-bit words. */
export const SEGMENT_WORD_SHIFT = SEGMENT_SHIFT - 2;
export const SEGMENT_WORDS = 1 << SEGMENT_WORD_SHIFT;
/** What a segment costs with its link, bytes. */
export const SEGMENT_COST = SEGMENT_BYTES + 4;
/** No segment. */
export const NONE = 0;

/** Under 2 GiB, so that every offset in bytes is a small integer. */
const MAX_SEGMENTS = (1 << (31 - SEGMENT_SHIFT)) - 1;

/**
 * A pool of segments. A reference is the number of an entry's first segment; its bytes begin at ref
 * << SEGMENT_SHIFT.
 */
export class SegmentArena {
  /** The memory, as bytes, as 16- and 32-bit words in the machine's byte order, and as doubles. */
  readonly bytes: WordBytes;
  readonly halves: Uint16Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** links[segment]: the entry's next segment, or NONE. */
  readonly links: Int32Array;
  /** Segments that can be in use at the same time. */
  readonly capacity: number;
  /** Segments in use. */
  used = 0;
  #freeHead = NONE;
  /** Segments from this one on were never used: their pages are not backed yet. */
  #untouched = 1;

  constructor(capacity: number) {
    this.capacity = Math.max(1, Math.min(capacity, MAX_SEGMENTS));
    const buffer = new ArrayBuffer((this.capacity + 1) * SEGMENT_BYTES);
    this.bytes = new WordBytes(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = wordsOf(this.bytes);
    this.doubles = new Float64Array(buffer);
    this.links = new Int32Array(this.capacity + 1);
  }

  /** Takes `count` segments (≥ 1), linked; NONE if fewer are free. Their content is undefined. */
  allocate(count: number): number {
    if (count > this.capacity - this.used) return NONE;
    this.used += count;
    let ref = NONE;
    for (let i = 0; i < count; i++) {
      let segment = this.#freeHead;
      if (segment !== NONE) this.#freeHead = this.links[segment]!;
      else segment = this.#untouched++;
      this.links[segment] = ref;
      ref = segment;
    }
    return ref;
  }

  /** Frees all segments of an entry. */
  free(ref: number): void {
    let last = ref;
    let count = 1;
    while (this.links[last] !== NONE) {
      last = this.links[last]!;
      count++;
    }
    this.links[last] = this.#freeHead;
    this.#freeHead = ref;
    this.used -= count;
  }
}
