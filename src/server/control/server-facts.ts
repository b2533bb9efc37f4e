// What the admin listener, snapshots and statistics read of the running server. The control plane
// provides it.
import type { RefusedClient } from '../../admin/admin-source.ts';
import type { Config, ListenAddress } from '../../config/config.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { ReloadCounts } from '../../metrics/metrics-snapshot.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { KeptCache } from './kept-cache.ts';
import type { LoopControl } from './loop-control.ts';
import type { PodNames } from './pod-names.ts';
import type { Supervisor } from './supervisor.ts';
import type { UpstreamRegistry } from './upstream-registry.ts';
import type { UpstreamStates } from './upstream-states.ts';
import type { UpstreamWatch } from './upstream-watch.ts';

export interface ServerFacts {
  readonly config: Config;
  /** Addresses listened on, ports settled. */
  readonly listen: readonly ListenAddress[];
  /** No longer ready: about to stop. */
  readonly draining: boolean;
  readonly reloads: ReloadCounts;
  /** Runs with another configuration than the one that was asked for. */
  readonly isOnFallback: boolean;
  /** The last client outside the networks that are served; null for none. */
  readonly refusedClient: RefusedClient | null;
  /** Wall clock, ms since 1970. */
  readonly startedAtMs: number;
  readonly totals: CounterTotals;
  readonly state: SharedUpstreamState;
  readonly registry: UpstreamRegistry;
  readonly states: UpstreamStates;
  readonly supervisor: Supervisor;
  readonly loop: LoopControl;
  readonly watch: UpstreamWatch;
  readonly pods: PodNames;
  readonly keptCache: KeptCache;
}
