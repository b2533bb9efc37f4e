// The memory of flights and their attempts: made when first needed, then used again. Used by
// forward-path.
import { WordBytes } from '../../base/word-bytes.ts';
import { Attempt, Flight, type FlightTimerOwner, QUERY_BYTES } from './flight.ts';

/** How many flights there are. */
export interface FlightCounts {
  readonly inUse: number;
  readonly live: number;
  readonly settled: number;
  readonly opaqueBytes: number;
}

/**
 * Flights are created when first needed and reused for ever: at most `limit` with waiters, and up
 * to as many that only await a late reply.
 */
export class FlightPool implements FlightCounts {
  readonly limit: number;
  inUse = 0;
  /** Those in use that are settled: nobody waits for them, so they take no slot from others. */
  settled = 0;
  /** Bytes of the opaque queries in use. */
  opaqueBytes = 0;
  readonly #owner: FlightTimerOwner;
  #free: Flight | null = null;
  #freeAttempts: Attempt | null = null;

  constructor(limit: number, owner: FlightTimerOwner) {
    this.limit = limit;
    this.#owner = owner;
  }

  /** Flights that somebody waits for, or that refresh the cache. */
  get live(): number {
    return this.inUse - this.settled;
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

  release(flight: Flight): void {
    if (flight.opaque) {
      this.opaqueBytes -= flight.queryLength;
      flight.query = WordBytes.ofLength(QUERY_BYTES);
    }
    if (flight.settled) this.settled--;
    flight.zone = null;
    flight.truncatedReply = null;
    flight.next = this.#free;
    this.#free = flight;
    this.inUse--;
  }

  /** An attempt for a flight; there are never more than MAX_ATTEMPTS per flight. */
  takeAttempt(): Attempt {
    const attempt = this.#freeAttempts;
    if (attempt === null) return new Attempt();
    this.#freeAttempts = attempt.nextFree;
    return attempt;
  }

  releaseAttempt(attempt: Attempt): void {
    attempt.flight = null;
    attempt.owner = null;
    attempt.nextFree = this.#freeAttempts;
    this.#freeAttempts = attempt;
  }
}
