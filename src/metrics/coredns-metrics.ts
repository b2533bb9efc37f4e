// The table of the names CoreDNS uses, for dashboards and alerts that exist already
// (`admin.coredns: true`). Only what can be told truthfully: labels that are not counted here are
// left out, not filled in. docs/metrics.md lists the gaps.
import { Counter, Drop, DURATION_BUCKETS_SECONDS } from './counters.ts';
import { type HistogramMetric, type Labels, labeled, type Metric, single } from './metric.ts';
import type { MetricsSnapshot } from './metrics-snapshot.ts';
import { responseSamples } from './response-samples.ts';

/**
 * CoreDNS buckets durations by 0.25 ms × 2ⁿ: every bound but the first two of ours, so nothing is
 * guessed.
 */
const FIRST_BOUND = 2;
const BOUNDS = DURATION_BUCKETS_SECONDS.slice(FIRST_BOUND);

/** The same observations under CoreDNS's bounds: the buckets below the first bound become one. */
function rebucket(buckets: readonly number[]): number[] {
  const rest = buckets.slice(FIRST_BOUND);
  for (let i = 0; i < FIRST_BOUND; i++) rest[0]! += buckets[i]!;
  return rest;
}

/**
 * CoreDNS writes one server block as `dns://ADDR:PORT`; unloop counts all its listen addresses
 * together.
 */
function serverLabel(source: MetricsSnapshot): string {
  return source.listen.map((address) => `dns://${address}`).join(',');
}

function serverZone(source: MetricsSnapshot): Labels {
  return { server: serverLabel(source), zone: '.' };
}

function serverZones(source: MetricsSnapshot): Labels {
  return { server: serverLabel(source), zones: '.' };
}

function cacheMetric(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (source: MetricsSnapshot) => number,
): Metric {
  return labeled(type, name, ['server', 'zones'], help, (source) => [
    { labels: serverZones(source), value: read(source) },
  ]);
}

function upstreamHistogram(
  name: string,
  labels: readonly string[],
  help: string,
  fixed: Labels,
): HistogramMetric {
  return {
    type: 'histogram',
    name,
    labels,
    help,
    bounds: BOUNDS,
    collect: (source) =>
      source.upstreams.map(({ slot, address }) => ({
        labels: { ...fixed, to: address },
        buckets: rebucket(source.totals.upstreamDurationBuckets(slot)),
        sum: source.totals.upstreamDurationSumSeconds(slot),
      })),
  };
}

/** In the order of docs/metrics.md. */
export const COREDNS_METRICS: readonly Metric[] = [
  labeled(
    'counter',
    'coredns_dns_requests_total',
    ['server', 'zone', 'proto'],
    'Queries received; family and type are not counted.',
    (source) => [
      {
        labels: { ...serverZone(source), proto: 'udp' },
        value: source.totals.counter(Counter.queriesUdp),
      },
      {
        labels: { ...serverZone(source), proto: 'tcp' },
        value: source.totals.counter(Counter.queriesTcp),
      },
    ],
  ),
  {
    type: 'histogram',
    name: 'coredns_dns_request_duration_seconds',
    labels: ['server', 'zone'],
    help: 'Time from receiving a query to sending its response.',
    bounds: BOUNDS,
    collect: (source) => [
      {
        labels: serverZone(source),
        buckets: rebucket(source.totals.durationBuckets()),
        sum: source.totals.counter(Counter.durationSumSeconds),
      },
    ],
  },
  labeled(
    'counter',
    'coredns_dns_responses_total',
    ['server', 'zone', 'rcode'],
    'Responses sent; the plugin is not known.',
    (source) =>
      responseSamples(source.totals).map(({ labels, value }) => ({
        labels: { ...serverZone(source), ...labels },
        value,
      })),
  ),
  single('counter', 'coredns_panics_total', 'Exceptions caught while a query was handled.', ({ totals }) =>
    totals.dropped(Drop.internal_error),
  ),
  cacheMetric('gauge', 'coredns_cache_entries', 'Entries in the cache, both types together.', ({ totals }) =>
    totals.counter(Counter.cacheEntries),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_requests_total',
    'Queries that were looked up in the cache.',
    ({ totals }) => totals.counter(Counter.cacheHits) + totals.counter(Counter.cacheMisses),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_hits_total',
    'Queries answered from the cache, both types together.',
    ({ totals }) => totals.counter(Counter.cacheHits),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_misses_total',
    'Queries that the cache could not answer.',
    ({ totals }) => totals.counter(Counter.cacheMisses),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_evictions_total',
    'Entries removed to make room, both types together.',
    ({ totals }) => totals.counter(Counter.cacheEvictions),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_prefetch_total',
    'Entries refreshed before they expired.',
    ({ totals }) => totals.counter(Counter.cachePrefetches),
  ),
  cacheMetric(
    'counter',
    'coredns_cache_served_stale_total',
    'Queries answered with expired data.',
    ({ totals }) => totals.counter(Counter.cacheStale),
  ),
  single(
    'counter',
    'coredns_forward_max_concurrent_rejects_total',
    'Queries refused because too many were in flight.',
    ({ totals }) => totals.dropped(Drop.in_flight_limit),
  ),
  labeled(
    'counter',
    'coredns_forward_requests_total',
    ['to'],
    'Queries sent to an upstream (deprecated by CoreDNS).',
    (source) =>
      source.upstreams.map(({ slot, address }) => ({
        labels: { to: address },
        value: source.totals.upstreamRequests(slot),
      })),
  ),
  labeled(
    'counter',
    'coredns_forward_responses_total',
    ['to'],
    'Matching replies from an upstream, any RCODE (deprecated by CoreDNS).',
    (source) =>
      source.upstreams.map(({ slot, address }) => ({
        labels: { to: address },
        value: source.totals.upstreamDurationBuckets(slot).reduce((sum, count) => sum + count, 0),
      })),
  ),
  upstreamHistogram(
    'coredns_forward_request_duration_seconds',
    ['to'],
    'Time from sending a query to an upstream to its reply (deprecated by CoreDNS).',
    {},
  ),
  upstreamHistogram(
    'coredns_proxy_request_duration_seconds',
    ['proxy_name', 'to'],
    'Time from sending a query to an upstream to its reply, any RCODE.',
    { proxy_name: 'forward' },
  ),
  single(
    'counter',
    'coredns_reload_failed_total',
    'Configuration reloads that failed.',
    (source) => source.reloads.failed,
  ),
];
