// A client that waits for a flight's answer: what its own answer must give back (ID, QNAME's case, OPT, size) and the
// way there. Pooled: one per forwarded or coalesced query.
import { copyOctets, WordOctets } from '../base/word-octets.ts';
import { PEER_WORDS } from '../io/datagram-socket.ts';
import { copyPeer } from '../io/peer.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { MAX_NAME_LENGTH, type ParsedQuery } from '../wire/query.ts';
import type { ClientPath } from './client-path.ts';
import type { Flight } from './flight.ts';

const NO_MESSAGE = new Uint8Array(0);

/** One waiting client. Has the fields that wire/restore.ts asks for. */
export class Waiter {
  id = 0;
  flags = 0;
  qnameLength = 0;
  hasOpt = false;
  dnssecOk = false;
  /** The longest answer this client takes, octets. */
  sizeLimit = 0;
  /** When its query was handled (clock ms), for the latency histogram. */
  receivedMs = 0;
  /** A message that has QNAME in the client's own spelling: the query that began its flight, or #kept. */
  named: Uint8Array = NO_MESSAGE;
  /** Made for who first joins a flight. */
  #kept: WordOctets | null = null;
  path: ClientPath | null = null;
  readonly peer = new Int32Array(PEER_WORDS);
  /** What it waits for; null when that has been taken off it (Flight.takeWaiters(), removeWaiter()). */
  flight: Flight | null = null;
  /** Its neighbours among those waiting for the same flight; `next` is the next free one in the pool, too. */
  previous: Waiter | null = null;
  next: Waiter | null = null;
  /** Who asked (client-hash.ts), and this client's waiters before and after it (client-shares.ts). */
  clientHash = 0;
  older: Waiter | null = null;
  newer: Waiter | null = null;

  /** Takes down QNAME from a query, for who joins a flight that another one began. */
  keepName(query: Uint8Array): void {
    this.#kept ??= WordOctets.ofLength(HEADER_LENGTH + MAX_NAME_LENGTH);
    copyOctets(query, HEADER_LENGTH, this.#kept, HEADER_LENGTH, this.qnameLength);
    this.named = this.#kept;
  }
}

/**
 * Counts of the datagrams that wait, by client hash: a power of two. Those few clients that share one with a flood share its limit;
 * which ones they are nobody can choose (client-hash.ts).
 */
const CLIENT_SLOTS = 16_384;

/** Waiters are made as they are first needed, at most `limit`, and used again for ever. */
export class WaiterPool {
  readonly limit: number;
  /**
   * How many UDP queries of one client may wait; 0: no limit. Whoever forges a victim's address and has all the answers ready at one
   * time makes a pulse of them (DNSBomb, CVE-2024-33655). A stream's client is there, and gets no more than it reads.
   */
  perClientLimit = 0;
  /** UDP queries that wait, by client. */
  readonly #datagrams = new Int32Array(CLIENT_SLOTS);
  /** Waiters in use. */
  inUse = 0;
  #free: Waiter | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether one more query of a client may wait. */
  mayWait(clientHash: number, stream: boolean): boolean {
    if (stream || this.perClientLimit === 0) return true;
    return this.#datagrams[clientHash & (CLIENT_SLOTS - 1)]! < this.perClientLimit;
  }

  /** Takes down what a client's answer needs, but for `named`; null when the limit is reached. */
  take(
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
    clientHash: number,
    sizeLimit: number,
    nowMs: number,
  ): Waiter | null {
    if (this.inUse >= this.limit) return null;
    const waiter = this.#free ?? new Waiter();
    this.#free = waiter.next;
    this.inUse++;
    if (!path.stream) this.#datagrams[clientHash & (CLIENT_SLOTS - 1)]!++;
    waiter.id = q.id;
    waiter.flags = q.flags;
    waiter.qnameLength = q.qnameLength;
    waiter.hasOpt = q.hasOpt;
    waiter.dnssecOk = q.dnssecOk;
    waiter.clientHash = clientHash;
    waiter.sizeLimit = sizeLimit;
    waiter.receivedMs = nowMs;
    waiter.path = path;
    waiter.next = null;
    copyPeer(peers, peerOffset, waiter.peer, 0);
    return waiter;
  }

  release(waiter: Waiter): void {
    if (!waiter.path!.stream) this.#datagrams[waiter.clientHash & (CLIENT_SLOTS - 1)]!--;
    waiter.path = null;
    // A message that is kept whole may be 64 KiB long.
    waiter.named = NO_MESSAGE;
    waiter.next = this.#free;
    this.#free = waiter;
    this.inUse--;
  }
}
