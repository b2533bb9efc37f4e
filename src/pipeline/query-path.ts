// ★ Start reading here. The way of a query, step by step:
//
//   client ─▶ accept ─▶ loop check ─▶ zone ─▶ cache ─▶ coalesce ─▶ forward ─▶ (forward-path, response-path)
//               │drop      │SERVFAIL            │hit      │wait       │none usable: stale or
//               │FORMERR   │+ EDE 14            ▼         ▼           ▼SERVFAIL + EDE 23
//   client ◀────┴──────────┴──────────────── answers ◀─────────────────────────────────────────── reply
//
// Called by the listeners for each message, on its bytes in the receive buffer: no decode, no
// promise, no throw.
import type { Clock } from '../base/clock.ts';
import { CacheHit, Lookup, type MessageCache } from '../cache/message-cache.ts';
import type { IdentityAnswers } from '../local/identity-answers.ts';
import { isIdentityQuestion } from '../local/identity-question.ts';
import { Counter, type Counters, Drop } from '../metrics/counters.ts';
import { Class, EdeCode, Rcode } from '../wire/codes.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../wire/query.ts';
import { asksForKeepalive } from '../wire/tcp-keepalive.ts';
import { type Answers, answerLimit, NO_EDE, staleEde } from './answers.ts';
import type { ClientGate } from './client-gate.ts';
import { hashClient } from './client-hash.ts';
import type { ClientPath } from './client-path.ts';
import type { ForwardPath } from './forward-path.ts';
import type { LoopGuard } from './loop-guard.ts';
import { ruleForMalformed } from './malformed.ts';
import type { Flight } from './pending/flight.ts';
import type { WaiterPool } from './pending/waiter.ts';
import { NO_ZONES, type Zone, type ZoneTable } from './zone.ts';

/** Clients that may wait for one flight: with more, its answer would become a burst (DNSBomb). */
const MAX_WAITERS_PER_FLIGHT = 1000;
/**
 * Opaque queries for one question in flight: they carry no mark, so only their number reveals a
 * loop.
 */
const MAX_OPAQUE_ALIKE = 8;

export class QueryPath {
  /** Swapped as a whole when routing changes; set before the first query. */
  zones: ZoneTable = NO_ZONES;
  /** Swapped when the configuration changes. */
  gate: ClientGate;
  /**
   * Answers questions about this server itself; null: it does not. Swapped when the configuration
   * changes.
   */
  identity: IdentityAnswers | null = null;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #loopGuard: LoopGuard;
  readonly #forward: ForwardPath;
  readonly #answers: Answers;
  readonly #waiters: WaiterPool;
  readonly #clientSeed: number;
  readonly #query = new ParsedQuery();
  readonly #hit = new CacheHit();
  /** Answers given at once since the batch started; timed together in endBatch(). */
  #immediate = 0;

  /**
   * @param clientSeed drawn at random: nobody can choose which clients share a bucket
   * (client-shares.ts)
   */
  constructor(
    clock: Clock,
    counters: Counters,
    cache: MessageCache,
    gate: ClientGate,
    loopGuard: LoopGuard,
    forward: ForwardPath,
    answers: Answers,
    waiters: WaiterPool,
    clientSeed: number,
  ) {
    this.#clock = clock;
    this.#counters = counters;
    this.#cache = cache;
    this.gate = gate;
    this.#loopGuard = loopGuard;
    this.#forward = forward;
    this.#answers = answers;
    this.#waiters = waiters;
    this.#clientSeed = clientSeed;
  }

  /**
   * Takes one message from a client. Returns whether it gets an answer (now or later) through
   * path.send(); false: it was dropped.
   */
  handle(
    bytes: Uint8Array,
    length: number,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): boolean {
    const q = this.#query;
    this.#counters.values[path.stream ? Counter.queriesTcp : Counter.queriesUdp]!++;
    const verdict = parseQuery(bytes, length, q);
    if (verdict !== QueryVerdict.ok) return this.#rejectMalformed(verdict, bytes, path, peers, peerOffset);

    if (path.stream && asksForKeepalive(bytes, q)) path.keepaliveAsked = true;
    // Is it one of our own queries, come back? Checked first, so that a storm of them costs next to
    // nothing.
    if (this.#loopGuard.check(bytes, q, path, peers, peerOffset)) {
      this.#immediate++;
      return true;
    }
    const refusal = this.gate.refuses(peers, peerOffset, path.stream, this.#clock.nowMs);
    if (refusal !== null) return this.#refuse(refusal, bytes, path, peers, peerOffset);

    if (q.qclass !== Class.IN && isIdentityQuestion(bytes, q)) {
      this.#answerIdentity(bytes, path, peers, peerOffset);
      return true;
    }
    const zone = this.zones.find(bytes, q);
    if (q.opaque) return this.#forwardFor(bytes, length, zone, false, path, peers, peerOffset);

    const hit = this.#hit;
    switch (this.#cache.lookup(bytes, q, zone.partition, this.#clock.nowMs, hit)) {
      case Lookup.fresh:
        this.#answers.found(hit, bytes, q, path, peers, peerOffset, NO_EDE);
        break;
      case Lookup.prefetch:
        this.#answers.found(hit, bytes, q, path, peers, peerOffset, NO_EDE);
        this.#refresh(bytes, length, zone);
        break;
      case Lookup.failure:
        this.#answers.error(bytes, q, path, peers, peerOffset, hit.rcode, EdeCode.cachedError, null);
        break;
      case Lookup.staleNow:
        // The upstreams failed a moment ago: stale data at once, without asking again (RFC 8767
        // §5).
        this.#counters.increment(Counter.cacheStale);
        this.#answers.found(hit, bytes, q, path, peers, peerOffset, staleEde(hit.rcode));
        break;
      case Lookup.stale:
        return this.#forwardFor(bytes, length, zone, true, path, peers, peerOffset);
      default:
        return this.#forwardFor(bytes, length, zone, false, path, peers, peerOffset);
    }
    this.#immediate++;
    return true;
  }

  /** Joins the flight that asks the same question, or starts one. */
  #forwardFor(
    bytes: Uint8Array,
    length: number,
    zone: Zone,
    hasStale: boolean,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): boolean {
    const q = this.#query;
    const { table } = this.#forward;
    let flight = q.opaque ? table.findOpaque(bytes, length, q, zone) : table.find(bytes, q, zone);
    if (
      flight === null
        ? q.opaque && table.countOpaque(bytes, q, zone) >= MAX_OPAQUE_ALIKE
        : this.#isFull(flight, path.stream)
    ) {
      return this.#refuse(Drop.waiters_limit, bytes, path, peers, peerOffset);
    }
    if (flight === null && q.opaque && !this.#forward.mayKeepWhole(length)) {
      return this.#refuse(Drop.in_flight_limit, bytes, path, peers, peerOffset);
    }
    const clientHash = hashClient(peers, peerOffset, this.#clientSeed);
    if (!this.#waiters.mayWait(clientHash, path.stream)) {
      return this.#refuse(Drop.client_waiting_limit, bytes, path, peers, peerOffset);
    }
    if (!this.#hasRoom(zone, flight) && !this.#forward.displacement.makeRoom(zone, flight, clientHash)) {
      return this.#refuse(Drop.in_flight_limit, bytes, path, peers, peerOffset);
    }
    const limit = answerLimit(path.stream, q.udpSize);
    const nowMs = this.#clock.nowMs;
    const waiter = this.#waiters.take(q, path, peers, peerOffset, clientHash, limit, nowMs)!;
    if (flight !== null) {
      if (q.opaque) this.#loopGuard.onRepeated();
      this.#counters.increment(Counter.coalesced);
      if (!q.opaque) this.#loopGuard.onJoined(flight, peers, peerOffset);
      waiter.keepName(bytes);
      flight.addWaiter(waiter);
      return true;
    }
    flight = this.#forward.begin(bytes, length, q, zone, hasStale);
    flight.carryTags(bytes, this.#loopGuard.finding);
    waiter.named = flight.query;
    flight.addWaiter(waiter);
    this.#loopGuard.beforeSending();
    this.#forward.tryNext(flight);
    if (!q.opaque) this.#loopGuard.afterSending(zone, peers, peerOffset);
    return true;
  }

  /**
   * Whether a flight takes no more datagrams; a stream's client is real, and cannot be the victim
   * of a burst.
   */
  #isFull(flight: Flight, stream: boolean): boolean {
    return !stream && flight.waiterCount >= MAX_WAITERS_PER_FLIGHT;
  }

  /** Whether a slot is free for one more waiter of the flight, or for a new flight (null). */
  #hasRoom(zone: Zone, flight: Flight | null): boolean {
    const { load } = zone;
    if (!load.mayTake(load.waiters, this.#waiters.inUse, this.#waiters.limit)) return false;
    return flight !== null || this.#forward.mayBegin(zone);
  }

  /** Asks again for an answer that is popular and about to expire; nobody waits for it. */
  #refresh(bytes: Uint8Array, length: number, zone: Zone): void {
    const q = this.#query;
    if (this.#forward.table.find(bytes, q, zone) !== null || !this.#forward.mayBegin(zone)) return;
    const flight = this.#forward.begin(bytes, length, q, zone, false);
    flight.carryTags(bytes, this.#loopGuard.finding);
    this.#counters.increment(Counter.cachePrefetches);
    this.#forward.tryNext(flight);
  }

  /**
   * A message that is no valid query: an error if the RFCs ask for one, else silence. Counted,
   * never logged.
   */
  #rejectMalformed(
    verdict: Exclude<QueryVerdict, typeof QueryVerdict.ok>,
    bytes: Uint8Array,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): boolean {
    const { drop, rcode } = ruleForMalformed(verdict);
    this.#counters.drop(drop);
    if (rcode < 0) return false;
    // Clients outside limits.allow, or over their rate, do not even get an error for such a
    // message.
    if (this.gate.refuses(peers, peerOffset, path.stream, this.#clock.nowMs) !== null) return false;
    this.#answers.error(bytes, this.#query, path, peers, peerOffset, rcode, NO_EDE, null);
    this.#immediate++;
    return true;
  }

  /** A question about this server itself: never forwarded. REFUSED if it is not to be told. */
  #answerIdentity(bytes: Uint8Array, path: ClientPath, peers: Int32Array, peerOffset: number): void {
    const q = this.#query;
    const message = this.identity?.find(bytes, q) ?? null;
    if (message === null) {
      this.#answers.error(bytes, q, path, peers, peerOffset, Rcode.REFUSED, EdeCode.notSupported, null);
    } else {
      this.#answers.made(message, bytes, q, path, peers, peerOffset);
    }
    this.#immediate++;
  }

  /** A valid query that is not served: not allowed here, or over a limit. */
  #refuse(
    reason: number,
    bytes: Uint8Array,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): boolean {
    this.#counters.drop(reason);
    if (!path.stream && isLimitOfDatagrams(reason)) {
      // Its address may be forged: over TCP the real owner of the address can prove itself.
      this.#answers.comeByTcp(bytes, this.#query, path, peers, peerOffset);
      this.#immediate++;
      return true;
    }
    const edeCode = reason === Drop.not_allowed ? EdeCode.prohibited : EdeCode.other;
    this.#answers.error(bytes, this.#query, path, peers, peerOffset, Rcode.REFUSED, edeCode, null);
    this.#immediate++;
    return true;
  }

  /** The batch that started at startMs is done: its immediate answers share one measured time. */
  endBatch(startMs: number): void {
    if (this.#immediate === 0) return;
    this.#counters.duration(this.#clock.refresh() - startMs, this.#immediate);
    this.#immediate = 0;
  }
}

/**
 * Limits that somebody else can use up by forging addresses or by asking the same question. Over
 * TCP they do not apply, or there is a separate allowance.
 */
function isLimitOfDatagrams(reason: number): boolean {
  return (
    reason === Drop.rate_limited || reason === Drop.client_waiting_limit || reason === Drop.waiters_limit
  );
}
