// When a question that waits for a slow upstream also goes to another one, and how many may do so.
// One per worker, kept by forward-path; retry-policy says which one is asked
// (docs/adr/0028-hedged-questions.md).
import { Counter, type Counters } from '../metrics/counters.ts';
import { UNSENT_ID } from '../upstream/exchange.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import type { Attempt } from './pending/attempt.ts';
import type { Flight } from './pending/flight.ts';

/** Questions that pay for one hedge: at most 5 % more messages, at any time since the start. */
const QUESTIONS_PER_HEDGE = 20;
/** Hedges that may be saved up. */
const MAX_SAVED = 32;

export class Hedges {
  /** Set when the configuration changes. */
  isOn: boolean;
  readonly #state: SharedUpstreamState;
  readonly #counters: Counters;
  /** In questions. */
  #saved = 0;

  constructor(state: SharedUpstreamState, counters: Counters, isOn: boolean) {
    this.#state = state;
    this.#counters = counters;
    this.isOn = isOn;
  }

  /** No other upstream is asked because the flight's last message is slow. */
  cancel(flight: Flight): void {
    flight.hedgeMs = Number.POSITIVE_INFINITY;
  }

  /** A flight's first message has left: sets when another upstream is asked too. */
  firstSent(flight: Flight, upstreamIndex: number, nowMs: number): void {
    this.cancel(flight);
    const { upstreams, isRanked } = flight.zone!;
    // With one upstream there is nobody to hedge with, and nothing to save up for. One that stands
    // in for another may not know its names: "no such name" would be the first good answer.
    if (!this.isOn || upstreams.length === 1 || isRanked) return;
    if (this.#saved < QUESTIONS_PER_HEDGE * MAX_SAVED) this.#saved++;
    const slowMs = this.#state.slowMs(upstreams[upstreamIndex]!.slot);
    if (slowMs !== 0 && !flight.opaque) flight.hedgeMs = nowMs + slowMs;
  }

  /**
   * Whether the budget has one more hedge, because this message is slow; if so, it is used up and
   * counted.
   */
  take(slow: Attempt<Flight>): boolean {
    if (this.#saved < QUESTIONS_PER_HEDGE) {
      this.#counters.increment(Counter.hedgesWithheld);
      return false;
    }
    this.#saved -= QUESTIONS_PER_HEDGE;
    this.#counters.increment(Counter.hedgesSent);
    this.#noteSlow(slow);
    return true;
  }

  /**
   * The time of a message that the other may overtake is noted now. If its upstream has answered
   * nothing since, it is no slow answer but perhaps a dead server: a reason to check it.
   */
  #noteSlow(slow: Attempt<Flight>): void {
    const { slot } = slow.flight!.zone!.upstreams[slow.upstreamIndex]!;
    if (this.#state.answers(slot) === slow.answersBefore) {
      if (slow.id !== UNSENT_ID) this.#state.doubt(slot);
      return;
    }
    slow.isSlow = true;
    this.#state.tookLong(slot);
  }
}
