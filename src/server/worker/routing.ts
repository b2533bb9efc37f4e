// A worker's upstreams and zones, built from what the main thread says. When that changes,
// upstreams that stay keep their sockets and connections, and those that go finish what they have
// in flight.
import type { Clock } from '../../base/clock.ts';
import type { RandomPool } from '../../base/random.ts';
import type { Counters } from '../../metrics/counters.ts';
import { Zone, ZoneTable } from '../../pipeline/zone.ts';
import { Selection } from '../../upstream/selection.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { Upstream, type UpstreamOptions } from '../../upstream/upstream.ts';
import { textToName } from '../../wire/text.ts';
import type { RoutingSpec, ZoneSpec } from './routing-spec.ts';

export interface RoutingOptions {
  readonly random: RandomPool;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly state: SharedUpstreamState;
  /** Told why connections toward upstreams, or queries over them, failed. */
  readonly onFault: NonNullable<UpstreamOptions['onFault']>;
}

export class Routing {
  readonly #options: RoutingOptions;
  readonly #upstreams = new Map<number, Upstream>();
  #zones: readonly Zone[] = [];

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /**
   * Builds the zones of a new routing; the caller puts the table to use. Never rejects for a server
   * that is out of reach.
   */
  async apply(spec: RoutingSpec): Promise<ZoneTable> {
    const leaving: Upstream[] = [];
    const wanted = new Set(spec.upstreams.map((upstream) => upstream.slot));
    for (const [slot, upstream] of this.#upstreams) {
      if (wanted.has(slot)) continue;
      this.#upstreams.delete(slot);
      leaving.push(upstream);
    }
    for (const upstreamSpec of spec.upstreams) {
      const existing = this.#upstreams.get(upstreamSpec.slot);
      if (existing?.spec.key === upstreamSpec.key && existing.text === upstreamSpec.text) continue;
      if (existing !== undefined) leaving.push(existing);
      this.#upstreams.set(upstreamSpec.slot, await Upstream.open(upstreamSpec, this.#options));
    }
    this.#zones = spec.zones.map((zone) => this.#buildZone(zone));
    // Not awaited: their last replies may take seconds, and queries go the new way at once.
    for (const upstream of leaving) void upstream.close(false);
    return new ZoneTable(this.#zones);
  }

  #buildZone(spec: ZoneSpec): Zone {
    const { random, state } = this.#options;
    const upstreamSlots = spec.routes.map((route) => route.upstreamSlot);
    const routeSlots = spec.routes.map((route) => route.routeSlot);
    const previous = this.#zones.find((zone) => zone.suffix === spec.suffix);
    return new Zone({
      suffix: spec.suffix,
      wireSuffix: textToName(spec.suffix),
      partition: spec.partition,
      upstreams: upstreamSlots.map((slot) => this.#upstreams.get(slot)!),
      routeSlots,
      selection: new Selection(spec.policy, upstreamSlots, routeSlots, state, random),
      isRanked: spec.policy === 'sequential',
      race: spec.race,
      next: spec.next,
      nxdomainCut: spec.nxdomainCut,
      search: spec.search,
      load: previous?.load,
    });
  }

  /** Brings the thread's counters up to date with what the upstreams' sockets counted. */
  publishCounters(): void {
    for (const upstream of this.#upstreams.values()) upstream.publishCounters();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.close(true)));
  }
}
