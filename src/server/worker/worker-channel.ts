// What the main thread and a worker say to each other. Everything else they share lies in shared
// memory.
import type { CachedEntry } from '../../cache/cache-listing.ts';
import type { Config } from '../../config/config.ts';
import type { LoopKeyMaterial } from '../../loop/keys.ts';
import type { LoopSighting } from '../../loop/sightings.ts';
import type { ExplainQuestion, Explanation } from '../../pipeline/explain.ts';
import type { KeptReport } from '../../pipeline/kept-queries.ts';
import type { WantedEntries } from '../../pipeline/pipeline.ts';
import type { TopReport } from '../../top/top-counts.ts';
import type { FailureReason } from '../../upstream/exchange.ts';
import type { RoutingSpec } from './routing-spec.ts';

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  /** Descriptors inherited from the service manager; −1 or absent: the address is bound. */
  readonly udpFd?: number;
  readonly tcpFd?: number;
  /**
   * It must not be anybody else's: workers share their ports, so a second unloop would silently
   * take half of the queries.
   */
  readonly claim?: boolean;
}

/** Given to a worker at its birth. */
export interface WorkerStart {
  /** Workers in all: limits are divided among them. */
  readonly workers: number;
  readonly config: Config;
  readonly routing: RoutingSpec;
  /** metrics/counters.ts; outlives the worker: its successor continues to count there. */
  readonly counterBlock: SharedArrayBuffer;
  /** heartbeat.ts: this worker's own. */
  readonly heartbeat: SharedArrayBuffer;
  /** upstream/shared-state.ts, one for all. */
  readonly upstreamState: SharedArrayBuffer;
  /** loop/sent-questions.ts, one for all. */
  readonly sentQuestions: SharedArrayBuffer;
  /** pipeline/client-rates.ts, one for all. */
  readonly clientRates: SharedArrayBuffer;
  readonly loopKeys: LoopKeyMaterial;
  /**
   * Where to listen. Port 0 and `claim` only for the first worker, which tells the others in
   * `ready` what it has.
   */
  readonly listen: readonly BoundAddress[];
  readonly reusePort: boolean;
  /** By which the kernel deals queries to the workers (io/deal-by-name.ts); null: it does not. */
  readonly deal: Uint8Array | null;
}

/** Main thread → worker; each is answered by `done` with its id. */
export type ToWorker =
  | { readonly type: 'routing'; readonly id: number; readonly routing: RoutingSpec }
  | { readonly type: 'config'; readonly id: number; readonly config: Config }
  | { readonly type: 'flush'; readonly id: number; readonly name: string; readonly zone: string }
  /** What is in the cache; answered with entries. */
  | { readonly type: 'list-cache'; readonly id: number; readonly wanted: WantedEntries }
  /** Who asks most, and for what; answered with a report. */
  | { readonly type: 'top'; readonly id: number }
  /** The slowest and the last failed queries; answered with a report. */
  | { readonly type: 'kept-queries'; readonly id: number }
  /** What happens to one query; answered with an explanation, when that is over. */
  | { readonly type: 'explain'; readonly id: number; readonly question: ExplainQuestion }
  | { readonly type: 'leave-route'; readonly id: number; readonly routeSlot: number }
  /** Attach the program of WorkerStart.deal again: others may have attached theirs. */
  | { readonly type: 'deal'; readonly id: number }
  /** Read the UDP sockets of a worker that does not; none: it does again, or has a successor. */
  | {
      readonly type: 'read-also';
      readonly id: number;
      readonly worker: number;
      readonly descriptors: readonly number[];
    }
  /** Take no new datagrams; what waits is still answered. */
  | { readonly type: 'retire'; readonly id: number }
  /** Answer: you are alive. */
  | { readonly type: 'ping'; readonly id: number }
  /** Take in answers of a former process (cache/cache-dump.ts); answered with how many. */
  | {
      readonly type: 'restore-cache';
      readonly id: number;
      readonly records: Uint8Array;
      /** Partitions then and now. */
      readonly pairs: readonly (readonly [number, number])[];
      readonly ageMs: number;
    }
  /**
   * Accept nothing new, finish queries in flight (for at most graceMs), close. Answered with the
   * cache's answers where some are to be kept.
   */
  | {
      readonly type: 'drain';
      readonly id: number;
      readonly graceMs: number;
      /** How much of the cache; 0: nothing. */
      readonly keepBytes: number;
    };

/** What may be said to a worker, before it has an id. */
export type WorkerOrder = WithoutId<ToWorker>;
type WithoutId<Message> = Message extends unknown ? Omit<Message, 'id'> : never;

/** Why a query could not be explained: a bug in unloop. */
export interface ExplainFailure {
  readonly failure: string;
}

/** A number, the entries of list-cache, records of drain, a report, or an explanation. */
export type WorkerAnswer =
  | number
  | Uint8Array
  | readonly CachedEntry[]
  | TopReport
  | KeptReport
  | Explanation
  | ExplainFailure;

/** Worker → main thread. */
export type FromWorker =
  | {
      readonly type: 'ready';
      readonly bound: readonly BoundAddress[];
      /** As Listeners'. */
      readonly undealt: string | null;
      /** Of its UDP sockets, as `bound`; −1: none of its own. */
      readonly descriptors: readonly number[];
    }
  | { readonly type: 'cannot-start'; readonly code: string; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly result: WorkerAnswer }
  | { readonly type: 'sighted'; readonly sightings: readonly LoopSighting[] }
  /** A client that is REFUSED because its network is not served. */
  | { readonly type: 'refused'; readonly client: string }
  /** Why there is no reader of dnstap; null: there is one again. Once a second at most. */
  | { readonly type: 'dnstap-reader'; readonly fault: string | null }
  /** Why a connection toward an upstream, or a query over one, failed. */
  | {
      readonly type: 'upstream-fault';
      /** endpointKey() of the upstream. */
      readonly key: string;
      readonly reason: FailureReason;
      readonly text: string;
    }
  /** A server, or the owner of `domain`, does not accept some marks (upstream/marks.ts). */
  | {
      readonly type: 'stumbled';
      readonly slot: number;
      readonly marks: number;
      readonly domain: string;
    }
  /** −1: any route. */
  | { readonly type: 'suspected'; readonly routeSlot: number; readonly isWeak: boolean };
