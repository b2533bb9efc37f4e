// Hash → reference, in order of use: EntryStore finds entries with it. lru-cache does the work, in
// shards:
//
//   hash ─ some of its bits ─▶ shard │ lru-cache of about 32,768 at most │   created for its first hash
//
// Each shard evicts its own least recently used hash, and the shards take turns. The result is
// nearly that of a single list as long as each shard holds some hashes, and exactly that if the
// cache is small and has one shard.
//
// A single Map of a million hashes is rebuilt from time to time as hashes come and go. Each rebuild
// takes about 90 ms, and queries wait for it; a shard takes at most 3 ms (bench/cache/hash-parts).
// Smaller shards would take less. But each list has about 2 KiB of its own that every added or
// removed hash touches, and with many shards these are never in the CPU cache, which slows
// forwarding down. A shard that was never filled takes no memory.
import { LRUCache } from 'lru-cache';
import { NONE } from './segment-arena.ts';

/** Hashes in a shard. */
const SHARD_HASHES = 32_768;
/** Bits of a hash to the right of those that choose the shard. */
const SHARD_SHIFT = 16;
/**
 * Shards fill unevenly. A shard may hold this many times its share; beyond that, a new hash evicts
 * another one of its shard.
 */
const SHARD_HEADROOM = 1.25;

/** lru-cache writes into the options it is given: one object for all calls, none made per call. */
const OPTIONS = {};

type Shard = LRUCache<number, number>;

/**
 * A bounded map of 32-bit hashes to references (never NONE). It evicts the least recently used hash
 * of one shard, and the shards take turns.
 */
export class HashLru {
  readonly #shards: (Shard | null)[];
  readonly #shardMask: number;
  readonly #shardMax: number;
  /** The shard that evicts next. */
  #turn = 0;

  /** `max`: hashes that the owner keeps in it at a time; the owner makes room with popOldest(). */
  constructor(max: number) {
    const count = 2 ** Math.ceil(Math.log2(Math.max(1, max / SHARD_HASHES)));
    this.#shards = new Array<Shard | null>(count).fill(null);
    this.#shardMask = count - 1;
    this.#shardMax = count === 1 ? max : Math.ceil((max / count) * SHARD_HEADROOM);
  }

  /**
   * The reference filed under a hash, which is now the most recently used one; NONE if there is
   * none.
   */
  get(hash: number): number {
    const shard = this.#shards[(hash >>> SHARD_SHIFT) & this.#shardMask]!;
    return shard === null ? NONE : (shard.get(hash, OPTIONS) ?? NONE);
  }

  /**
   * Files a reference under a hash that is not in use yet. Returns the reference that was evicted
   * for it; nearly always NONE.
   */
  add(hash: number, ref: number): number {
    const index = (hash >>> SHARD_SHIFT) & this.#shardMask;
    let shard = this.#shards[index]!;
    if (shard === null) {
      shard = new LRUCache({ max: this.#shardMax });
      this.#shards[index] = shard;
    }
    // lru-cache would drop it silently, and the entry's memory would leak.
    const gone = shard.size === this.#shardMax ? shard.pop()! : NONE;
    shard.set(hash, ref, OPTIONS);
    return gone;
  }

  /** Files a reference under a hash instead of another one. */
  replace(hash: number, ref: number): void {
    this.#shards[(hash >>> SHARD_SHIFT) & this.#shardMask]!.set(hash, ref, OPTIONS);
  }

  delete(hash: number): void {
    this.#shards[(hash >>> SHARD_SHIFT) & this.#shardMask]?.delete(hash);
  }

  /** Takes out the least recently used reference and returns it; NONE if there is none. */
  popOldest(): number {
    const shard = this.#nextShard();
    if (shard === null) return NONE;
    this.#turn = (this.#turn + 1) & this.#shardMask;
    return shard.pop()!;
  }

  /**
   * What popOldest() would take out; NONE if there is none. Allocates an iterator: do not call it
   * without need.
   */
  oldest(): number {
    return this.#nextShard()?.rvalues().next().value ?? NONE;
  }

  /** Every reference: not for the hot path. */
  *values(): Generator<number> {
    for (const shard of this.#shards) if (shard !== null) yield* shard.values();
  }

  clear(): void {
    this.#shards.fill(null);
  }

  /** The shard whose turn it is, or the next one that is not empty; null if all are. */
  #nextShard(): Shard | null {
    for (let passed = 0; passed <= this.#shardMask; passed++) {
      const shard = this.#shards[this.#turn]!;
      if (shard !== null && shard.size > 0) return shard;
      this.#turn = (this.#turn + 1) & this.#shardMask;
    }
    return null;
  }
}
