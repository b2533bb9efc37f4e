// Counts the waiters of a zone client by client (max-min fairness). Any client may take any number
// of slots while some are free. When all are taken, the client with the most gives up its oldest
// waiter to a client with fewer: a flood gets what the others leave. Called by zone.ts for every
// waiter, and by query-path when no slot is free.
import type { Waiter } from './waiter.ts';

/**
 * Clients are hashed (client-hash.ts) into this many buckets: memory is bounded whoever asks, and
 * the few clients that share a bucket with a flood are served no better than the flood. A power of
 * two.
 */
const BUCKETS = 1024;

export class ClientShares {
  /** Slots that each bucket holds. */
  readonly #held = new Int32Array(BUCKETS);
  /** Its waiters: both ends of a list in the order they came (Waiter.older, newer). */
  readonly #oldest: (Waiter | null)[] = new Array<Waiter | null>(BUCKETS).fill(null);
  readonly #newest: (Waiter | null)[] = new Array<Waiter | null>(BUCKETS).fill(null);
  /**
   * No bucket holds more than this: raised as slots are taken, lowered only when all buckets are
   * counted again.
   */
  #most = 0;
  /** The bucket with the largest share when #most was set. */
  #largest = 0;

  add(waiter: Waiter): void {
    const bucket = waiter.clientHash & (BUCKETS - 1);
    const newest = this.#newest[bucket] ?? null;
    waiter.older = newest;
    waiter.newer = null;
    if (newest === null) this.#oldest[bucket] = waiter;
    else newest.newer = waiter;
    this.#newest[bucket] = waiter;
    const held = ++this.#held[bucket]!;
    if (held > this.#most) {
      this.#most = held;
      this.#largest = bucket;
    }
  }

  remove(waiter: Waiter): void {
    const bucket = waiter.clientHash & (BUCKETS - 1);
    const { older, newer } = waiter;
    if (older === null) this.#oldest[bucket] = newer;
    else older.newer = newer;
    if (newer === null) this.#newest[bucket] = older;
    else newer.older = older;
    this.#held[bucket]!--;
  }

  /**
   * The waiter whose slot a new query may take: the oldest of the client with the largest share, as
   * it has waited longest in vain. Null unless that client still has at least as many as the new
   * one afterwards. Otherwise the two would only take turns, which helps neither; with many floods
   * at once, each query would push out another before it is answered. (A client without a slot is
   * refused only if no client has two.)
   */
  findSurplus(clientHash: number): Waiter | null {
    const heldThen = this.#held[clientHash & (BUCKETS - 1)]! + 1;
    if (heldThen >= this.#most) return null;
    // All buckets are counted again only if the largest has lost a slot since: at most once per
    // slot that became free.
    if (this.#held[this.#largest]! < this.#most) this.#findLargest();
    return heldThen < this.#most ? this.#oldest[this.#largest]! : null;
  }

  #findLargest(): void {
    const held = this.#held;
    let largest = 0;
    for (let bucket = 1; bucket < BUCKETS; bucket++) if (held[bucket]! > held[largest]!) largest = bucket;
    this.#largest = largest;
    this.#most = held[largest]!;
  }
}
