// What clients are told when a flight ends without a whole answer, and whether the failure is
// stored for the name. Belongs to forward-path.
import type { Clock } from '../base/clock.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { ede, NO_EDE } from '../wire/ede.ts';
import type { Answers } from './answers.ts';
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
   * Gives the waiters stale data or an error, and stores the failure (RFC 9520 §3.2) if it is the
   * upstreams'.
   */
  fail(flight: Flight): void {
    if (flight.truncatedReply !== null) {
      this.#answers.truncated(flight);
      return;
    }
    let rcode: number = Rcode.SERVFAIL;
    let edeCode: number = EdeCode.noReachableAuthority;
    let edeText: Uint8Array | null = null;
    if (flight.attemptCount === 0) {
      edeCode = EdeCode.networkError;
      edeText = flight.zone!.unusableText();
    } else if (flight.failedRcode >= 0) {
      rcode = flight.failedRcode;
      const said = flight.failedEdeCode !== NO_EDE.code;
      // Servers that did answer, but refused the question (RFC 8914 §4.23).
      const refused = rcode === Rcode.SERVFAIL || rcode === Rcode.REFUSED;
      edeCode = !said && refused ? EdeCode.noReachableAuthority : flight.failedEdeCode;
      edeText = flight.failedEdeText;
    } else if (flight.loopText !== null) {
      edeCode = EdeCode.notReady;
      edeText = flight.loopText;
    } else if (flight.unreachable) {
      edeCode = EdeCode.networkError;
    }
    // A loop of the route says nothing about the name: as soon as the route is fixed, the name is
    // asked for again. The same is true if there is no room here.
    const hasFailed = flight.failedRcode >= 0 || flight.timedOut || flight.unreachable;
    const isAboutName = flight.loopText === null && !flight.toldOfLoop && !flight.carriesTags;
    if (hasFailed && !flight.opaque && isAboutName) {
      this.#cache.storeFailure(
        flight,
        flight.zone!.partition,
        rcode,
        this.#clock.nowMs,
        // An outage that ended before the deadline says as little about the name as one that
        // continues.
        flight.failedRcode < 0 && (flight.sawOutage || flight.zone!.selection.isOutage()),
      );
    }
    this.#answers.failure(flight, rcode, ede(edeCode, edeText));
  }
}
