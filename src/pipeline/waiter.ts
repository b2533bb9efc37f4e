// A client that waits for a flight's answer: what its own answer must restore (ID, QNAME's case,
// OPT, size) and the path back. Pooled: one per forwarded or coalesced query.
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { PEER_WORDS } from '../io/datagram-socket.ts';
import { copyPeer } from '../io/peer.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { MAX_NAME_LENGTH } from '../wire/query.ts';
import type { AnsweredClient, ClientQuestion } from '../wire/restore.ts';
import type { ClientQuery } from './client-query.ts';
import type { ClientShare, SlotHolder } from './client-shares.ts';
import { type Asker, NO_SINK, type ReplySink } from './reply-sink.ts';

const NO_MESSAGE = new Uint8Array(0);

/** What a waiter waits for: Flight. */
export interface Awaited {
  readonly waiterCount: number;
}

/** One waiting client. */
export class Waiter implements Asker, AnsweredClient, ClientQuestion, SlotHolder<Waiter> {
  /** What its answer depends on: the waiter holds a copy in its own fields. */
  readonly question: ClientQuestion = this;
  id = 0;
  flags = 0;
  qnameLength = 0;
  hasOpt = false;
  dnssecOk = false;
  nsidAsked = false;
  /** The longest answer this client takes, bytes. */
  sizeLimit = 0;
  /** When its query was handled (clock ms), for the latency histogram. */
  receivedMs = 0;
  /**
   * A message that has QNAME in the client's own letter case: the query that started its flight, or
   * #kept.
   */
  named: Uint8Array = NO_MESSAGE;
  /** Allocated for the first waiter that joins a flight. */
  #kept: WordBytes | null = null;
  replyTo: ReplySink = NO_SINK;
  readonly peers = new Int32Array(PEER_WORDS);
  readonly peerOffset = 0;
  /**
   * The flight it waits for; null when it has been taken off (Flight.takeWaiters(),
   * removeWaiter()).
   */
  flight: Awaited | null = null;
  /**
   * Its neighbors among the waiters of the same flight; `next` is also the next free one in the
   * pool.
   */
  previous: Waiter | null = null;
  next: Waiter | null = null;
  /** The client (client-hash.ts). */
  clientHash = 0;
  /** What the client holds, and its waiters before and after this one (client-shares.ts). */
  share: ClientShare<Waiter> | null = null;
  older: Waiter | null = null;
  newer: Waiter | null = null;

  /** Copies QNAME from a query, for a waiter that joins a flight started by another one. */
  keepName(query: Uint8Array): void {
    this.#kept ??= WordBytes.ofLength(HEADER_LENGTH + MAX_NAME_LENGTH);
    copyBytes(query, HEADER_LENGTH, this.#kept, HEADER_LENGTH, this.qnameLength);
    this.named = this.#kept;
  }
}

/**
 * Size of the counts of waiting datagrams by client hash: a power of two. The few clients that
 * share a count with a flood share its limit; nobody can choose which ones they are
 * (client-hash.ts).
 */
const CLIENT_SLOTS = 16_384;

/** Waiters are allocated when first needed, at most `limit`, and reused forever. */
export class WaiterPool {
  readonly limit: number;
  /**
   * How many UDP queries of one client may wait; 0: no limit. An attacker that forges a victim's
   * address and has all answers ready at the same time sends the victim a pulse of them (DNSBomb,
   * CVE-2024-33655). A stream's client is real, and gets no more than it reads.
   */
  perClientLimit = 0;
  /** Waiting UDP queries, by client. */
  readonly #datagrams = new Int32Array(CLIENT_SLOTS);
  /** Waiters in use. */
  inUse = 0;
  #free: Waiter | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether one more query of a client may wait. */
  mayWait({ clientHash, overStream }: ClientQuery): boolean {
    if (overStream || this.perClientLimit === 0) return true;
    return this.#datagrams[clientHash & (CLIENT_SLOTS - 1)]! < this.perClientLimit;
  }

  /** Copies what a client's answer needs, except for `named`; null if the limit is reached. */
  take(query: ClientQuery, nowMs: number): Waiter | null {
    if (this.inUse >= this.limit) return null;
    const waiter = this.#free ?? new Waiter();
    this.#free = waiter.next;
    this.inUse++;
    const { parsed: q, replyTo, clientHash } = query;
    if (!replyTo.stream) this.#datagrams[clientHash & (CLIENT_SLOTS - 1)]!++;
    waiter.id = q.id;
    waiter.flags = q.flags;
    waiter.qnameLength = q.qnameLength;
    waiter.hasOpt = q.hasOpt;
    waiter.dnssecOk = q.dnssecOk;
    waiter.nsidAsked = query.nsidAsked;
    waiter.clientHash = clientHash;
    waiter.sizeLimit = query.sizeLimit;
    waiter.receivedMs = nowMs;
    waiter.replyTo = replyTo;
    waiter.next = null;
    copyPeer(query.peers, query.peerOffset, waiter.peers, 0);
    return waiter;
  }

  release(waiter: Waiter): void {
    if (!waiter.replyTo.stream) this.#datagrams[waiter.clientHash & (CLIENT_SLOTS - 1)]!--;
    waiter.replyTo = NO_SINK;
    // A message that is kept whole may be 64 KiB long.
    waiter.named = NO_MESSAGE;
    waiter.next = this.#free;
    this.#free = waiter;
    this.inUse--;
  }
}
