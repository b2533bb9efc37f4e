// Queries that the cache cannot answer: each joins the flight that asks the same question, or
// starts one, if the limits allow it to wait. Called by query-path; forward-path asks upstreams.
import type { Clock } from '../base/clock.ts';
import { Counter, type Counters, Drop } from '../metrics/counters.ts';
import type { ReplyOwner } from '../upstream/exchange.ts';
import { hashClient } from './client-hash.ts';
import type { ClientQuery } from './client-query.ts';
import type { ForwardPath } from './forward-path.ts';
import type { LoopGuard } from './loop-guard.ts';
import type { Flight } from './pending/flight.ts';
import type { SearchFirst } from './search-first.ts';
import type { WaiterPool } from './waiter.ts';
import type { Zone } from './zone.ts';

/** Clients that may wait for one flight: with more, its answer would become a burst (DNSBomb). */
const MAX_WAITERS_PER_FLIGHT = 1000;
/**
 * Opaque queries for one question in flight: they carry no mark, so only their number reveals a
 * loop.
 */
const MAX_OPAQUE_ALIKE = 8;

/** What the coalescer works with. */
export interface CoalescerParts {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly loopGuard: LoopGuard;
  readonly forward: ForwardPath;
  /** Takes the replies to what is sent. */
  readonly replies: ReplyOwner;
  readonly waiters: WaiterPool;
  readonly searchFirst: SearchFirst;
  /** Drawn at random: nobody can choose which clients share a bucket (client-shares.ts). */
  readonly clientSeed: number;
}

export class Coalescer {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #loopGuard: LoopGuard;
  readonly #forward: ForwardPath;
  readonly #replies: ReplyOwner;
  readonly #waiters: WaiterPool;
  readonly #searchFirst: SearchFirst;
  readonly #clientSeed: number;

  constructor(parts: CoalescerParts) {
    const { clock, counters, loopGuard, forward, replies, waiters, searchFirst, clientSeed } = parts;
    this.#clock = clock;
    this.#counters = counters;
    this.#loopGuard = loopGuard;
    this.#forward = forward;
    this.#replies = replies;
    this.#waiters = waiters;
    this.#searchFirst = searchFirst;
    this.#clientSeed = clientSeed;
  }

  /**
   * Null: the client waits, and is answered when its flight ends. Otherwise the limit that the
   * query is over, as in Drop.
   * @param hasStale stale data is available in case the upstreams are slow
   */
  join(query: ClientQuery, zone: Zone, hasStale: boolean): number | null {
    const { opaque } = query.parsed;
    const { table } = this.#forward;
    const flight = opaque ? table.findOpaque(query, zone) : table.find(query, zone);
    query.clientHash = hashClient(query.peers, query.peerOffset, this.#clientSeed);
    const limit = this.#limitReached(query, zone, flight);
    if (limit !== null) return limit;
    if (flight === null) this.#start(query, zone, hasStale);
    else this.#joinFlight(query, flight);
    return null;
  }

  #limitReached(query: ClientQuery, zone: Zone, flight: Flight | null): number | null {
    if (flight === null && query.parsed.opaque) {
      if (this.#forward.table.countOpaque(query, zone) >= MAX_OPAQUE_ALIKE) return Drop.waiters_limit;
      if (!this.#forward.mayKeepWhole(query.length)) return Drop.in_flight_limit;
    }
    if (flight !== null && !query.overStream && flight.waiterCount >= MAX_WAITERS_PER_FLIGHT) {
      // A stream's client is real, and cannot be the victim of a burst.
      return Drop.waiters_limit;
    }
    if (!this.#waiters.mayWait(query)) return Drop.client_waiting_limit;
    const hasSlot =
      this.#hasSlot(zone, flight) || this.#forward.displacement.makeRoom(zone, flight, query.clientHash);
    return hasSlot ? null : Drop.in_flight_limit;
  }

  /** Whether a slot is free for one more waiter of the flight, or for a new flight (null). */
  #hasSlot(zone: Zone, flight: Flight | null): boolean {
    const { load } = zone;
    if (!load.mayTake(load.waiters, this.#waiters.inUse, this.#waiters.limit)) return false;
    return flight !== null || this.#forward.mayBegin(zone);
  }

  #joinFlight(query: ClientQuery, flight: Flight): void {
    const waiter = this.#waiters.take(query, this.#clock.nowMs)!;
    this.#counters.increment(Counter.coalesced);
    if (flight.opaque) this.#loopGuard.onRepeated();
    else this.#loopGuard.onJoined(flight, query);
    waiter.keepName(query.message);
    flight.addWaiter(waiter);
  }

  #start(query: ClientQuery, zone: Zone, hasStale: boolean): void {
    const waiter = this.#waiters.take(query, this.#clock.nowMs)!;
    const flight = this.#forward.begin(query, zone, hasStale, this.#replies);
    flight.forwardTags(query, this.#loopGuard.finding);
    waiter.named = flight.query;
    flight.addWaiter(waiter);
    if (zone.search === 'on' && !hasStale && this.#searchFirst.waitsForShorter(flight)) return;
    this.#forward.sendFirst(flight);
    this.#loopGuard.afterSending(flight, query);
  }

  /** Asks again for an answer that is popular and about to expire; nobody waits for it. */
  refresh(query: ClientQuery, zone: Zone): void {
    if (this.#forward.table.find(query, zone) !== null || !this.#forward.mayBegin(zone)) return;
    const flight = this.#forward.begin(query, zone, false, this.#replies);
    flight.forwardTags(query, this.#loopGuard.finding);
    this.#counters.increment(Counter.cachePrefetches);
    this.#forward.sendFirst(flight);
  }
}
