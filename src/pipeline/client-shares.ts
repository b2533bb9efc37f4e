// Counts the waiters of a zone client by client (max-min fairness). Any client may take any number
// of slots while some are free. When all are taken, the client with the most gives up its oldest
// waiter to a client with fewer: a flood gets what the others leave. One per zone: filled as
// waiters come and go, read by displacement when no slot is free.
//
//   #table, by hash        #byHeld, by waiters held
//     …                      1: C ⇄ D
//     A ─ C                  2:
//     B ─ D                  3: A ⇄ B      ← #most: A's oldest waiter goes first
//
// Only clients that wait have a share, so that there are never more than waiters, however many
// addresses somebody invents.

/** Size of the table: a power of two. */
const BUCKETS = 1024;

/** One slot that a client holds: Waiter. */
export interface SlotHolder<Holder> {
  /** The client (client-hash.ts). */
  readonly clientHash: number;
  /** What the client holds, and its slots before and after this one; set by ClientShares. */
  share: ClientShare<Holder> | null;
  older: Holder | null;
  newer: Holder | null;
}

/** What one client holds. Pooled. */
export class ClientShare<Holder> {
  clientHash = 0;
  held = 0;
  /** Both ends of the list of its waiters, in the order they came (older, newer). */
  oldest: Holder | null = null;
  newest: Holder | null = null;
  /** The next one in the same bucket, or in the pool. */
  next: ClientShare<Holder> | null = null;
  /** Its neighbors among the clients that hold as many. */
  left: ClientShare<Holder> | null = null;
  right: ClientShare<Holder> | null = null;
}

export class ClientShares<Holder extends SlotHolder<Holder>> {
  readonly #table: (ClientShare<Holder> | null)[] = new Array<ClientShare<Holder> | null>(BUCKETS).fill(null);
  #free: ClientShare<Holder> | null = null;
  /** The first of the clients that hold as many. */
  readonly #byHeld: (ClientShare<Holder> | null)[] = [null];
  /** The most that one client holds; 0: nobody waits. */
  #most = 0;

  add(waiter: Holder): void {
    const share = this.#find(waiter.clientHash) ?? this.#create(waiter.clientHash);
    const { newest } = share;
    waiter.share = share;
    waiter.older = newest;
    waiter.newer = null;
    if (newest === null) share.oldest = waiter;
    else newest.newer = waiter;
    share.newest = waiter;
    if (share.held > 0) this.#unlist(share);
    share.held++;
    this.#list(share);
    if (share.held > this.#most) this.#most = share.held;
  }

  remove(waiter: Holder): void {
    const { older, newer } = waiter;
    const share = waiter.share!;
    waiter.share = null;
    if (older === null) share.oldest = newer;
    else older.newer = newer;
    if (newer === null) share.newest = older;
    else newer.older = older;
    this.#unlist(share);
    // The one with the most has one less now, and no other one had more than that.
    if (share.held === this.#most && this.#byHeld[share.held] === null) this.#most--;
    share.held--;
    if (share.held > 0) this.#list(share);
    else this.#forget(share);
  }

  /**
   * The waiter whose slot a new query may take: the oldest of the client with the most slots, as it
   * has waited longest. Null if that would leave it fewer than the new query's client then has:
   * the two would only take turns, and with many floods at once each query would push out another
   * before it is answered. (A client without a slot is refused only if no client has two.)
   */
  findSurplus(clientHash: number): Holder | null {
    const held = this.#find(clientHash)?.held ?? 0;
    return held + 1 < this.#most ? this.#byHeld[this.#most]!.oldest : null;
  }

  #find(clientHash: number): ClientShare<Holder> | null {
    let share = this.#table[clientHash & (BUCKETS - 1)] ?? null;
    while (share !== null && share.clientHash !== clientHash) share = share.next;
    return share;
  }

  #create(clientHash: number): ClientShare<Holder> {
    const share = this.#free ?? new ClientShare<Holder>();
    this.#free = share.next;
    const bucket = clientHash & (BUCKETS - 1);
    share.clientHash = clientHash;
    share.next = this.#table[bucket]!;
    this.#table[bucket] = share;
    return share;
  }

  /** Takes a client that holds nothing out of the table. */
  #forget(share: ClientShare<Holder>): void {
    const bucket = share.clientHash & (BUCKETS - 1);
    let before = this.#table[bucket]!;
    if (before === share) {
      this.#table[bucket] = share.next;
    } else {
      while (before.next !== share) before = before.next!;
      before.next = share.next;
    }
    share.next = this.#free;
    this.#free = share;
  }

  #list(share: ClientShare<Holder>): void {
    const first = this.#byHeld[share.held] ?? null;
    share.right = first;
    if (first !== null) first.left = share;
    this.#byHeld[share.held] = share;
  }

  #unlist(share: ClientShare<Holder>): void {
    const { left, right } = share;
    if (left === null) this.#byHeld[share.held] = right;
    else left.right = right;
    if (right !== null) right.left = left;
    share.left = null;
    share.right = null;
  }
}
