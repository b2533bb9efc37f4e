// `GET /status`: how the server is, in one JSON object. `unloop status` prints it. Exactly the
// public fields, whatever else the server's objects carry.
import { Counter, Drop } from '../metrics/counters.ts';
import type { LoopEpisodeStatus, RefusedClient, ServerSnapshot, UpstreamStatus } from './admin-source.ts';
import type { RateHistory } from './rate-history.ts';
import { judge, type Verdict } from './verdict.ts';

export type PublicUpstream = Omit<UpstreamStatus, 'slot'>;

export interface StatusReport {
  readonly verdict: Verdict;
  readonly ready: boolean;
  readonly version: string;
  readonly listen: readonly string[];
  /** ISO 8601, wall clock. */
  readonly startedAt: string;
  readonly now: string;
  readonly clients: {
    /** Since the start. */
    readonly queries: number;
    readonly inFlight: number;
    /** In the last minute. */
    readonly queriesPerSecond: number;
    /** Of all responses in the last minute; null when there was none. */
    readonly servfailRatio: number | null;
    /** Queries of clients that are not served (limits.allow, limits.deny), since the start. */
    readonly refused: number;
    /** The last one outside the networks that are served; null for none. */
    readonly lastRefused: RefusedClient | null;
  };
  readonly upstreams: readonly PublicUpstream[];
  /** Loopback stubs, and the servers behind them that are asked instead. */
  readonly rewrites: readonly { readonly from: string; readonly to: string; readonly source: string }[];
  readonly loops: readonly LoopEpisodeStatus[];
  readonly cache: {
    readonly entries: number;
    readonly bytes: number;
    readonly hits: number;
    readonly misses: number;
    readonly stale: number;
    readonly evictions: number;
  };
  readonly workers: {
    readonly running: number;
    /** Those among which the kernel deals queries by name; 0: each caches for itself. */
    readonly dealtByName: number;
    readonly restarts: number;
    /** Queries received, by worker. */
    readonly queries: readonly number[];
  };
  readonly reload: {
    readonly ok: number;
    readonly failed: number;
    /** The configuration that was read last is in force. */
    readonly isLastOk: boolean;
    readonly lastOk: string;
  };
}

/** As of now. `nowMs` is on the clock of the history, `wallMs` since 1970. */
export function reportStatus(
  snapshot: ServerSnapshot,
  history: RateHistory,
  nowMs: number,
  wallMs: number,
): StatusReport {
  const { totals, readiness, upstreams, loops, reloads } = snapshot;
  const { queriesPerSecond, servfailRatio } = history.rates(nowMs);
  const count = (counter: Counter) => totals.counter(counter);
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    verdict: judge(readiness, upstreams, loops),
    ready: readiness.ready,
    version: snapshot.build.version,
    listen: snapshot.listen,
    startedAt: iso(snapshot.startedAtMs),
    now: iso(wallMs),
    clients: {
      queries: count(Counter.queriesUdp) + count(Counter.queriesTcp),
      inFlight: count(Counter.inFlight),
      queriesPerSecond,
      servfailRatio,
      refused: totals.dropped(Drop.not_allowed),
      lastRefused: snapshot.refusedClient,
    },
    upstreams: upstreams.map(upstreamJson),
    rewrites: upstreams.flatMap(({ address, replaces, source }) =>
      replaces === null ? [] : [{ from: replaces, to: address, source }],
    ),
    loops: loops.map(episodeJson),
    cache: {
      entries: count(Counter.cacheEntries),
      bytes: count(Counter.cacheBytes),
      hits: count(Counter.cacheHits),
      misses: count(Counter.cacheMisses),
      stale: count(Counter.cacheStale),
      evictions: count(Counter.cacheEvictions),
    },
    workers: {
      running: snapshot.workers,
      dealtByName: snapshot.workersDealtByName,
      restarts: snapshot.workerRestarts,
      queries: snapshot.workerQueries,
    },
    reload: {
      ok: reloads.ok,
      failed: reloads.failed,
      isLastOk: reloads.isLastOk,
      lastOk: iso(reloads.lastOkMs),
    },
  };
}

export function upstreamJson(upstream: UpstreamStatus): PublicUpstream {
  const { address, transport, zones, state, source, replaces, rttMs } = upstream;
  const { learned, condition, lastError, since, queries, failures, quarantinedUntil } = upstream;
  return {
    address,
    transport,
    zones,
    state,
    source,
    replaces,
    rttMs,
    learned,
    condition,
    lastError,
    since,
    queries,
    failures,
    quarantinedUntil,
  };
}

export function episodeJson(episode: LoopEpisodeStatus): LoopEpisodeStatus {
  const { upstream, zone, evidence, state, count, first, last, path, cure } = episode;
  return { upstream, zone, evidence, state, count, first, last, path, cure };
}
