// What the exposition gets of the running server, at each scrape. The main thread takes it; nothing
// here belongs to the path of a query.
import type { CounterTotals } from './counters.ts';

/** Whether an upstream is asked: quarantined when a loop through it is open in any of its zones. */
export type UpstreamStateName = 'up' | 'down' | 'quarantined';
export const UPSTREAM_STATE_NAMES: readonly UpstreamStateName[] = ['up', 'down', 'quarantined'];

/** An upstream slot in use. */
export interface MetricsUpstream {
  readonly slot: number;
  /** As people see it; the `upstream` label. Two slots of one text are shown as one. */
  readonly address: string;
  readonly state: UpstreamStateName;
  /** Smoothed round-trip time; null while nothing was measured. */
  readonly rttMs: number | null;
  /** What it is asked without (of markNames). */
  readonly learned: readonly { readonly what: string }[];
}

/** A route slot in use: a zone's use of an upstream. */
export interface MetricsRoute {
  readonly slot: number;
  readonly upstream: string;
  readonly zone: string;
  readonly quarantined: boolean;
  /** The zone's queries may go there: it does not loop, and its upstream is not down. */
  readonly usable: boolean;
}

/** What became of the configuration's reloads. */
export interface ReloadCounts {
  readonly ok: number;
  readonly failed: number;
  /** The configuration that was read last is in force; the start counts. */
  readonly isLastOk: boolean;
  /** When a configuration was last put into force: wall clock, ms since 1970. */
  readonly lastOkMs: number;
}

/** What became of the file that keeps the cache (cache.file). */
export interface KeptCacheCounts {
  /** Answers that were taken from it. */
  restored: number;
  /** Times that it was not used, as it was damaged, foreign or others might write it. */
  refused: number;
  /** Times that it was written. */
  saved: number;
  /** Times that it could not be written. */
  failed: number;
}

/** The watch of pods (kubernetes.pods). */
export interface PodCounts {
  /** Pods that are known now. */
  readonly known: number;
  /** Times that reading them failed. */
  readonly failures: number;
  /** When the API server last said something about them: wall clock, ms since 1970; 0: never. */
  readonly lastOkMs: number;
}

/** Which program this is. */
export interface BuildInfo {
  readonly version: string;
  /** Version of Node without the v. */
  readonly node: string;
  /** Which datagram socket is in use: `batch` or `node`. */
  readonly socket: string;
}

/** The numbers behind /metrics at one moment: one is taken for each scrape. */
export interface MetricsSnapshot {
  readonly totals: CounterTotals;
  readonly build: BuildInfo;
  /**
   * Names of the upstream failure reasons, by their number (FAILURE_REASON_NAMES of
   * upstream/exchange).
   */
  readonly failureReasons: readonly string[];
  /** Names of the kinds of loop evidence, by their number (EVIDENCE_NAMES of loop/evidence). */
  readonly evidenceNames: readonly string[];
  /** Names of the marks, by their bit (MARK_NAMES of upstream/marks). */
  readonly markNames: readonly string[];
  /** Listen addresses as `ADDR:PORT`; the `server` label of the CoreDNS names. */
  readonly listen: readonly string[];
  readonly upstreams: readonly MetricsUpstream[];
  readonly routes: readonly MetricsRoute[];
  /** All zones, those without an upstream too. */
  readonly zones: readonly string[];
  readonly workers: number;
  /** Workers among which the kernel deals queries by name; 0: it does not. */
  readonly workersDealtByName: number;
  /** Queries that workers of each index have received. */
  readonly workerQueries: readonly number[];
  readonly workerRestarts: number;
  readonly reloads: ReloadCounts;
  /** The process runs with another configuration than the one that was asked for. */
  readonly isOnFallback: boolean;
  readonly keptCache: Readonly<KeptCacheCounts>;
  /** Null: pods are not watched. */
  readonly pods: PodCounts | null;
  /** Loopback stubs replaced by the servers behind them, now. */
  readonly rewrittenUpstreams: number;
}
