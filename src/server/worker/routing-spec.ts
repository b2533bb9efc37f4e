// What the main thread tells workers about zones and upstreams: plain data that crosses threads.
// upstream-registry makes it, routing builds zones from it, in the worker.
import type { NextAfter, Policy, Search } from '../../config/config.ts';
import type { UpstreamSpec } from '../../upstream/upstream.ts';

export interface RouteSpec {
  readonly upstreamSlot: number;
  readonly routeSlot: number;
}

export interface ZoneSpec {
  /** Lower case, no trailing dot; '.' for the root. */
  readonly suffix: string;
  /** Changes when the zone's servers do (pipeline/zone.ts). */
  readonly partition: number;
  readonly policy: Policy;
  /** As in the configuration; absent: off, and one upstream is asked at a time. */
  readonly race?: number | undefined;
  readonly next?: readonly NextAfter[] | undefined;
  readonly nxdomainCut?: boolean | undefined;
  readonly search?: Search | undefined;
  readonly routes: readonly RouteSpec[];
}

export interface RoutingSpec {
  readonly upstreams: readonly UpstreamSpec[];
  /** zones[0] is the root. */
  readonly zones: readonly ZoneSpec[];
}
