// Who waits for a zone's upstreams, client by client (max-min fairness). Places are free to everybody while there are any, so
// that one client may have them all. When they are all taken the client that has most gives up its oldest waiter to a newcomer
// that has fewer: a flood takes what the others leave. Called by zone.ts for every waiter, and by query-path when there is no place.
import type { Waiter } from './waiter.ts';

/**
 * Clients are told apart by a keyed hash (client-hash.ts) into so many buckets: memory is bounded whoever asks, and those few that fall
 * in with a flood are served no better than it. A power of two.
 */
const BUCKETS = 1024;

export class ClientShares {
  /** Places that each bucket holds. */
  readonly #held = new Int32Array(BUCKETS);
  /** Its waiters, a list in the order they came (Waiter.older, newer): the ends. */
  readonly #oldest: (Waiter | null)[] = new Array<Waiter | null>(BUCKETS).fill(null);
  readonly #newest: (Waiter | null)[] = new Array<Waiter | null>(BUCKETS).fill(null);
  /** No bucket holds more than this: raised as places are taken, lowered only when it is looked at. */
  #most = 0;
  /** The bucket that held so many. */
  #heaviest = 0;

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
      this.#heaviest = bucket;
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
   * The waiter whose place a newcomer may have: the oldest of the client that holds most, as it has waited longest in vain. Null unless
   * that client has as many as the newcomer even then: to take turns would help none of them, and where many flood at once each query
   * would throw out another before it is answered. (A newcomer with nothing is turned away only where nobody has two.)
   */
  findSurplus(clientHash: number): Waiter | null {
    const heldThen = this.#held[clientHash & (BUCKETS - 1)]! + 1;
    if (heldThen >= this.#most) return null;
    // All buckets are looked at again only when the heaviest has lost a place since: at most once per place that became free.
    if (this.#held[this.#heaviest]! < this.#most) this.#weigh();
    return heldThen < this.#most ? this.#oldest[this.#heaviest]! : null;
  }

  #weigh(): void {
    const held = this.#held;
    let heaviest = 0;
    for (let bucket = 1; bucket < BUCKETS; bucket++) if (held[bucket]! > held[heaviest]!) heaviest = bucket;
    this.#heaviest = heaviest;
    this.#most = held[heaviest]!;
  }
}
