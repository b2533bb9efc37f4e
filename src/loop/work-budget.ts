// A limit for expensive work that any sender can cause: a number of units per second, with a small
// burst. tag.ts and probe.ts spend one per HMAC, so that a flood of forged tags costs a fixed share
// of a core and no more.

/** A token bucket, one per thread and purpose. It fills by the clock, without a timer. */
export class WorkBudget {
  /** How often no unit was left. */
  refused = 0;
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #filledMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#left = burst;
    this.#filledMs = nowMs;
  }

  /** Takes one unit; false if none is left. */
  take(nowMs: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledMs) * this.#perMs);
    this.#filledMs = nowMs;
    if (this.#left < 1) {
      this.refused++;
      return false;
    }
    this.#left--;
    return true;
  }
}
