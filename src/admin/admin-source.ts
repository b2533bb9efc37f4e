// What the admin listener asks the running server for. The server (main thread) implements it.
// Every method is called per request. All only read, but for flushCache() and explain(), which may
// ask upstreams.
import type { CachedEntry } from '../cache/cache-listing.ts';
import type { Config } from '../config/config.ts';
import type { CounterTotals } from '../metrics/counters.ts';
import type { MetricsText } from '../metrics/exposition.ts';
import type { MetricsSnapshot, MetricsUpstream } from '../metrics/metrics-snapshot.ts';
import type { Explanation } from '../pipeline/explain.ts';
import type { KeptQuery } from '../pipeline/kept-queries.ts';

/** The reason while a stop is under way. */
export const DRAINING = 'draining';

/**
 * Whether queries should be sent here: not before there is something to answer with, and not while
 * draining.
 */
export interface Readiness {
  readonly ready: boolean;
  /** One clause, empty when ready: DRAINING, `no upstream is known`. */
  readonly reason: string;
}

/** A mark of queries that a server was found not to handle. */
export interface LearnedOfUpstream {
  readonly what: 'case' | 'options' | 'edns';
  /** ISO 8601, wall clock. */
  readonly since: string;
  /** When it is tried again. */
  readonly until: string;
}

/** One upstream, as `GET /upstreams` shows it. */
export interface UpstreamStatus extends MetricsUpstream {
  readonly transport: string;
  /** The zones it serves; `.` for everything else. */
  readonly zones: readonly string[];
  /**
   * `unasked`: it was not asked yet; `unheard`: it was asked and has answered nothing yet;
   * `answers`; `degraded`: its latest answers are errors, all of them.
   */
  readonly condition: 'unasked' | 'unheard' | 'answers' | 'degraded';
  /**
   * Why a query, a connection or a check failed last, with the remedy; '' if none has since it last
   * answered.
   */
  readonly lastError: string;
  /** The file it was found in, or `configuration`. */
  readonly source: string;
  /** The loopback stub that it replaces; null for none. */
  readonly replaces: string | null;
  /**
   * What it is asked without, for all names, since and until when: it does not handle upper case,
   * options or EDNS.
   */
  readonly learned: readonly LearnedOfUpstream[];
  /** Since when it is in this state, at most a second late. ISO 8601, wall clock. */
  readonly since: string;
  /** Sent to it, retries and prefetches included. */
  readonly queries: number;
  /** Those that brought no usable answer, by reason; without the reasons that never occurred. */
  readonly failures: Readonly<Record<string, number>>;
  /** When it is next tried for a zone that it loops in; null: for none, or it is being tried. */
  readonly quarantinedUntil: string | null;
}

/** A loop through one upstream for one zone, as `GET /loops` shows it. */
export interface LoopEpisodeStatus {
  readonly upstream: string;
  readonly zone: string;
  readonly evidence: string;
  readonly state: 'open' | 'closed';
  /** Own queries seen coming back. */
  readonly count: number;
  /** ISO 8601, wall clock. */
  readonly first: string;
  readonly last: string;
  /** The hops of the loop as far as they are known, from here and back to here. */
  readonly path: readonly string[];
  /** What the operator does to end it for good. */
  readonly cure: string;
}

/** A client that was REFUSED for its network. */
export interface RefusedClient {
  readonly client: string;
  /** ISO 8601, wall clock. */
  readonly at: string;
}

/** Which cache entries to forget. Both null: all of them. */
export interface FlushScope {
  /** A name and everything below it: lower case, no trailing dot, `.` for the root. */
  readonly name: string | null;
  /** Only the cache of this forwarding zone, written the same way. */
  readonly zone: string | null;
}

/** Which cache entries to show. */
export interface EntriesScope extends FlushScope {
  /** Exactly this name. Null: every name. */
  readonly name: string | null;
  /** `AAAA`, `TYPE65`. Null: every type. */
  readonly type: string | null;
  readonly limit: number;
}

export type { Explanation } from '../pipeline/explain.ts';
export type { KeptQuery } from '../pipeline/kept-queries.ts';

/** Which query to explain. */
export interface ExplainScope {
  readonly name: string;
  /** `AAAA`, `TYPE65`. */
  readonly type: string;
  /** The address of the client that asks. */
  readonly client: string;
  /** Asks no upstream. */
  readonly dryRun: boolean;
}

export interface CacheEntries {
  /** By name and type. */
  readonly entries: readonly CachedEntry[];
  /** There are more than the limit. */
  readonly more: boolean;
}

/** Who asks most, for what, and what fails most: `GET /top`. The most frequent first. */
export interface TopLists {
  /** Counted since then: the last five to ten minutes. ISO 8601, wall clock. */
  readonly since: string;
  readonly names: readonly { readonly name: string; readonly queries: number }[];
  readonly clients: readonly ClientCount[];
  /** Those that get NXDOMAIN. */
  readonly nxdomainClients: readonly ClientCount[];
  /** Those that ask for what only a search list makes, and below which domains (zones.*.search). */
  readonly searchClients: readonly ClientCount[];
  readonly searchDomains: readonly { readonly domain: string; readonly queries: number }[];
  /** Names on which an upstream failed. */
  readonly failingNames: readonly {
    readonly name: string;
    readonly upstream: string;
    readonly failures: number;
  }[];
}

export interface ClientCount {
  readonly client: string;
  /** `namespace/pod`, where pods are watched and one has this address. */
  readonly pod?: string;
  readonly queries: number;
}

/**
 * All that there is to see of the running server, at one moment: what the pages, the metrics and
 * the statistics in the log show. Read only.
 */
export interface ServerSnapshot extends MetricsSnapshot {
  /** Wall clock, ms since 1970. */
  readonly startedAtMs: number;
  readonly readiness: Readiness;
  readonly upstreams: readonly UpstreamStatus[];
  readonly loops: readonly LoopEpisodeStatus[];
  /** The last client outside the networks that are served; null for none. */
  readonly refusedClient: RefusedClient | null;
  readonly config: Config;
}

export interface AdminSource {
  readonly totals: CounterTotals;
  snapshot(): ServerSnapshot;
  metrics(): Promise<MetricsText>;
  /**
   * Forgets entries in every worker; resolves to how many. Throws UNLOOP_USAGE for a zone that is
   * not configured.
   */
  flushCache(scope: FlushScope): Promise<number>;
  /**
   * What happens to one query, in the worker that owns its name; null: as many are explained as may
   * be. Throws UNLOOP_USAGE for a name, type or client that is none.
   */
  explain(question: ExplainScope): Promise<Explanation | null>;
  /** What the caches of all workers hold. Throws UNLOOP_USAGE for a zone, name or type unknown. */
  listCache(scope: EntriesScope): Promise<CacheEntries>;
  /** At most `limit` of each. */
  top(limit: number): Promise<TopLists>;
  /** At most `limit`, the slowest first. */
  slowQueries(limit: number): Promise<readonly KeptQuery[]>;
  /** At most `limit`, the latest first. */
  failedQueries(limit: number): Promise<readonly KeptQuery[]>;
}
