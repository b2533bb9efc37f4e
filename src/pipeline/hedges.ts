// When a question that waits for a slow upstream also goes to another one, and how many may do so.
// One per worker, kept by forward-path; retry-policy says which
// (docs/adr/0028-hedged-questions.md).
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import type { Flight } from './pending/flight.ts';

/** Questions that pay for one hedge: at most 5 % of them, at any time since the start. */
const QUESTIONS_PER_HEDGE = 20;
/** Hedges that may be saved up. */
const MAX_SAVED = 32;

export class Hedges {
  /** Set when the configuration changes. */
  isOn: boolean;
  readonly #state: SharedUpstreamState;
  /** Questions that count toward hedges and are not spent yet. */
  #saved = 0;

  constructor(state: SharedUpstreamState, isOn: boolean) {
    this.#state = state;
    this.isOn = isOn;
  }

  /**
   * To be called once for each first message, which counts toward the budget. When another upstream
   * is asked too; Infinity: never.
   */
  dueMs(flight: Flight, upstreamIndex: number, nowMs: number): number {
    const { upstreams, isRanked } = flight.zone!;
    // With one upstream there is nobody to hedge with, and nothing to save up for. One that stands
    // in for another may not know its names: "no such name" would be the first good answer.
    if (!this.isOn || upstreams.length === 1 || isRanked) return Number.POSITIVE_INFINITY;
    if (this.#saved < QUESTIONS_PER_HEDGE * MAX_SAVED) this.#saved++;
    const slowMs = this.#state.slowMs(upstreams[upstreamIndex]!.slot);
    return slowMs === 0 || flight.opaque ? Number.POSITIVE_INFINITY : nowMs + slowMs;
  }

  /** Whether the budget has one more; if so, it is used up. */
  take(): boolean {
    if (this.#saved < QUESTIONS_PER_HEDGE) return false;
    this.#saved -= QUESTIONS_PER_HEDGE;
    return true;
  }
}
