// Whether a series of readings grows: a least-squares line through them, with the interval that its
// slope lies in.

/** A straight line through readings. */
export interface Trend {
  /** Readings, after they were put together in blocks. */
  readonly blocks: number;
  readonly mean: number;
  readonly perHour: number;
  /** Half of the slope's 95 % confidence interval. */
  readonly perHourError: number;
}

const MS_PER_HOUR = 3_600_000;
/**
 * Neighboring readings are alike; the means of this many blocks are close to independent, as the
 * interval supposes.
 */
const BLOCKS = 20;
/** Student's t, 97.5 %, by degrees of freedom; beyond the table it is close to its last. */
const T = [
  Number.POSITIVE_INFINITY,
  12.71,
  4.3,
  3.18,
  2.78,
  2.57,
  2.45,
  2.36,
  2.31,
  2.26,
  2.23,
  2.2,
  2.18,
  2.16,
  2.14,
  2.13,
  2.12,
  2.11,
  2.1,
];

/**
 * `reduce` makes one figure of a block: the mean, or the minimum where the readings are a saw (a
 * heap before and after its collection).
 */
export function fitTrend(
  times: readonly number[],
  values: readonly number[],
  reduce: 'mean' | 'minimum',
): Trend {
  const blocks = Math.min(BLOCKS, values.length);
  const x: number[] = [];
  const y: number[] = [];
  for (let block = 0; block < blocks; block++) {
    const from = Math.floor((block * values.length) / blocks);
    const to = Math.floor(((block + 1) * values.length) / blocks);
    x.push(meanOf(times.slice(from, to)) / MS_PER_HOUR);
    const part = values.slice(from, to);
    y.push(reduce === 'mean' ? meanOf(part) : Math.min(...part));
  }
  const [meanX, mean] = [meanOf(x), meanOf(y)];
  const spread = sum(x.map((value) => (value - meanX) ** 2));
  const perHour = sum(x.map((value, i) => (value - meanX) * (y[i]! - mean))) / spread;
  const residual = sum(x.map((value, i) => (y[i]! - mean - perHour * (value - meanX)) ** 2));
  const freedom = blocks - 2;
  const t = T[Math.min(freedom, T.length - 1)] ?? Number.POSITIVE_INFINITY;
  const perHourError = freedom < 1 ? Number.POSITIVE_INFINITY : t * Math.sqrt(residual / freedom / spread);
  return { blocks, mean, perHour, perHourError };
}

/**
 * How much the readings surely grew over this time: the slope at the lower end of its interval.
 * Never below 0.
 */
export function sureGrowth(trend: Trend, durationMs: number): number {
  return Math.max(0, ((trend.perHour - trend.perHourError) * durationMs) / MS_PER_HOUR);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function meanOf(values: readonly number[]): number {
  return sum(values) / values.length;
}
