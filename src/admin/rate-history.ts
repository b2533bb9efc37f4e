// The last five minutes of the counters, for the status page: rates need two readings. Read every
// few seconds by a timer of http.ts; time is given, never taken.
import { Counter, type CounterTotals, DURATION_BUCKETS_SECONDS, RCODE_SLOTS } from '../metrics/counters.ts';

/** How often sample() is meant to be called, ms. */
export const SAMPLE_INTERVAL_MS = 5000;
const KEPT = 61;
const RATE_WINDOW_MS = 60_000;
const SERVFAIL = 2;

interface Reading {
  readonly atMs: number;
  readonly queries: number;
  readonly hits: number;
  readonly misses: number;
  readonly responses: number;
  readonly servfails: number;
  readonly durations: readonly number[];
}

/** What happened within the last minute, or since the start if that is later. */
export interface Rates {
  readonly queriesPerSecond: number;
  /** Of the look-ups in the cache; null when there was none. */
  readonly hitRatio: number | null;
  /** Of all responses; null when there was none. */
  readonly servfailRatio: number | null;
  /**
   * So many ms sufficed for half, and for 99 %, of the requests; Infinity past the last bucket;
   * null when there was none.
   */
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
}

export class RateHistory {
  readonly #totals: CounterTotals;
  readonly #readings: Reading[] = [];

  constructor(totals: CounterTotals, nowMs: number) {
    this.#totals = totals;
    this.sample(nowMs);
  }

  /** Takes a reading and forgets those older than five minutes. */
  sample(nowMs: number): void {
    this.#readings.push(this.#read(nowMs));
    if (this.#readings.length > KEPT) this.#readings.shift();
  }

  rates(nowMs: number): Rates {
    const now = this.#read(nowMs);
    const then =
      this.#readings.find((reading) => reading.atMs >= nowMs - RATE_WINDOW_MS) ?? this.#readings.at(-1)!;
    const seconds = (now.atMs - then.atMs) / 1000;
    const lookups = now.hits + now.misses - then.hits - then.misses;
    const responses = now.responses - then.responses;
    const durations = now.durations.map((count, index) => count - then.durations[index]!);
    return {
      queriesPerSecond: seconds > 0 ? (now.queries - then.queries) / seconds : 0,
      hitRatio: lookups > 0 ? (now.hits - then.hits) / lookups : null,
      servfailRatio: responses > 0 ? (now.servfails - then.servfails) / responses : null,
      medianMs: quantileMs(durations, 0.5),
      p99Ms: quantileMs(durations, 0.99),
    };
  }

  /** Queries a second between each two readings, oldest first. */
  queryRates(): number[] {
    return this.#readings.slice(1).map((reading, index) => {
      const before = this.#readings[index]!;
      const seconds = (reading.atMs - before.atMs) / 1000;
      return seconds > 0 ? (reading.queries - before.queries) / seconds : 0;
    });
  }

  #read(nowMs: number): Reading {
    const totals = this.#totals;
    let responses = 0;
    for (let slot = 0; slot < RCODE_SLOTS; slot++) responses += totals.responses(slot);
    return {
      atMs: nowMs,
      queries: totals.counter(Counter.queriesUdp) + totals.counter(Counter.queriesTcp),
      hits: totals.counter(Counter.cacheHits),
      misses: totals.counter(Counter.cacheMisses),
      responses,
      servfails: totals.responses(SERVFAIL),
      durations: totals.durationBuckets(),
    };
  }
}

/** Upper bound of the bucket in which the quantile lies. */
function quantileMs(counts: readonly number[], quantile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  let cumulative = 0;
  for (const [index, count] of counts.entries()) {
    cumulative += count;
    if (cumulative >= total * quantile) {
      const bound = DURATION_BUCKETS_SECONDS[index];
      return bound === undefined ? Number.POSITIVE_INFINITY : bound * 1000;
    }
  }
  return Number.POSITIVE_INFINITY;
}
