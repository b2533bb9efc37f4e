// Coalescing (singleflight): finds the flight that already asks the same question, so that
// identical queries share one upstream query (RFC 5452 §5: one outstanding query per question,
// because a birthday attack makes forging cheap otherwise).
import { equalBytes, equalQuestions } from '../../wire/query.ts';
import type { ClientQuery } from '../client-query.ts';
import type { Zone } from '../zone.ts';
import type { Flight } from './flight.ts';

/**
 * A power of two. With all of the shipped forward.maxInFlight under way, two or three flights share
 * a bucket.
 */
const BUCKETS = 4096;

/**
 * Flights that may be joined, by the low bits of their key's hash; those that share a bucket are
 * chained. Bounded by the flight pool. The kernel delivers queries in batches; a Map would grow and
 * shrink with each of them, hundreds of times a second.
 */
export class FlightTable {
  readonly #buckets: (Flight | null)[] = new Array<Flight | null>(BUCKETS).fill(null);

  /**
   * The flight that asks exactly this (name without case, type, class, DO, CD, RD, Z, servers);
   * null if there is none.
   */
  find(query: ClientQuery, zone: Zone): Flight | null {
    let flight = this.#buckets[query.parsed.keyHash & (BUCKETS - 1)] ?? null;
    while (flight !== null && (flight.opaque || !asksSame(flight, query, zone))) flight = flight.next;
    return flight;
  }

  /**
   * The opaque flight whose query is equal, byte by byte except for the ID; null if there is none.
   */
  findOpaque(query: ClientQuery, zone: Zone): Flight | null {
    let flight = this.#buckets[query.parsed.keyHash & (BUCKETS - 1)] ?? null;
    while (flight !== null && !isRepeated(flight, query, zone)) flight = flight.next;
    return flight;
  }

  /** How many opaque flights ask the same question, with any signature. */
  countOpaque(query: ClientQuery, zone: Zone): number {
    let count = 0;
    for (
      let flight = this.#buckets[query.parsed.keyHash & (BUCKETS - 1)] ?? null;
      flight !== null;
      flight = flight.next
    ) {
      if (flight.opaque && asksSame(flight, query, zone)) count++;
    }
    return count;
  }

  /** The flights that may use a route, as they are now (a copy: the caller may complete them). */
  flightsBy(routeSlot: number): Flight[] {
    const found: Flight[] = [];
    for (const first of this.#buckets) {
      for (let flight = first; flight !== null; flight = flight.next) {
        if (flight.zone!.routeSlots.includes(routeSlot)) found.push(flight);
      }
    }
    return found;
  }

  add(flight: Flight): void {
    const bucket = flight.keyHash & (BUCKETS - 1);
    flight.next = this.#buckets[bucket] ?? null;
    this.#buckets[bucket] = flight;
  }

  /** Removes a flight; does nothing if it is not in the table. */
  remove(flight: Flight): void {
    const bucket = flight.keyHash & (BUCKETS - 1);
    let link = this.#buckets[bucket] ?? null;
    if (link === flight) {
      this.#buckets[bucket] = flight.next;
    } else {
      while (link !== null && link.next !== flight) link = link.next;
      if (link === null) return;
      link.next = flight.next;
    }
    flight.next = null;
  }
}

/** Whether the opaque query is the flight's, byte by byte except for the ID. */
function isRepeated(flight: Flight, query: ClientQuery, zone: Zone): boolean {
  return (
    flight.opaque &&
    flight.queryLength === query.length &&
    asksSame(flight, query, zone) &&
    equalBytes(flight.query, 2, query.message, 2, query.length - 2)
  );
}

/**
 * Flights that started before a routing change still count if the zone has the same servers: the
 * partition says so.
 */
function asksSame(flight: Flight, { message, parsed: q }: ClientQuery, zone: Zone): boolean {
  return (
    flight.keyHash === q.keyHash &&
    flight.keyFlags === q.keyFlags &&
    flight.questionEnd === q.questionEnd &&
    flight.zone!.partition === zone.partition &&
    equalQuestions(flight.query, message, q.questionEnd)
  );
}
