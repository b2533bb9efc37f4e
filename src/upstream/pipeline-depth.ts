// How many queries one connection may have unanswered. Servers differ: some answer one query per
// connection and close, some work on one query after the other, some on many at a time. Shared by
// the connections of one upstream in one thread.

/**
 * Messages on a TCP or TLS connection while nothing is known: enough to fill the wire, so few that
 * a burst spreads.
 */
const LEAST_DEPTH = 4;
const MOST_DEPTH = 64;
/** A server that works on one query after the other is given what it answers in this time, ms. */
const SERIAL_WORK_MS = 100;
/** How slowly a new gap between answers changes the usual one: its weight is 1 in this many. */
const GAP_INERTIA = 4;
/**
 * Times that a server has to pass over a query it is silent about before it is taken for one that
 * works on many.
 */
const PASSES = 3;
/**
 * How long that query must have been unanswered, ms: then the other one was not just the next in
 * turn.
 */
const PASSED_AFTER_MS = 250;

/** What a server's replies show. */
export class PipelineDepth {
  /**
   * It has overtaken itself, or passed over what it is silent about: it works on many queries at a
   * time, so that a slow one holds up no other.
   */
  isConcurrent = false;
  /**
   * It closed a connection that had brought one answer, and no connection has brought two since.
   */
  isSingle = false;
  /** Usual time between answers while more than one is owed, ms. */
  #gapMs = Number.POSITIVE_INFINITY;
  #passes = 0;

  /** Messages that may be unanswered on a TCP or TLS connection. */
  get limit(): number {
    if (this.isConcurrent) return MOST_DEPTH;
    return Math.floor(Math.min(MOST_DEPTH, Math.max(LEAST_DEPTH, SERIAL_WORK_MS / this.#gapMs)));
  }

  /** An answer came, the n-th of its connection. */
  answered(count: number): void {
    if (count > 1) this.isSingle = false;
  }

  /** An answer came although a later query had been answered before it. */
  overtaken(): void {
    this.isConcurrent = true;
  }

  /** An answer came within `tookMs`, and a query that had left `earlierMs` before it has none. */
  passed(earlierMs: number, tookMs: number): void {
    if (earlierMs < PASSED_AFTER_MS || 2 * tookMs > earlierMs) return;
    if (++this.#passes >= PASSES) this.isConcurrent = true;
  }

  /** Two answers came, this time apart, and both were owed meanwhile. */
  gap(ms: number): void {
    if (this.#gapMs === Number.POSITIVE_INFINITY) this.#gapMs = ms;
    else this.#gapMs += (ms - this.#gapMs) / GAP_INERTIA;
  }

  /** The server ended a connection with queries unanswered. */
  closedEarly(answered: number): void {
    if (answered === 1) this.isSingle = true;
  }
}
