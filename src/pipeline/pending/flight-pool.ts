// The memory of flights and their attempts: made when first needed, then used again. Used by
// forward-path.
import { Attempt } from './attempt.ts';
import { Flight, FlightState, type FlightTimerOwner } from './flight.ts';

/** How many flights there are. */
export interface FlightCounts {
  readonly inUse: number;
  readonly live: number;
  readonly awaitingLateReply: number;
  readonly opaqueBytes: number;
}

/**
 * Flights are created when first needed and reused forever: at most `limit` with waiters, and up
 * to as many that only await a late reply.
 */
export class FlightPool implements FlightCounts {
  readonly limit: number;
  inUse = 0;
  /** Those in use that await a late reply only: they take no slot from others. */
  awaitingLateReply = 0;
  /** Bytes of the opaque queries in use. */
  opaqueBytes = 0;
  readonly #owner: FlightTimerOwner;
  #free: Flight | null = null;
  #freeAttempts: Attempt<Flight> | null = null;

  constructor(limit: number, owner: FlightTimerOwner) {
    this.limit = limit;
    this.#owner = owner;
  }

  /** Flights that somebody waits for, or that refresh the cache. */
  get live(): number {
    return this.inUse - this.awaitingLateReply;
  }

  /** A flight to begin() with; null if the limit is reached. */
  take(): Flight | null {
    if (this.live >= this.limit) return null;
    this.inUse++;
    const flight = this.#free;
    if (flight === null) return new Flight(this.#owner);
    this.#free = flight.next;
    return flight;
  }

  /** Its waiters have their answer; it takes no slot while it awaits late replies. */
  awaitLateReply(flight: Flight): void {
    flight.awaitLateReply();
    this.awaitingLateReply++;
  }

  release(flight: Flight): void {
    if (flight.opaque) this.opaqueBytes -= flight.queryLength;
    if (flight.state === FlightState.awaitingLateReply) this.awaitingLateReply--;
    flight.free();
    flight.next = this.#free;
    this.#free = flight;
    this.inUse--;
  }

  /** An attempt for a flight; there are never more than MAX_ATTEMPTS per flight. */
  takeAttempt(): Attempt<Flight> {
    const attempt = this.#freeAttempts;
    if (attempt === null) return new Attempt<Flight>();
    this.#freeAttempts = attempt.nextFree;
    return attempt;
  }

  /** What the attempt says of its message stays readable until the next one is taken. */
  releaseAttempt(attempt: Attempt<Flight>): void {
    attempt.flight = null;
    attempt.owner = null;
    attempt.nextFree = this.#freeAttempts;
    this.#freeAttempts = attempt;
  }
}
