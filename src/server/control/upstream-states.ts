// Which state each upstream is in, and since when. Looked at once a second and whenever somebody
// asks, so a time is at most a second late. Main thread; the control plane owns it.
import type { UpstreamStateName } from '../../metrics/metrics-snapshot.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { RegisteredUpstream, UpstreamRegistry } from './upstream-registry.ts';

export interface StateSince {
  readonly state: UpstreamStateName;
  /** Wall clock, ms since 1970. */
  readonly sinceMs: number;
}

export class UpstreamStates {
  readonly #registry: UpstreamRegistry;
  readonly #state: SharedUpstreamState;
  /** By the upstream's key. */
  readonly #known = new Map<string, StateSince>();

  constructor(registry: UpstreamRegistry, state: SharedUpstreamState) {
    this.#registry = registry;
    this.#state = state;
  }

  /** Notes the changes since the last look, and forgets upstreams that are gone. */
  look(): void {
    const keys = new Set<string>();
    for (const upstream of this.#registry.upstreams) {
      keys.add(upstream.spec.key);
      this.of(upstream);
    }
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  of(upstream: RegisteredUpstream): StateSince {
    const { key } = upstream.spec;
    const state = this.#stateOf(upstream);
    const known = this.#known.get(key);
    if (known?.state === state) return known;
    const changed = { state, sinceMs: Date.now() };
    this.#known.set(key, changed);
    return changed;
  }

  /** Quarantined when it loops for any zone. */
  #stateOf(upstream: RegisteredUpstream): UpstreamStateName {
    const loops = this.#registry.routes.some(
      (route) => route.upstream === upstream && this.#state.isQuarantined(route.slot),
    );
    if (loops) return 'quarantined';
    return this.#state.isUp(upstream.spec.slot) ? 'up' : 'down';
  }
}
