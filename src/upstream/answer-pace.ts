// How fast a server answers at its best, and what follows from that: when its silence is suspect,
// and how long a query waits for room before another connection is opened. Kept by stream-exchange.
// Slow names hardly move it: the owner of one does not decide what is taken for slow.

/**
 * A connection whose server owes answers is suspect when silent for four times the best answer,
 * within these bounds, ms.
 */
const SUSPECT_PER_ANSWER = 4;
const MIN_SUSPECT_MS = 250;
const MAX_SUSPECT_MS = 1000;
/**
 * How long a query waits for room on connections that bring answers before another one is opened,
 * ms …
 */
const MIN_PATIENCE_MS = 30;
/** … or this many times the best answer, if that is longer. */
const PATIENCE_PER_ANSWER = 1.5;
/** A slower answer raises the best one by one part in this many of the difference. */
const INERTIA = 32;

export class AnswerPace {
  /** 0 while unknown. */
  #bestMs = 0;

  /** A connection opened: one round trip, or a few. */
  connected(tookMs: number): void {
    if (this.#bestMs === 0) this.#bestMs = tookMs;
  }

  answered(tookMs: number): void {
    const slower = tookMs - this.#bestMs;
    this.#bestMs += slower > 0 ? slower / INERTIA : slower;
  }

  get suspectMs(): number {
    return Math.min(MAX_SUSPECT_MS, Math.max(MIN_SUSPECT_MS, SUSPECT_PER_ANSWER * this.#bestMs));
  }

  get patienceMs(): number {
    return Math.max(MIN_PATIENCE_MS, PATIENCE_PER_ANSWER * this.#bestMs);
  }
}
