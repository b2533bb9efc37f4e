// Unpredictable numbers for query IDs, ports and policies, from node:crypto through a refilled
// pool: a call to randomBytes per query would cost more than the query. Weak generators are how
// caches get poisoned (RFC 5452 §9.2).
import { randomFillSync } from 'node:crypto';

const POOL_WORDS = 2048;

/** A pool of cryptographic random words; one per thread. */
export class RandomPool {
  readonly #words = new Uint32Array(POOL_WORDS);
  #next = POOL_WORDS;

  /** A uniform integer in 0 … 2³²−1. */
  uint32(): number {
    if (this.#next === POOL_WORDS) {
      randomFillSync(this.#words);
      this.#next = 0;
    }
    return this.#words[this.#next++]!;
  }

  /** A uniform integer in 0 … 65535. */
  uint16(): number {
    return this.uint32() >>> 16;
  }

  /** An integer in 0 … bound−1, for bound ≤ 2¹⁶; the bias is under bound/2³². */
  below(bound: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound);
  }
}
