// Latencies in logarithmic buckets, exact to 1.6 %, at the cost of one increment. Filled by the
// tally for every answer. (The histogram of perf_hooks cannot list its buckets, which reports and
// their comparison need.)
//
//   microseconds   0 … 127 │ 128 … 255 │ 256 … 511 │ …      each octave from 64 on has 64 buckets
//   bucket         0 … 127 │ 128 … 191 │ 192 … 255 │ …

const SUB_BITS = 6;
const SUB_BUCKETS = 1 << SUB_BITS;
/** 2²⁷ µs, 134 s: more than any timeout. */
const LARGEST_MICROS = 2 ** 27 - 1;
const BUCKETS = bucketOf(LARGEST_MICROS) + 1;

/** The bucket of a whole number of microseconds. */
function bucketOf(micros: number): number {
  if (micros < SUB_BUCKETS) return micros;
  const shift = 31 - SUB_BITS - Math.clz32(micros);
  return (shift << SUB_BITS) + (micros >> shift);
}

/** The smallest number of microseconds above the bucket. */
function bucketEnd(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket + 1;
  const shift = (bucket >> SUB_BITS) - 1;
  return (bucket - (shift << SUB_BITS) + 1) * 2 ** shift;
}

const MIN = 0;
const MAX = 1;
const SUM = 2;

/** How often each latency was seen. */
export class LatencyHistogram {
  count = 0;
  readonly #buckets = new Uint32Array(BUCKETS);
  /** Smallest, largest and sum, ms; in a typed array so that no number is put on the heap. */
  readonly #exact = new Float64Array([Number.POSITIVE_INFINITY, 0, 0]);

  /** Counts one latency. */
  record(ms: number): void {
    const exact = this.#exact;
    if (ms < exact[MIN]!) exact[MIN] = ms;
    if (ms > exact[MAX]!) exact[MAX] = ms;
    exact[SUM]! += ms;
    this.count++;
    let micros = ms * 1000;
    if (micros > LARGEST_MICROS) micros = LARGEST_MICROS;
    this.#buckets[bucketOf(micros > 0 ? micros | 0 : 0)]!++;
  }

  get minMs(): number {
    return this.count === 0 ? 0 : this.#exact[MIN]!;
  }

  get maxMs(): number {
    return this.#exact[MAX]!;
  }

  get meanMs(): number {
    return this.count === 0 ? 0 : this.#exact[SUM]! / this.count;
  }

  /** The latency, ms, that `percent` of the answers did not exceed; 0 when there are none. */
  percentile(percent: number): number {
    return Math.min(percentileOf(this.#buckets, this.count, percent), this.maxMs);
  }

  /** The buckets as they are now, for an interval's percentiles. */
  snapshot(): Uint32Array {
    return this.#buckets.slice();
  }

  /** The percentile of what was recorded since the snapshot was taken. */
  percentileSince(earlier: Uint32Array, percent: number): number {
    let count = 0;
    const since = this.#buckets.map((value, i) => value - earlier[i]!);
    for (const value of since) count += value;
    return percentileOf(since, count, percent);
  }

  /** Every bucket that is not empty: its upper bound in ms, and how many fell in it. */
  buckets(): [upperMs: number, count: number][] {
    const list: [number, number][] = [];
    this.#buckets.forEach((count, i) => {
      if (count > 0) list.push([bucketEnd(i) / 1000, count]);
    });
    return list;
  }
}

function percentileOf(buckets: Uint32Array, count: number, percent: number): number {
  if (count === 0) return 0;
  let rest = Math.ceil((count * percent) / 100);
  for (let i = 0; i < buckets.length; i++) {
    rest -= buckets[i]!;
    if (rest <= 0) return bucketEnd(i) / 1000;
  }
  return bucketEnd(buckets.length - 1) / 1000;
}
