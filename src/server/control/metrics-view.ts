// The numbers behind /metrics, read from the running server. Main thread, per scrape.

import { formatHostAndPort } from '../../base/host-and-port.ts';
import { readVersion } from '../../base/version.ts';
import { nativeStatus } from '../../io/open-socket.ts';
import { EVIDENCE_NAMES } from '../../loop/evidence.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type {
  MetricsRoute,
  MetricsSource,
  MetricsUpstream,
  UpstreamStateName,
} from '../../metrics/metrics-source.ts';
import { FAILURE_REASON_NAMES } from '../../upstream/exchange.ts';
import { MARK_NAMES } from '../../upstream/marks.ts';
import type { ServerFacts } from './server-facts.ts';
import type { RegisteredUpstream } from './upstream-registry.ts';

export class MetricsView implements MetricsSource {
  readonly build = {
    version: readVersion(),
    node: process.versions.node,
    socket: nativeStatus().available ? 'batch' : 'node',
  };
  readonly failureReasons = FAILURE_REASON_NAMES;
  readonly evidenceNames = EVIDENCE_NAMES;
  readonly markNames = MARK_NAMES;
  readonly totals: CounterTotals;
  readonly #plane: ServerFacts;

  constructor(plane: ServerFacts) {
    this.#plane = plane;
    this.totals = plane.totals;
  }

  listen(): string[] {
    return this.#plane.listen.map((address) => formatHostAndPort(address.host, address.port));
  }

  upstreams(): MetricsUpstream[] {
    return this.#plane.registry.upstreams.map((upstream) => ({
      slot: upstream.spec.slot,
      text: upstream.spec.text,
      state: this.stateOf(upstream),
      rttMs: this.#plane.state.rttMs(upstream.spec.slot),
      learned: this.#plane.lessons.lessons(upstream.spec).map(({ what }) => what),
    }));
  }

  /** Quarantined when it loops for any zone. */
  stateOf({ spec }: RegisteredUpstream): UpstreamStateName {
    const { state, registry } = this.#plane;
    const loops = registry.routes.some(
      (route) => route.upstream.spec.slot === spec.slot && state.isQuarantined(route.slot),
    );
    if (loops) return 'quarantined';
    return state.isUp(spec.slot) ? 'up' : 'down';
  }

  routes(): MetricsRoute[] {
    return this.#plane.registry.routes.map((route) => ({
      slot: route.slot,
      upstream: route.upstream.spec.text,
      zone: route.zone,
      quarantined: this.#plane.state.isQuarantined(route.slot),
    }));
  }

  workers(): number {
    return this.#plane.supervisor.running;
  }

  workersDealtByName(): number {
    return this.#plane.supervisor.dealtByName;
  }

  workerQueries(): number[] {
    return this.#plane.supervisor.queriesByWorker();
  }

  workerRestarts(): number {
    return this.#plane.supervisor.restarts;
  }

  reloads(): { readonly ok: number; readonly failed: number } {
    return this.#plane.reloads;
  }

  rewrittenUpstreams(): number {
    const replaced = this.#plane.registry.upstreams
      .map((upstream) => upstream.origin.replaces)
      .filter((replaces) => replaces !== null);
    return new Set(replaced).size;
  }
}
