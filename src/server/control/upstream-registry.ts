// Gives every upstream and every route (a zone's use of an upstream) its slot in shared memory, and
// makes the routing that workers use. An upstream that stays keeps its slot, and with it its state
// and its counters. Main thread.

import { MAX_ROUTES, MAX_UPSTREAMS } from '../../base/slots.ts';
import type { CheckQuestion, Policy, Transport } from '../../config/config.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import { MAX_CANDIDATES } from '../../upstream/selection.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { UpstreamSpec } from '../../upstream/upstream.ts';
import type { RoutingSpec, ZoneSpec } from '../worker/routing-spec.ts';

/** A server to be used, from any source. */
export interface PlannedServer {
  /** As people see it: 10.0.0.2:53, tls://1.1.1.1:853#one.one.one.one. */
  readonly text: string;
  readonly transport: Transport;
  /** IP literal, zone kept. */
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly path: string;
  /** The file it was found in, or `configuration`. */
  readonly source: string;
  /** The loopback stub that it replaces. */
  readonly replaces: string | null;
}

export interface PlannedZone {
  /** Lower case, no trailing dot; '.' for the root. */
  readonly suffix: string;
  readonly policy: Policy;
  /** What its servers are asked when in doubt. */
  readonly check: CheckQuestion;
  readonly servers: readonly PlannedServer[];
}

/** A server in use. */
export interface RegisteredUpstream {
  readonly spec: UpstreamSpec;
  readonly server: PlannedServer;
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
 * Slots by name. A freed slot goes to the end of the queue: it is used again only when all others
 * have been, long after the last query that was counted under it.
 */
class SlotTable {
  readonly #slots = new Map<string, number>();
  readonly #free: number[];

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, i) => i);
  }

  /**
   * Frees the slots of all names but these, and gives new names a slot; those that find none are
   * left out.
   */
  assign(names: readonly string[], onNew: (slot: number) => void): ReadonlyMap<string, number> {
    const wanted = new Set(names);
    for (const [name, slot] of this.#slots) {
      if (wanted.has(name)) continue;
      this.#slots.delete(name);
      this.#free.push(slot);
    }
    for (const name of wanted) {
      if (this.#slots.has(name)) continue;
      const slot = this.#free.shift();
      if (slot === undefined) break;
      this.#slots.set(name, slot);
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
  /** A zone's servers as one text, and the partition that their data goes under. */
  readonly #partitions = new Map<string, { servers: string; partition: number }>();
  #lastPartition = 0;

  constructor(state: SharedUpstreamState, totals: CounterTotals) {
    this.#state = state;
    this.#totals = totals;
  }

  /** Takes over a new plan; zones[0] is the root. What exceeds the slots there are is left out. */
  update(zones: readonly PlannedZone[]): void {
    const servers = new Map(zones.flatMap((zone) => zone.servers.map((server) => [server.text, server])));
    const upstreamSlots = this.#upstreamSlots.assign([...servers.keys()], (slot) => {
      this.#state.resetUpstream(slot);
      this.#totals.restartUpstream(slot);
    });
    const registered = new Map<string, RegisteredUpstream>();
    for (const [text, server] of servers) {
      const slot = upstreamSlots.get(text);
      if (slot === undefined) continue;
      const { transport, host, port, serverName, path } = server;
      const spec = { slot, text, transport, host, port, serverName, path };
      const { check } = zones.find((zone) => zone.servers.some((other) => other.text === text))!;
      registered.set(text, { spec, server, check });
    }
    const routeNames = zones.flatMap((zone) => zone.servers.map((server) => `${zone.suffix} ${server.text}`));
    const routeSlots = this.#routeSlots.assign(routeNames, (slot) => {
      this.#state.resetRoute(slot);
      this.#totals.restartRoute(slot);
    });
    const routes: RegisteredRoute[] = [];
    const zoneSpecs = zones.map((zone): ZoneSpec => {
      const own: RegisteredRoute[] = [];
      for (const server of zone.servers) {
        const upstream = registered.get(server.text);
        const slot = routeSlots.get(`${zone.suffix} ${server.text}`);
        if (upstream === undefined || slot === undefined || own.length === MAX_CANDIDATES) continue;
        if (own.some((route) => route.slot === slot)) continue;
        own.push({ slot, upstream, zone: zone.suffix });
      }
      routes.push(...own);
      return {
        suffix: zone.suffix,
        partition: this.#partitionOf(zone),
        policy: zone.policy,
        routes: own.map((route) => ({ upstreamSlot: route.upstream.spec.slot, routeSlot: route.slot })),
      };
    });
    this.upstreams = [...registered.values()];
    this.routes = routes;
    this.routing = { upstreams: this.upstreams.map(({ spec }) => spec), zones: zoneSpecs };
  }

  /**
   * The same number while the zone's servers are the same ones (in any order): their data stays
   * good.
   */
  #partitionOf(zone: PlannedZone): number {
    const servers = zone.servers
      .map((server) => server.text)
      .sort()
      .join(' ');
    const known = this.#partitions.get(zone.suffix);
    if (known?.servers === servers) return known.partition;
    const partition = ++this.#lastPartition;
    this.#partitions.set(zone.suffix, { servers, partition });
    return partition;
  }
}
