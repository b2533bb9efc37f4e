// The last five minutes of the counters, for the status page: rates need two readings. Read every
// two seconds by a timer of http.ts; time is given, never taken.
import { Counter, type CounterTotals, DURATION_BUCKETS_SECONDS, RCODE_SLOTS } from '../metrics/counters.ts';

/** How often sample() is meant to be called, ms. */
export const SAMPLE_INTERVAL_MS = 2000;
const KEPT = 151;
const RATE_WINDOW_MS = 60_000;
/** What is live covers at least so much, and a sample interval more at most. */
const LIVE_WINDOW_MS = 900;
const SERVFAIL = 2;

interface Reading {
  readonly atMs: number;
  readonly queries: number;
  readonly hits: number;
  readonly misses: number;
  /** Responses by rcode; the last one for the rare ones together. */
  readonly rcodes: readonly number[];
  readonly durations: readonly number[];
}

/** What happened between two readings. */
export interface Rates {
  readonly queriesPerSecond: number;
  /** Of the look-ups in the cache; null when there was none. */
  readonly hitRatio: number | null;
  /** Of all responses; null when there was none. */
  readonly servfailRatio: number | null;
  /**
   * Half, and 99 %, of the requests took at most this long, ms; Infinity past the last bucket;
   * null when there was none.
   */
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
  /** Responses a second, by rcode; the last one for the rare ones together. */
  readonly rcodesPerSecond: readonly number[];
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

  /** The last minute, or the time since the start if that is less. */
  rates(nowMs: number): Rates {
    const then =
      this.#readings.find((reading) => reading.atMs >= nowMs - RATE_WINDOW_MS) ?? this.#readings.at(-1)!;
    return difference(then, this.#read(nowMs));
  }

  /** The last few seconds. */
  live(nowMs: number): Rates {
    const then = this.#readings.findLast((reading) => reading.atMs <= nowMs - LIVE_WINDOW_MS);
    return difference(then ?? this.#readings[0]!, this.#read(nowMs));
  }

  /** Between each two readings of the last five minutes, oldest first. */
  series(): Rates[] {
    return this.#readings.slice(1).map((reading, index) => difference(this.#readings[index]!, reading));
  }

  #read(nowMs: number): Reading {
    const totals = this.#totals;
    return {
      atMs: nowMs,
      queries: totals.counter(Counter.queriesUdp) + totals.counter(Counter.queriesTcp),
      hits: totals.counter(Counter.cacheHits),
      misses: totals.counter(Counter.cacheMisses),
      rcodes: Array.from({ length: RCODE_SLOTS }, (_, rcode) => totals.responses(rcode)),
      durations: totals.durationBuckets(),
    };
  }
}

function difference(then: Reading, now: Reading): Rates {
  const seconds = (now.atMs - then.atMs) / 1000;
  const perSecond = (count: number) => (seconds > 0 ? count / seconds : 0);
  const lookups = now.hits + now.misses - then.hits - then.misses;
  const rcodes = now.rcodes.map((count, index) => count - then.rcodes[index]!);
  const responses = rcodes.reduce((sum, count) => sum + count, 0);
  const durations = now.durations.map((count, index) => count - then.durations[index]!);
  return {
    queriesPerSecond: perSecond(now.queries - then.queries),
    hitRatio: lookups > 0 ? (now.hits - then.hits) / lookups : null,
    servfailRatio: responses > 0 ? rcodes[SERVFAIL]! / responses : null,
    medianMs: quantileMs(durations, 0.5),
    p99Ms: quantileMs(durations, 0.99),
    rcodesPerSecond: rcodes.map(perSecond),
  };
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
