// Keeps a fault that repeats from flooding the log: the first line at once, then summaries at
// growing intervals, then one line when it is over. Used for reports of something that may happen a
// thousand times a second. Main thread or worker.
import type { Clock } from './clock.ts';
import type { Log, LogLevel } from './log.ts';

/** A fault that continues. */
interface Repetition {
  level: LogLevel;
  fields: object;
  message: string;
  /** All reports since it began. */
  total: number;
  /** Reports since the last line about it. */
  suppressed: number;
  firstMs: number;
  lastMs: number;
  /** The last line about it, and how long the next waits. */
  lineMs: number;
  windowMs: number;
}

const FIRST_WINDOW_MS = 10_000;
const MAX_WINDOW_MS = 60_000;
const MAX_KEYS = 256;
/** First lines of different keys in one window: a fault with a new key each time is a flood too. */
const MAX_FIRST_LINES = 20;

/**
 * One per thread. Call tick() about once a second, so that summaries come even when the reports
 * have stopped.
 */
export class RepeatLimiter {
  readonly #log: Log;
  readonly #clock: Clock;
  /** In order of the last report: the first one is forgotten first. */
  readonly #repetitions = new Map<string, Repetition>();
  #firstLines = 0;
  #firstLinesSinceMs: number;
  #unnamed = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#firstLinesSinceMs = clock.nowMs;
  }

  /** Reports a fault. Reports with the same key are the same fault. */
  report(key: string, level: LogLevel, fields: object, message: string): void {
    const nowMs = this.#clock.nowMs;
    const known = this.#repetitions.get(key);
    if (known === undefined) {
      this.#begin(key, level, fields, message, nowMs);
      return;
    }
    known.level = level;
    known.fields = fields;
    known.message = message;
    known.total++;
    known.suppressed++;
    known.lastMs = nowMs;
    // To the end of the order.
    this.#repetitions.delete(key);
    this.#repetitions.set(key, known);
    if (nowMs - known.lineMs >= known.windowMs) this.#summarize(known, nowMs);
  }

  /** Says that the fault is over; silent (false) when nothing was reported under this key. */
  recovered(key: string, fields: object, message: string): boolean {
    const known = this.#repetitions.get(key);
    if (known === undefined) return false;
    this.#repetitions.delete(key);
    const lastedSeconds = Math.round((this.#clock.nowMs - known.firstMs) / 1000);
    this.#log.info({ ...fields, reports: known.total, lastedSeconds }, message);
    return true;
  }

  /** Writes the summaries that are due, and forgets faults that have been quiet. */
  tick(): void {
    const nowMs = this.#clock.nowMs;
    for (const [key, known] of this.#repetitions) {
      if (nowMs - known.lineMs >= known.windowMs && known.suppressed > 0) this.#summarize(known, nowMs);
      else if (nowMs - known.lastMs >= MAX_WINDOW_MS && known.suppressed === 0) this.#repetitions.delete(key);
    }
    this.#renewFirstLines(nowMs);
  }

  /** Faults that are remembered. */
  get size(): number {
    return this.#repetitions.size;
  }

  #begin(key: string, level: LogLevel, fields: object, message: string, nowMs: number): void {
    this.#renewFirstLines(nowMs);
    if (this.#firstLines >= MAX_FIRST_LINES) {
      this.#unnamed++;
      return;
    }
    this.#firstLines++;
    if (this.#repetitions.size >= MAX_KEYS) this.#forgetOldest(nowMs);
    this.#repetitions.set(key, {
      level,
      fields,
      message,
      total: 1,
      suppressed: 0,
      firstMs: nowMs,
      lastMs: nowMs,
      lineMs: nowMs,
      windowMs: FIRST_WINDOW_MS,
    });
    this.#log[level](fields, message);
  }

  #forgetOldest(nowMs: number): void {
    const [key, oldest] = this.#repetitions.entries().next().value!;
    if (oldest.suppressed > 0) this.#summarize(oldest, nowMs);
    this.#repetitions.delete(key);
  }

  #summarize(known: Repetition, nowMs: number): void {
    const seconds = Math.round((nowMs - known.lineMs) / 1000);
    this.#log[known.level](
      { ...known.fields, repeated: known.suppressed },
      `${known.message} (${known.suppressed} more in the last ${seconds} s)`,
    );
    known.suppressed = 0;
    known.lineMs = nowMs;
    known.windowMs = Math.min(known.windowMs * 2, MAX_WINDOW_MS);
  }

  #renewFirstLines(nowMs: number): void {
    if (nowMs - this.#firstLinesSinceMs < FIRST_WINDOW_MS) return;
    if (this.#unnamed > 0) {
      this.#log.warn(
        { reports: this.#unnamed },
        `${this.#unnamed} more reports of other faults were not logged`,
      );
    }
    this.#firstLinesSinceMs = nowMs;
    this.#firstLines = 0;
    this.#unnamed = 0;
  }
}
