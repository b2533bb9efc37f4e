// The run over time: rate, losses and latency of each interval. Observes a run; its samples go into
// the report, the last one into the progress line.
import type { Tally } from './tally.ts';

/** One interval. */
export interface Sample {
  /** Its end, seconds from the start. */
  readonly atSeconds: number;
  readonly sentPerSecond: number;
  readonly answeredPerSecond: number;
  /** Queries given up in the interval (sent a timeout earlier). */
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Maximum number of samples: a long run gets longer intervals. */
const MAX_SAMPLES = 600;

/** Collects samples. */
export class Sampler {
  readonly samples: Sample[] = [];
  readonly #intervalMs: number;
  #atMs = 0;
  #sent = 0;
  #answered = 0;
  #lost = 0;
  #buckets: Uint32Array | null = null;

  /** `durationMs` is how long the run may last (Infinity: not known). */
  constructor(durationMs: number) {
    const known = Number.isFinite(durationMs) ? durationMs : 0;
    this.#intervalMs = Math.max(known > 20_000 ? 1000 : 250, Math.ceil(known / MAX_SAMPLES));
  }

  /** Takes a sample when an interval is over; true when it did. */
  observe(tally: Tally, elapsedMs: number): boolean {
    this.#buckets ??= new Uint32Array(tally.latency.snapshot().length);
    // Half of an observation's distance: intervals are as long as they say on the average.
    if (elapsedMs - this.#atMs < this.#intervalMs - 50 || this.samples.length >= 2 * MAX_SAMPLES)
      return false;
    const seconds = (elapsedMs - this.#atMs) / 1000;
    this.samples.push({
      atSeconds: Number((elapsedMs / 1000).toFixed(2)),
      sentPerSecond: Math.round((tally.sent - this.#sent) / seconds),
      answeredPerSecond: Math.round((tally.answered - this.#answered) / seconds),
      lost: tally.lost - this.#lost,
      p50Ms: tally.latency.percentileSince(this.#buckets, 50),
      p99Ms: tally.latency.percentileSince(this.#buckets, 99),
    });
    this.#atMs = elapsedMs;
    this.#sent = tally.sent;
    this.#answered = tally.answered;
    this.#lost = tally.lost;
    this.#buckets = tally.latency.snapshot();
    return true;
  }
}
