// Hash → reference, in order of use: what EntryStore finds entries by. lru-cache does the work, in parts:
//
//   hash ─ some of its bits ─▶ part │ lru-cache of at most 32,768 or so │   made when its first hash comes
//
// A part gives up its own least recently used, the parts taking turns: nearly what a single list would, as long as a part holds some, and
// exactly that where the cache is small and has one part.
//
// One Map of a million hashes is built anew now and then as hashes come and go, at some 90 ms a time, and queries wait that long; a part
// takes 3 ms at the most (bench/cache/hash-parts). Smaller parts would take less. But around each list lie some 2 KiB that every hash
// that comes or goes touches, and of many parts these are never at hand: forwarding pays for that. What was never filled takes no memory.
import { LRUCache } from 'lru-cache';
import { NONE } from './segment-arena.ts';

/** Hashes in a part. */
const PART_HASHES = 32_768;
/** Bits of a hash to the right of those that choose the part. */
const PART_SHIFT = 16;
/** Parts are filled by chance, one more than another. By so much more, and the hash that comes costs another of its part its place. */
const UNEVENNESS = 1.25;

/** lru-cache writes into the options it is given: one object for all calls, none made per call. */
const OPTIONS = {};

type Part = LRUCache<number, number>;

/** A bounded map of 32-bit hashes to references (never NONE). What goes first is the least recently used of one part, the parts taking turns. */
export class HashLru {
  readonly #parts: (Part | null)[];
  readonly #partMask: number;
  readonly #partMax: number;
  /** The part that gives up the next. */
  #turn = 0;

  /** `max`: hashes that the owner will have in it at a time; it makes room itself, by popOldest(). */
  constructor(max: number) {
    const count = 2 ** Math.ceil(Math.log2(Math.max(1, max / PART_HASHES)));
    this.#parts = new Array<Part | null>(count).fill(null);
    this.#partMask = count - 1;
    this.#partMax = count === 1 ? max : Math.ceil((max / count) * UNEVENNESS);
  }

  /** The reference filed under a hash, which counts as used now; NONE when there is none. */
  get(hash: number): number {
    const part = this.#parts[(hash >>> PART_SHIFT) & this.#partMask]!;
    return part === null ? NONE : (part.get(hash, OPTIONS) ?? NONE);
  }

  /** Files a reference under a hash that nothing is filed under. Returns one that had to go for it; NONE nearly always. */
  add(hash: number, ref: number): number {
    const index = (hash >>> PART_SHIFT) & this.#partMask;
    let part = this.#parts[index]!;
    if (part === null) {
      part = new LRUCache({ max: this.#partMax });
      this.#parts[index] = part;
    }
    // lru-cache would drop it without a word, and the entry's memory would be lost.
    const gone = part.size === this.#partMax ? part.pop()! : NONE;
    part.set(hash, ref, OPTIONS);
    return gone;
  }

  /** Files a reference under a hash in place of another. */
  replace(hash: number, ref: number): void {
    this.#parts[(hash >>> PART_SHIFT) & this.#partMask]!.set(hash, ref, OPTIONS);
  }

  delete(hash: number): void {
    this.#parts[(hash >>> PART_SHIFT) & this.#partMask]?.delete(hash);
  }

  /** Takes out what was not used for longest and returns it; NONE when there is nothing. */
  popOldest(): number {
    const part = this.#nextPart();
    if (part === null) return NONE;
    this.#turn = (this.#turn + 1) & this.#partMask;
    return part.pop()!;
  }

  /** What popOldest() would take out; NONE when there is nothing. Makes an iterator: not for nothing. */
  oldest(): number {
    return this.#nextPart()?.rvalues().next().value ?? NONE;
  }

  /** Every reference: not for the path of a query. */
  *values(): Generator<number> {
    for (const part of this.#parts) if (part !== null) yield* part.values();
  }

  clear(): void {
    this.#parts.fill(null);
  }

  /** The part whose turn it is, or the next that has anything; null when none has. */
  #nextPart(): Part | null {
    for (let passed = 0; passed <= this.#partMask; passed++) {
      const part = this.#parts[this.#turn]!;
      if (part !== null && part.size > 0) return part;
      this.#turn = (this.#turn + 1) & this.#partMask;
    }
    return null;
  }
}
