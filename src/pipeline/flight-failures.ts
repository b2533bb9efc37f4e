// What clients are told when a flight ends without a whole answer, and whether the failure is
// stored for the name. Belongs to forward-path.
import type { Clock } from '../base/clock.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import { EdeCode } from '../wire/codes.ts';
import { type Ede, ede } from '../wire/ede.ts';
import type { Answers } from './answers.ts';
import { failureText } from './attempt-text.ts';
import { FailureCause } from './pending/failure.ts';
import type { Flight } from './pending/flight.ts';

export class FlightFailures {
  readonly #clock: Clock;
  readonly #cache: MessageCache;
  readonly #answers: Answers;

  constructor(clock: Clock, cache: MessageCache, answers: Answers) {
    this.#clock = clock;
    this.#cache = cache;
    this.#answers = answers;
  }

  /**
   * Gives the waiters stale data, a kept truncated answer or an error. Stores the failure (RFC 9520
   * §3.2) if the upstreams caused it.
   */
  fail(flight: Flight): void {
    if (flight.truncatedReply !== null) {
      this.#answers.truncated(flight);
      return;
    }
    const { failure } = flight;
    const { rcode } = failure;
    // Some do not know the name, and another one could not be asked.
    if (flight.unknownServers > 0 && failure.cause === FailureCause.none) failure.noteSilence(false);
    if (flight.attemptCount === 0) {
      this.#answers.failure(flight, rcode, ede(EdeCode.networkError, flight.zone!.unusableText()));
      return;
    }
    // A loop of the route says nothing about the name: as soon as the route is fixed, the name is
    // asked for again. The same is true if there was no room here.
    if (failure.isUpstreams && !flight.opaque && !flight.carriesTags) this.#store(flight);
    this.#answers.failure(flight, rcode, this.#reasonFor(flight));
  }

  /** What an upstream said itself is passed on; else who failed, and how. */
  #reasonFor(flight: Flight): Ede {
    const { code, text } = flight.failure.ede;
    if (text !== null || flight.waiters === null) return flight.failure.ede;
    if (code !== EdeCode.noReachableAuthority && code !== EdeCode.networkError) return flight.failure.ede;
    return ede(code, failureText(flight));
  }

  #store(flight: Flight): void {
    const { failure, zone } = flight;
    this.#cache.storeFailure(
      flight,
      zone!.partition,
      {
        rcode: failure.rcode,
        ede: failure.ede.code,
        // An outage that ended before the deadline says as little about the name as one that
        // continues.
        isOutage: failure.cause !== FailureCause.rcode && (failure.sawOutage || zone!.selection.isOutage()),
      },
      this.#clock.nowMs,
    );
  }
}
