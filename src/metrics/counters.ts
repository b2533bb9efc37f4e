// The numbers of the data path: plain additions into typed arrays in shared memory, one block per
// worker (its only writer), summed by the main thread when somebody scrapes. A labeled prom-client
// counter would cost 80 times as much.
import { MAX_ROUTES, MAX_UPSTREAMS } from '../base/slots.ts';

/**
 * Counters without labels. Values are positions in a worker's block: the order is free, a block
 * lives as long as the process.
 */
export const Counter = {
  queriesUdp: 0,
  queriesTcp: 1,
  cacheHits: 2,
  cacheMisses: 3,
  cacheEvictions: 4,
  cachePrefetches: 5,
  cacheStale: 6,
  coalesced: 7,
  loopShed: 8,
  // Gauges, set by their worker.
  cacheEntries: 9,
  cacheBytes: 10,
  inFlight: 11,
  tcpConnections: 12,
  // Counters again.
  loopProbes: 13,
  loopSuspicions: 14,
  /**
   * Replies from upstreams that matched no query in flight, or not its question: possible
   * forgeries.
   */
  upstreamMismatches: 15,
  /** Replies whose QNAME came back in another case. */
  upstreamCaseMismatches: 16,
  tcpConnectionsRefused: 17,
  durationSumSeconds: 18,
  /**
   * Datagrams to upstreams that the kernel did not take, and from them that the receive buffer had
   * no room for.
   */
  upstreamSendFailures: 19,
  upstreamKernelDrops: 20,
  rebindBlocked: 21,
  /** Questions asked again without a mark, in the order of the marks' bits (upstream/marks.ts). */
  fallbacksCase: 24,
  fallbacksOptions: 25,
  fallbacksEdns: 26,
  /** Hedged questions (pipeline/hedges.ts), in the order of HEDGE_EVENTS. */
  hedgesSent: 27,
  hedgesWon: 28,
  hedgesWithheld: 29,
  /** Answers made from the denial of a name above (cache/nxdomain-cut.ts). */
  nxdomainCuts: 30,
  /** NXDOMAINs given to search lists (pipeline/search-waste.ts). */
  searchWaste: 31,
  /** Keys of top/top-counts.ts that lost their count to another one, by table. */
  topNamesEvicted: 32,
  topClientsEvicted: 33,
  topNxdomainClientsEvicted: 34,
  topFailingNamesEvicted: 35,
  /** Lines of the query log that were not written. */
  queryLogDropped: 36,
  /** Events of dnstap, and a gauge: the worker has a reader. */
  dnstapSent: 37,
  dnstapDropped: 38,
  dnstapConnected: 39,
  /** Shorter names asked first (pipeline/search-first.ts). */
  searchShorter: 40,
} as const;
export type Counter = (typeof Counter)[keyof typeof Counter];
const COUNTERS = 41;

/** unloop_hedges_total{event}: the counters from hedgesSent on. */
export const HEDGE_EVENTS = ['sent', 'won', 'withheld'] as const;

/**
 * Why a packet got no answer, or none but an error made without looking further:
 * unloop_dropped_total{reason}. Append only.
 */
export const DROP_REASONS = [
  // Not a valid query (wire/query.ts).
  'too_short',
  'response',
  'opcode',
  'question_count',
  'bad_question',
  'bad_record',
  'bad_opt',
  'bad_version',
  'bad_type',
  // Sockets.
  'oversized',
  'source_port_zero',
  'send_failed',
  'kernel',
  // Policy.
  'not_allowed',
  'rate_limited',
  'in_flight_limit',
  'waiters_limit',
  'tcp_framing',
  'client_gone',
  'internal_error',
  'client_waiting_limit',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];
/** Position of a reason in DROP_REASONS. */
export const Drop = Object.fromEntries(DROP_REASONS.map((reason, index) => [reason, index])) as Readonly<
  Record<DropReason, number>
>;
const DROP_SLOTS = 32;

/** RCODEs 0–23 have a counter each, the rest share slot 24. */
export const RCODE_SLOTS = 25;

/**
 * Upper bounds of the duration histograms, seconds: 2ⁿ × 62.5 µs. One more bucket follows for +Inf.
 */
export const DURATION_BUCKETS_SECONDS = Array.from({ length: 17 }, (_, i) => 0.0000625 * 2 ** i);
const BUCKETS = DURATION_BUCKETS_SECONDS.length + 1;

/** Per upstream: requests, one per failure reason (8), duration sum, buckets. */
const FAILURE_SLOTS = 8;
const UPSTREAM_STRIDE = 2 + FAILURE_SLOTS + BUCKETS;
/** Per route: how often a loop was noticed, by evidence (4). */
const ROUTE_STRIDE = 4;

const DROPS_AT = COUNTERS;
const RCODES_AT = DROPS_AT + DROP_SLOTS;
const DURATION_AT = RCODES_AT + RCODE_SLOTS;
const UPSTREAMS_AT = DURATION_AT + BUCKETS;
const ROUTES_AT = UPSTREAMS_AT + MAX_UPSTREAMS * UPSTREAM_STRIDE;
/** 64-bit floats in a block: whole numbers stay exact up to 2⁵³. */
export const BLOCK_LENGTH = ROUTES_AT + MAX_ROUTES * ROUTE_STRIDE;

/** Shared memory for one worker's block. */
export function createCounterBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(BLOCK_LENGTH * 8);
}

/**
 * One worker's counters. Writing is the owner's alone; a reader in another thread sees each number
 * whole (an aligned 64-bit store), maybe a moment old.
 */
export class Counters {
  /** Raw numbers: `values[Counter.cacheHits]!++` is the idiom of the hot path. */
  readonly values: Float64Array;

  constructor(block: SharedArrayBuffer) {
    this.values = new Float64Array(block);
  }

  increment(counter: Counter): void {
    this.values[counter]!++;
  }

  drop(reason: number): void {
    this.values[DROPS_AT + reason]!++;
  }

  /** Adds to a drop reason that is counted elsewhere first (kernel drops). */
  dropMany(reason: number, count: number): void {
    this.values[DROPS_AT + reason]! += count;
  }

  response(rcode: number): void {
    this.values[RCODES_AT + Math.min(rcode, RCODE_SLOTS - 1)]!++;
  }

  /** Records `count` requests that took durationMs each. */
  duration(durationMs: number, count: number): void {
    this.values[DURATION_AT + bucketOf(durationMs)]! += count;
    this.values[Counter.durationSumSeconds]! += (durationMs / 1000) * count;
  }

  upstreamRequest(slot: number): void {
    this.values[UPSTREAMS_AT + slot * UPSTREAM_STRIDE]!++;
  }

  upstreamFailure(slot: number, reason: number): void {
    this.values[UPSTREAMS_AT + slot * UPSTREAM_STRIDE + 2 + reason]!++;
  }

  upstreamDuration(slot: number, durationMs: number): void {
    const at = UPSTREAMS_AT + slot * UPSTREAM_STRIDE;
    this.values[at + 1]! += durationMs / 1000;
    this.values[at + 2 + FAILURE_SLOTS + bucketOf(durationMs)]!++;
  }

  /** A question is asked again without these marks. */
  fallback(marks: number): void {
    for (let bit = 0; bit < 3; bit++)
      if ((marks & (1 << bit)) !== 0) this.values[Counter.fallbacksCase + bit]!++;
  }

  loopDetected(route: number, evidence: number): void {
    this.values[ROUTES_AT + route * ROUTE_STRIDE + evidence]!++;
  }

  /**
   * Sets the gauges to nothing. For the worker that takes over a dead one's block: the counters go
   * on, what was held is gone.
   */
  resetGauges(): void {
    for (const gauge of GAUGES) this.values[gauge] = 0;
  }
}

/** Those that say how much there is now, not how often something happened. */
const GAUGES = [
  Counter.cacheEntries,
  Counter.cacheBytes,
  Counter.inFlight,
  Counter.tcpConnections,
  Counter.dnstapConnected,
] as const;

/**
 * Index of the first bucket whose bound is ≥ durationMs: ⌈log₂(ms / 0.0625)⌉, by counting leading
 * zeros.
 */
function bucketOf(durationMs: number): number {
  if (durationMs <= 0.0625) return 0;
  const units = Math.ceil(durationMs * 16); // in 62.5 µs; 2ⁿ units belong to bucket n
  const bucket = 32 - Math.clz32(units - 1);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/** The sum of several workers' blocks, for the scrape. Lives on the main thread; reads only. */
export class CounterTotals {
  /** The first one holds what blocks that are gone had counted. */
  readonly #blocks: Float64Array[] = [new Float64Array(BLOCK_LENGTH)];
  /**
   * What the blocks had counted when a slot was given to another upstream or route; subtracted from
   * then on.
   */
  readonly #baseline = new Float64Array(BLOCK_LENGTH);

  add(block: SharedArrayBuffer): void {
    this.#blocks.push(new Float64Array(block));
  }

  /**
   * Takes a block out whose worker is gone for good: what it counted stays in the sums, its gauges
   * do not.
   */
  retire(block: SharedArrayBuffer): void {
    const index = this.#blocks.findIndex((known) => known.buffer === block);
    if (index < 0) return;
    const [gone] = this.#blocks.splice(index, 1);
    const kept = this.#blocks[0]!;
    for (let i = 0; i < BLOCK_LENGTH; i++) kept[i]! += gone![i]!;
    for (const gauge of GAUGES) kept[gauge] = 0;
  }

  /** The upstream slot belongs to another server from now on: its numbers start at nothing. */
  restartUpstream(slot: number): void {
    this.#restart(UPSTREAMS_AT + slot * UPSTREAM_STRIDE, UPSTREAM_STRIDE);
  }

  /** The route slot belongs to another pair of zone and upstream from now on. */
  restartRoute(slot: number): void {
    this.#restart(ROUTES_AT + slot * ROUTE_STRIDE, ROUTE_STRIDE);
  }

  #restart(from: number, length: number): void {
    for (let index = from; index < from + length; index++) {
      this.#baseline[index]! += this.#sum(index);
    }
  }

  #sum(index: number): number {
    let sum = -this.#baseline[index]!;
    for (const block of this.#blocks) sum += block[index]!;
    return sum;
  }

  counter(counter: Counter): number {
    return this.#sum(counter);
  }

  dropped(reason: number): number {
    return this.#sum(DROPS_AT + reason);
  }

  responses(rcode: number): number {
    return this.#sum(RCODES_AT + rcode);
  }

  /** Requests per bucket (not cumulative), the last one +Inf. */
  durationBuckets(): number[] {
    return Array.from({ length: BUCKETS }, (_, i) => this.#sum(DURATION_AT + i));
  }

  upstreamRequests(slot: number): number {
    return this.#sum(UPSTREAMS_AT + slot * UPSTREAM_STRIDE);
  }

  upstreamFailures(slot: number, reason: number): number {
    return this.#sum(UPSTREAMS_AT + slot * UPSTREAM_STRIDE + 2 + reason);
  }

  upstreamDurationSumSeconds(slot: number): number {
    return this.#sum(UPSTREAMS_AT + slot * UPSTREAM_STRIDE + 1);
  }

  upstreamDurationBuckets(slot: number): number[] {
    const at = UPSTREAMS_AT + slot * UPSTREAM_STRIDE + 2 + FAILURE_SLOTS;
    return Array.from({ length: BUCKETS }, (_, i) => this.#sum(at + i));
  }

  loopsDetected(route: number, evidence: number): number {
    return this.#sum(ROUTES_AT + route * ROUTE_STRIDE + evidence);
  }
}
