// The table of unloop's own metrics. The names are public: dashboards and alerts use them as
// written here.
import type { CounterTotals } from './counters.ts';
import { Counter, DROP_REASONS, DURATION_BUCKETS_SECONDS, HEDGE_EVENTS } from './counters.ts';
import { labeled, type Metric, type Sample, single } from './metric.ts';
import type { PodCounts } from './metrics-snapshot.ts';
import { responseSamples } from './response-samples.ts';
import { lessons, rtts, states } from './upstream-samples.ts';

/** A counter without labels that the workers keep. */
function counted(name: string, help: string, counter: Counter): Metric {
  return single('counter', name, help, ({ totals }) => totals.counter(counter));
}

/** A gauge that the workers keep, summed over them. */
function gauged(name: string, help: string, counter: Counter): Metric {
  return single('gauge', name, help, ({ totals }) => totals.counter(counter));
}

function drops(totals: CounterTotals): Sample[] {
  return DROP_REASONS.map((reason, index) => ({ labels: { reason }, value: totals.dropped(index) }));
}

/** A number of the watch of pods; absent while there is none. */
function ofPods(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (pods: PodCounts) => number,
): Metric {
  return labeled(type, name, [], help, ({ pods }) =>
    pods === null ? [] : [{ labels: {}, value: read(pods) }],
  );
}

/** In the order of docs/metrics.md. */
export const UNLOOP_METRICS: readonly Metric[] = [
  labeled('counter', 'unloop_queries_total', ['proto'], 'Queries received, by transport.', ({ totals }) => [
    { labels: { proto: 'udp' }, value: totals.counter(Counter.queriesUdp) },
    { labels: { proto: 'tcp' }, value: totals.counter(Counter.queriesTcp) },
  ]),
  labeled('counter', 'unloop_responses_total', ['rcode'], 'Responses sent, by RCODE.', ({ totals }) =>
    responseSamples(totals),
  ),
  labeled(
    'counter',
    'unloop_dropped_total',
    ['reason'],
    'Packets that got no answer, or an error without looking further, by reason.',
    ({ totals }) => drops(totals),
  ),
  {
    type: 'histogram',
    name: 'unloop_request_duration_seconds',
    labels: [],
    help: 'Time from receiving a query to sending its response.',
    bounds: DURATION_BUCKETS_SECONDS,
    collect: ({ totals }) => [
      { labels: {}, buckets: totals.durationBuckets(), sum: totals.counter(Counter.durationSumSeconds) },
    ],
  },
  gauged('unloop_in_flight', 'Client queries being worked on now.', Counter.inFlight),
  gauged('unloop_tcp_connections', 'Client TCP connections open now.', Counter.tcpConnections),
  counted(
    'unloop_tcp_connections_refused_total',
    'Client TCP connections closed at once because a limit was reached.',
    Counter.tcpConnectionsRefused,
  ),
  counted('unloop_coalesced_total', 'Queries that waited for an identical one in flight.', Counter.coalesced),
  counted('unloop_cache_hits_total', 'Queries answered from the cache.', Counter.cacheHits),
  counted('unloop_cache_misses_total', 'Queries that the cache could not answer.', Counter.cacheMisses),
  counted(
    'unloop_nxdomain_cuts_total',
    'Queries answered from the denial of a name above theirs (zones.*.nxdomainCut, RFC 8020).',
    Counter.nxdomainCuts,
  ),
  counted(
    'unloop_search_waste_total',
    'NXDOMAIN answers for names that only a search list makes (zones.*.search: report or on).',
    Counter.searchWaste,
  ),
  counted(
    'unloop_search_shorter_total',
    'Shorter names asked first, so that one answer may end all names below (zones.*.search: on).',
    Counter.searchShorter,
  ),
  counted('unloop_cache_stale_total', 'Queries answered with expired data (RFC 8767).', Counter.cacheStale),
  counted('unloop_cache_prefetches_total', 'Entries refreshed before they expired.', Counter.cachePrefetches),
  counted(
    'unloop_cache_evictions_total',
    'Entries removed to make room, before they expired.',
    Counter.cacheEvictions,
  ),
  gauged('unloop_cache_entries', 'Entries in the cache now, over all workers.', Counter.cacheEntries),
  gauged('unloop_cache_bytes', 'Bytes the cache holds now, over all workers.', Counter.cacheBytes),
  labeled(
    'counter',
    'unloop_upstream_requests_total',
    ['upstream'],
    'Queries sent to an upstream, retries and prefetches included.',
    (source) =>
      source.upstreams.map(({ slot, address }) => ({
        labels: { upstream: address },
        value: source.totals.upstreamRequests(slot),
      })),
  ),
  labeled(
    'counter',
    'unloop_upstream_failures_total',
    ['upstream', 'reason'],
    'Queries to an upstream that brought no usable answer, by reason.',
    (source) =>
      source.upstreams.flatMap(({ slot, address }) =>
        source.failureReasons.map((reason, index) => ({
          labels: { upstream: address, reason },
          value: source.totals.upstreamFailures(slot, index),
        })),
      ),
  ),
  {
    type: 'histogram',
    name: 'unloop_upstream_duration_seconds',
    labels: ['upstream'],
    help: 'Time from sending a query to an upstream to its matching reply.',
    bounds: DURATION_BUCKETS_SECONDS,
    collect: (source) =>
      source.upstreams.map(({ slot, address }) => ({
        labels: { upstream: address },
        buckets: source.totals.upstreamDurationBuckets(slot),
        sum: source.totals.upstreamDurationSumSeconds(slot),
      })),
  },
  labeled(
    'gauge',
    'unloop_upstream_state',
    ['upstream', 'state'],
    '1 for the state an upstream is in (up, down, quarantined), 0 for the others.',
    (source) => states(source.upstreams),
  ),
  labeled(
    'gauge',
    'unloop_upstream_rtt_seconds',
    ['upstream'],
    'Smoothed round-trip time of an upstream; absent until measured.',
    (source) => rtts(source.upstreams),
  ),
  labeled(
    'gauge',
    'unloop_upstream_learned',
    ['upstream', 'what'],
    '1 while a server is asked without something that it does not handle, for all names: case, options, edns.',
    lessons,
  ),
  labeled(
    'counter',
    'unloop_upstream_fallbacks_total',
    ['what'],
    'Questions asked again in lower case (case), without our option (options) or without EDNS (edns).',
    ({ totals, markNames }) =>
      markNames.map((what, bit) => ({
        labels: { what },
        value: totals.counter((Counter.fallbacksCase + bit) as Counter),
      })),
  ),
  labeled(
    'counter',
    'unloop_hedges_total',
    ['event'],
    'Questions also put to a second upstream because the first was slow: sent; won: its answer was the first good one; withheld: over the budget of 5 %. An overtaken message that is never answered is no failure of its upstream; health checks find a dead one.',
    ({ totals }) =>
      HEDGE_EVENTS.map((event, i) => ({
        labels: { event },
        value: totals.counter((Counter.hedgesSent + i) as Counter),
      })),
  ),
  labeled(
    'counter',
    'unloop_upstream_mismatches_total',
    ['kind'],
    'Replies that fit no query in flight (unmatched) or came back in another letter case (case): late, or forged.',
    ({ totals }) => [
      { labels: { kind: 'unmatched' }, value: totals.counter(Counter.upstreamMismatches) },
      { labels: { kind: 'case' }, value: totals.counter(Counter.upstreamCaseMismatches) },
    ],
  ),
  labeled(
    'counter',
    'unloop_upstream_datagrams_lost_total',
    ['reason'],
    'Datagrams that this host lost: to upstreams, not taken by the kernel (send_failed), and from them, no room in the receive buffer (kernel).',
    ({ totals }) => [
      { labels: { reason: 'send_failed' }, value: totals.counter(Counter.upstreamSendFailures) },
      { labels: { reason: 'kernel' }, value: totals.counter(Counter.upstreamKernelDrops) },
    ],
  ),
  counted(
    'unloop_rebind_blocked_total',
    'Answers withheld because they led a name from outside to a private address (limits.rebindProtection).',
    Counter.rebindBlocked,
  ),
  single(
    'gauge',
    'unloop_rewritten_upstreams',
    'Loopback stubs replaced by the servers behind them.',
    (source) => source.rewrittenUpstreams,
  ),
  labeled(
    'counter',
    'unloop_loop_detected_total',
    ['upstream', 'zone', 'evidence'],
    'Own queries that came back, by the upstream and zone they had left through and by what proved it.',
    (source) =>
      source.routes.flatMap(({ slot, upstream, zone }) =>
        source.evidenceNames.map((evidence, index) => ({
          labels: { upstream, zone, evidence },
          value: source.totals.loopsDetected(slot, index),
        })),
      ),
  ),
  labeled(
    'gauge',
    'unloop_loop_quarantined',
    ['upstream', 'zone'],
    '1 while an upstream is out of use for a zone because of a loop.',
    (source) =>
      source.routes.map(({ upstream, zone, quarantined }) => ({
        labels: { upstream, zone },
        value: quarantined ? 1 : 0,
      })),
  ),
  labeled(
    'gauge',
    'unloop_zone_upstreams_usable',
    ['zone'],
    'Upstreams that the queries of a zone may go to now: neither down nor looping.',
    ({ zones, routes }) =>
      zones.map((zone) => ({
        labels: { zone },
        value: routes.filter((route) => route.zone === zone && route.usable).length,
      })),
  ),
  counted('unloop_loop_shed_total', 'Returned queries answered at once with SERVFAIL.', Counter.loopShed),
  counted('unloop_loop_probes_total', 'Probes sent to find out whether a path loops.', Counter.loopProbes),
  counted(
    'unloop_loop_suspicions_total',
    'Sightings that looked like a loop without proving one; each asks for a probe.',
    Counter.loopSuspicions,
  ),
  labeled(
    'counter',
    'unloop_reloads_total',
    ['result'],
    'Configuration reloads, by result (ok, failed).',
    (source) => {
      const { ok, failed } = source.reloads;
      return [
        { labels: { result: 'ok' }, value: ok },
        { labels: { result: 'failed' }, value: failed },
      ];
    },
  ),
  single(
    'gauge',
    'unloop_config_last_reload_successful',
    '1 while the configuration that was read last is in force, 0 after one that could not be used.',
    ({ reloads }) => (reloads.isLastOk ? 1 : 0),
  ),
  single(
    'gauge',
    'unloop_config_last_reload_success_timestamp_seconds',
    'When a configuration was last put into force, at the start or by a reload: seconds since 1970.',
    ({ reloads }) => reloads.lastOkMs / 1000,
  ),
  single(
    'gauge',
    'unloop_config_fallback',
    '1 while a faulty configuration at the start has another one in force (last good, fallback, defaults).',
    (source) => (source.isOnFallback ? 1 : 0),
  ),
  single(
    'counter',
    'unloop_cache_restored_entries_total',
    'Answers of a former process that were taken from the file that keeps the cache (cache.file).',
    ({ keptCache }) => keptCache.restored,
  ),
  labeled(
    'counter',
    'unloop_cache_file_total',
    ['event'],
    'The file that keeps the cache: refused: damaged, foreign, or open to others; saved; failed: not written.',
    ({ keptCache: { refused, saved, failed } }) => [
      { labels: { event: 'refused' }, value: refused },
      { labels: { event: 'saved' }, value: saved },
      { labels: { event: 'failed' }, value: failed },
    ],
  ),
  labeled(
    'counter',
    'unloop_top_evictions_total',
    ['table'],
    'Names and clients that lost their count in `/top` to others, as its room is limited.',
    ({ totals }) => [
      { labels: { table: 'names' }, value: totals.counter(Counter.topNamesEvicted) },
      { labels: { table: 'clients' }, value: totals.counter(Counter.topClientsEvicted) },
      { labels: { table: 'nxdomain_clients' }, value: totals.counter(Counter.topNxdomainClientsEvicted) },
      { labels: { table: 'failing_names' }, value: totals.counter(Counter.topFailingNamesEvicted) },
    ],
  ),
  counted(
    'unloop_query_log_dropped_total',
    'Lines of the query log that were not written: more than 1000 a second, or a reader that is slow.',
    Counter.queryLogDropped,
  ),
  counted(
    'unloop_dnstap_sent_total',
    'Events that the socket of the reader of dnstap took.',
    Counter.dnstapSent,
  ),
  counted(
    'unloop_dnstap_dropped_total',
    'Events of dnstap that were dropped: there is no reader, or it is slow.',
    Counter.dnstapDropped,
  ),
  gauged('unloop_dnstap_connections', 'Workers that have a reader of dnstap now.', Counter.dnstapConnected),
  ofPods('gauge', 'unloop_pods_known', 'Pods whose names are known (kubernetes.pods).', ({ known }) => known),
  ofPods(
    'counter',
    'unloop_pod_watch_failures_total',
    'Times that the pods could not be read, or the connection to the API server was lost.',
    ({ failures }) => failures,
  ),
  ofPods(
    'gauge',
    'unloop_pod_watch_last_success_timestamp_seconds',
    'When the API server last said something about pods: seconds since 1970; 0: never.',
    ({ lastOkMs }) => lastOkMs / 1000,
  ),
  single('gauge', 'unloop_workers', 'Worker threads running.', (source) => source.workers),
  single(
    'gauge',
    'unloop_workers_dealt_by_name',
    'Worker threads among which the kernel deals queries by name; 0: each worker caches for itself.',
    (source) => source.workersDealtByName,
  ),
  labeled(
    'counter',
    'unloop_worker_queries_total',
    ['worker'],
    'Queries received, by worker (from 0).',
    (source) => source.workerQueries.map((value, worker) => ({ labels: { worker: String(worker) }, value })),
  ),
  single(
    'counter',
    'unloop_worker_restarts_total',
    'Worker threads replaced after they died.',
    (source) => source.workerRestarts,
  ),
  labeled(
    'gauge',
    'unloop_build_info',
    ['version', 'node', 'socket'],
    'Always 1: the versions of unloop and Node, and which datagram socket is in use.',
    ({ build }) => [{ labels: { version: build.version, node: build.node, socket: build.socket }, value: 1 }],
  ),
];
