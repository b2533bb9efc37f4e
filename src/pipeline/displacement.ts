// When no slot is free, the client with the most slots loses its oldest one to a client with fewer
// (docs/adr/0011-slots-shared-by-clients.md). A slot is room for one waiter. Used by coalescer when
// there is no slot for a query, and by forward-path and response-path when the upstreams take no
// more messages.
import { type Counters, Drop } from '../metrics/counters.ts';
import type { Answers } from './answers.ts';
import type { Flight } from './pending/flight.ts';
import type { Waiter } from './waiter.ts';
import type { Zone } from './zone.ts';

/**
 * Waiters that may be displaced to end one flight. A client that asks everything twice holds as
 * much of an upstream, and more slots.
 */
const MAX_DISPLACED = 8;

/** What starts and ends flights: ForwardPath. */
export interface FlightKeeper {
  mayBegin(zone: Zone): boolean;
  release(flight: Flight): void;
}

/** Takes slots from the clients that have the most. One per ForwardPath. */
export class Displacement {
  readonly #flights: FlightKeeper;
  readonly #counters: Counters;
  readonly #answers: Answers;

  constructor(flights: FlightKeeper, counters: Counters, answers: Answers) {
    this.#flights = flights;
    this.#counters = counters;
    this.#answers = answers;
  }

  /**
   * Frees a slot for a client in a zone that has none left; false: no client has enough more than
   * this one.
   * @param joined the flight that the query would join; null: it needs a flight of its own, so a
   * flight must end as well
   */
  makeRoom(zone: Zone, joined: Flight | null, clientHash: number): boolean {
    const waiter = zone.load.clients.findSurplus(clientHash);
    if (waiter === null) return false;
    // The waiter's slot alone does not help a query that also needs a flight.
    if (joined === null && waiter.flight!.waiterCount > 1 && !this.#flights.mayBegin(zone)) return false;
    this.#displace(waiter, joined);
    return true;
  }

  /**
   * The upstreams take no more of our messages at a time, and that may be fewer than there are
   * slots: treated as if none were left. Ends a flight of the client with the most; false: the
   * client with the most is the one that waits for this flight.
   */
  makeRoomUpstream({ waiters: first, zone }: Flight): boolean {
    for (let displaced = 0; first !== null && displaced < MAX_DISPLACED; displaced++) {
      const waiter = zone!.load.clients.findSurplus(first.clientHash);
      if (waiter === null) break;
      if (this.#displace(waiter, null)) return true;
    }
    return false;
  }

  /**
   * Takes a waiter's slot from it. Returns whether its flight has ended because nobody waits for it
   * any more, and nobody is about to (`joined`). The flight does not wait for a late reply: if the
   * question were asked again, it would be in flight twice, which makes forging easier (RFC 5452
   * §5).
   */
  #displace(waiter: Waiter, joined: Flight | null): boolean {
    const flight = waiter.flight as Flight;
    flight.removeWaiter(waiter);
    this.#counters.drop(Drop.in_flight_limit);
    this.#answers.displaced(waiter, flight);
    const ends = flight.waiterCount === 0 && flight !== joined;
    if (ends) this.#flights.release(flight);
    return ends;
  }
}
