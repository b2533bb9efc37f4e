// Where places have run out: the client that has most of them gives its oldest up to one with fewer
// (docs/adr/0011-slots-shared-by-clients.md). Used by query-path, which has no place for a query, and by forward-path, whose
// upstreams take no more.
import { type Counters, Drop } from '../metrics/counters.ts';
import type { Answers } from './answers.ts';
import type { Flight } from './flight.ts';
import type { Waiter } from './waiter.ts';
import type { Zone } from './zone.ts';

/** Waiters displaced to end one flight: who asks everything twice holds as much of an upstream, and more of the places. */
const MAX_DISPLACED = 8;

/** Who begins and ends flights: ForwardPath. */
export interface FlightKeeper {
  mayBegin(zone: Zone): boolean;
  release(flight: Flight): void;
}

/** Takes places from those who have most. One per ForwardPath. */
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
   * Makes a place free for a client in a zone that has none left; false: nobody holds so many more than this client.
   * @param joined the flight that it is to wait for; null: one of its own, whose place is wanted as well
   */
  makeRoom(zone: Zone, joined: Flight | null, clientHash: number): boolean {
    const waiter = zone.load.clients.findSurplus(clientHash);
    if (waiter === null) return false;
    // Its place alone is no use to who needs a flight as well.
    if (joined === null && waiter.flight!.waiterCount > 1 && !this.#flights.mayBegin(zone)) return false;
    this.#displace(waiter, joined);
    return true;
  }

  /**
   * The upstreams take no more of us at once, which may be fewer than there are places: the same as where there are none left. Ends a flight
   * of the client that has most of them; false: that is who waits for this one.
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
   * Takes a waiter's place from it; returns whether its flight has ended, as nobody waits for it, nor is about to (`kept`). It is not left
   * to linger for a late reply: asked again the question would be in flight twice, which makes forging easier (RFC 5452 §5).
   */
  #displace(waiter: Waiter, kept: Flight | null): boolean {
    const flight = waiter.flight!;
    flight.removeWaiter(waiter);
    this.#counters.drop(Drop.in_flight_limit);
    this.#answers.displaced(waiter, flight);
    const ends = flight.waiterCount === 0 && flight !== kept;
    if (ends) this.#flights.release(flight);
    return ends;
  }
}
