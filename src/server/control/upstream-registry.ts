// Gives every upstream and every route (a zone's use of an upstream) its slot in shared memory, and
// makes the routing that workers use. An upstream that stays keeps its slot, and with it its state
// and its counters. Main thread.
import { endpointKey, type FoundUpstream, type Origin } from '../../base/endpoint.ts';
import { MAX_ROUTES, MAX_UPSTREAMS } from '../../base/slots.ts';
import type { CheckQuestion, NextAfter, Policy, Search } from '../../config/config.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import { MAX_CANDIDATES } from '../../upstream/selection.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { specFor, type UpstreamSpec } from '../../upstream/upstream.ts';
import type { RoutingSpec, ZoneSpec } from '../worker/routing-spec.ts';

export interface PlannedZone {
  /** Lower case, no trailing dot; '.' for the root. */
  readonly suffix: string;
  readonly policy: Policy;
  /** As in the configuration; absent: off, and one upstream is asked at a time. */
  readonly race?: number;
  readonly next?: readonly NextAfter[];
  readonly nxdomainCut?: boolean;
  readonly search?: Search;
  /** What its upstreams are asked when in doubt. */
  readonly check: CheckQuestion;
  readonly upstreams: readonly FoundUpstream[];
}

/** An upstream in use. */
export interface RegisteredUpstream {
  readonly spec: UpstreamSpec;
  readonly origin: Origin;
  /** That of the first zone that uses it. */
  readonly check: CheckQuestion;
}

/** A route in use. */
export interface RegisteredRoute {
  readonly slot: number;
  readonly upstream: RegisteredUpstream;
  readonly zone: string;
}

/**
 * Slots by key. A freed slot goes to the end of the queue: it is used again only when all others
 * have been, long after the last query that was counted under it.
 */
class SlotTable {
  readonly #slots = new Map<string, number>();
  readonly #free: number[];

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, i) => i);
  }

  /**
   * Frees the slots of all keys but these, and gives new keys a slot; those that find none are left
   * out.
   */
  assign(keys: readonly string[], onNew: (slot: number) => void): ReadonlyMap<string, number> {
    const wanted = new Set(keys);
    for (const [key, slot] of this.#slots) {
      if (wanted.has(key)) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
    }
    for (const key of wanted) {
      if (this.#slots.has(key)) continue;
      const slot = this.#free.shift();
      if (slot === undefined) break;
      this.#slots.set(key, slot);
      onNew(slot);
    }
    return this.#slots;
  }
}

export class UpstreamRegistry {
  routing: RoutingSpec = {
    upstreams: [],
    zones: [{ suffix: '.', partition: 0, policy: 'random', routes: [] }],
  };
  upstreams: readonly RegisteredUpstream[] = [];
  routes: readonly RegisteredRoute[] = [];
  readonly #state: SharedUpstreamState;
  readonly #totals: CounterTotals;
  readonly #upstreamSlots = new SlotTable(MAX_UPSTREAMS);
  readonly #routeSlots = new SlotTable(MAX_ROUTES);
  /** By zone: the keys of its upstreams, and the partition that their data goes under. */
  readonly #partitions = new Map<string, { upstreams: string; partition: number }>();
  #lastPartition = 0;

  constructor(state: SharedUpstreamState, totals: CounterTotals) {
    this.#state = state;
    this.#totals = totals;
  }

  /** Takes over a new plan; zones[0] is the root. What exceeds the slots there are is left out. */
  update(zones: readonly PlannedZone[]): void {
    const keyed = zones.map((zone) => ({
      zone,
      keys: zone.upstreams.map(({ endpoint }) => endpointKey(endpoint)),
    }));
    const slots = this.#upstreamSlots.assign(
      keyed.flatMap(({ keys }) => keys),
      (slot) => {
        this.#state.resetUpstream(slot);
        this.#totals.restartUpstream(slot);
      },
    );
    const registered = new Map<string, RegisteredUpstream>();
    for (const { zone, keys } of keyed) {
      for (const [index, key] of keys.entries()) {
        const slot = slots.get(key);
        if (slot === undefined || registered.has(key)) continue;
        const upstream = zone.upstreams[index]!;
        registered.set(key, { spec: specFor(slot, upstream), origin: upstream.origin, check: zone.check });
      }
    }
    const routeSlots = this.#routeSlots.assign(
      keyed.flatMap(({ zone, keys }) => keys.map((key) => routeKey(zone, key))),
      (slot) => {
        this.#state.resetRoute(slot);
        this.#totals.restartRoute(slot);
      },
    );
    const routes: RegisteredRoute[] = [];
    const zoneSpecs = keyed.map(({ zone, keys }): ZoneSpec => {
      const own: RegisteredRoute[] = [];
      for (const key of new Set(keys)) {
        const upstream = registered.get(key);
        const slot = routeSlots.get(routeKey(zone, key));
        if (upstream === undefined || slot === undefined || own.length === MAX_CANDIDATES) continue;
        own.push({ slot, upstream, zone: zone.suffix });
      }
      routes.push(...own);
      return {
        suffix: zone.suffix,
        partition: this.#partitionOf(zone, keys),
        policy: zone.policy,
        race: zone.race,
        next: zone.next,
        nxdomainCut: zone.nxdomainCut,
        search: zone.search,
        routes: own.map((route) => ({ upstreamSlot: route.upstream.spec.slot, routeSlot: route.slot })),
      };
    });
    this.upstreams = [...registered.values()];
    this.routes = routes;
    this.routing = { upstreams: this.upstreams.map(({ spec }) => spec), zones: zoneSpecs };
  }

  /** The partitions in use, by zone and servers: this names the same data in every process. */
  partitionNames(): Map<string, number> {
    return new Map(
      [...this.#partitions].map(([suffix, { upstreams, partition }]) => [
        `${suffix} ${upstreams}`,
        partition,
      ]),
    );
  }

  /**
   * The same number while the zone's upstreams are the same ones (in any order) and their answers
   * count alike: their data stays good.
   */
  #partitionOf({ suffix, next = [] }: PlannedZone, keys: readonly string[]): number {
    const further = next.filter((answer) => answer === 'NXDOMAIN' || answer === 'NODATA');
    const upstreams = [...keys.toSorted(), ...further.toSorted()].join(' ');
    const known = this.#partitions.get(suffix);
    if (known?.upstreams === upstreams) return known.partition;
    const partition = ++this.#lastPartition;
    this.#partitions.set(suffix, { upstreams, partition });
    return partition;
  }
}

function routeKey(zone: PlannedZone, key: string): string {
  return `${zone.suffix} ${key}`;
}
