// What is known of a query when its answer leaves: where the answer comes from, how long it took,
// and, by way of its flight, which upstreams were asked. One per pipeline, filled again for each
// answer; answers hands it to the log and the rings. Nothing of it outlives the call.
import type { Upstream } from '../upstream/upstream.ts';
import type { Flight } from './pending/flight.ts';
import type { Zone } from './zone.ts';

/** Where an answer's data comes from. */
export const CacheState = {
  /** Not from the cache. */
  none: 0,
  /** From the cache, data or a denial of it. */
  fresh: 1,
  /** From the cache, though it has expired. */
  stale: 2,
  /** The cache knows that the upstreams failed a moment ago. */
  failure: 3,
  /** From the denial of a name above (RFC 8020). */
  cut: 4,
} as const;
export type CacheState = (typeof CacheState)[keyof typeof CacheState];

export class AnswerRecord {
  cache: CacheState = CacheState.none;
  /** The client waited for it: its timeline and its zone. Null: it was answered at once. */
  flight: Flight | null = null;
  /** The query's zone: a flight's, or the last one that the way in has found. */
  zone: Zone | null = null;
  /** All 12 bits. */
  rcode = 0;
  /** From the query to its answer, ms; 0 when it was answered at once. */
  durationMs = 0;
  /** Of an answer to a flight: nobody else who waited for it has got it yet. */
  isFirst = false;

  /** The upstream whose reply it is; null: the answer was made here, or comes from the cache. */
  get upstream(): Upstream | null {
    if (this.flight === null || this.cache !== CacheState.none) return null;
    return this.flight.zone!.upstreams[this.flight.timeline.answeredBy] ?? null;
  }

  /** An answer that nobody had to wait for. */
  atOnce(cache: CacheState): void {
    this.cache = cache;
    this.flight = null;
    this.durationMs = 0;
  }

  /** An answer to those who wait for a flight. */
  ofFlight(flight: Flight, cache: CacheState): void {
    this.cache = cache;
    this.flight = flight;
    this.zone = flight.zone;
    this.isFirst = true;
  }
}
