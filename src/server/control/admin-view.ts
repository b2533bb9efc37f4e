// What the admin listener shows of the running server, and the one action that it offers. Main
// thread, per request.
import type {
  AdminSource,
  FlushScope,
  LoopEpisodeStatus,
  Readiness,
  UpstreamStatus,
} from '../../admin/admin-source.ts';
import { UnloopError } from '../../base/errors.ts';
import type { Config } from '../../config/config.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { Exposition, MetricsText } from '../../metrics/exposition.ts';
import type { BuildInfo } from '../../metrics/metrics-source.ts';
import { textToName } from '../../wire/text.ts';
import { MetricsView } from './metrics-view.ts';
import type { ServerFacts } from './server-facts.ts';

export class AdminView implements AdminSource {
  readonly build: BuildInfo;
  readonly totals: CounterTotals;
  readonly startedAtMs: number;
  readonly #plane: ServerFacts;
  readonly #numbers: MetricsView;
  readonly #coredns: boolean;
  /**
   * Allocated for the first scrape: it takes 3 MiB, which a process without scrapes does not need.
   */
  #exposition: Promise<Exposition> | null = null;

  /**
   * @param coredns publish CoreDNS's metric names as well: of the configuration that is about to be
   * in force
   */
  constructor(plane: ServerFacts, coredns: boolean) {
    this.#plane = plane;
    this.#numbers = new MetricsView(plane);
    this.#coredns = coredns;
    this.build = this.#numbers.build;
    this.totals = plane.totals;
    this.startedAtMs = plane.startedAtMs;
  }

  listen(): readonly string[] {
    return this.#numbers.listen();
  }

  workers(): number {
    return this.#numbers.workers();
  }

  readiness(): Readiness {
    if (this.#plane.draining) return { ready: false, reason: 'draining' };
    if (this.workers() === 0) return { ready: false, reason: 'no worker is running' };
    const { registry, state } = this.#plane;
    if (registry.upstreams.length === 0) return { ready: false, reason: 'no upstream is known' };
    // One that loops for one zone may work for another. One that is down and has answered before is
    // tried all the same: an outage that all replicas see must not leave their clients without the
    // answers that they keep.
    const mayWork = registry.routes.some(({ slot, upstream }) => {
      const upstreamSlot = upstream.spec.slot;
      if (state.isQuarantined(slot)) return false;
      return state.isUp(upstreamSlot) || state.answers(upstreamSlot) !== 0;
    });
    if (mayWork) return { ready: true, reason: '' };
    const states = this.#numbers.upstreams().map((upstream) => upstream.state);
    return { ready: false, reason: `every upstream is ${[...new Set(states)].join(' or ')}` };
  }

  upstreams(): readonly UpstreamStatus[] {
    const { registry, state, conduct, health, lessons } = this.#plane;
    return registry.upstreams.map((upstream) => {
      const { spec, origin } = upstream;
      const rttMs = state.rttMs(spec.slot);
      return {
        address: spec.text,
        transport: spec.endpoint.transport,
        zones: registry.routes.filter((route) => route.upstream === upstream).map((route) => route.zone),
        state: this.#numbers.stateOf(upstream),
        condition: conduct.conditionOf(spec.slot),
        lastError: health.reasonOf(spec.slot),
        source: origin.source,
        replaces: origin.replaces,
        rttMs: rttMs === 0 ? null : Math.round(rttMs * 1000) / 1000,
        learned: lessons.lessons(spec),
      };
    });
  }

  loops(): readonly LoopEpisodeStatus[] {
    return this.#plane.loop.list();
  }

  config(): Config {
    return this.#plane.config;
  }

  async metrics(): Promise<MetricsText> {
    this.#exposition ??= import('../../metrics/exposition.ts').then(({ createExposition }) =>
      createExposition(this.#numbers, { coredns: this.#coredns }),
    );
    return (await this.#exposition)();
  }

  async flushCache(scope: FlushScope): Promise<number> {
    const zones = this.#plane.registry.routing.zones.map((zone) => zone.suffix);
    if (scope.zone !== null && !zones.includes(scope.zone)) {
      throw new UnloopError(
        'UNLOOP_USAGE',
        `there is no zone ${scope.zone}`,
        `Name one of those that are configured: ${zones.join(', ')}.`,
      );
    }
    const name = scope.name ?? '';
    if (scope.name !== null && !isName(scope.name))
      throw new UnloopError('UNLOOP_USAGE', `${name} is no name`, 'Write it as dig shows it.');
    const counts = await this.#plane.supervisor.broadcast({ type: 'flush', name, zone: scope.zone ?? '' });
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/**
 * Whether workers can read it: escapes (as \032) may be wrong even where the rest looks like a
 * name.
 */
function isName(text: string): boolean {
  try {
    textToName(text);
    return true;
  } catch {
    return false;
  }
}
