// What the main thread finds out about the upstreams in use: whether they are alive, what they did
// lately, why they failed, which marks they do not handle. Says it in the log. The control plane
// owns it.
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { RepeatLimiter } from '../../base/repeat-limiter.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { FailureReason } from '../../upstream/exchange.ts';
import { HealthChecker, type HealthSettings } from '../../upstream/health.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { LessonControl } from './lesson-control.ts';
import type { MainUpstreams } from './main-upstreams.ts';
import { SlowUpstreams } from './slow-upstreams.ts';
import { UpstreamConduct } from './upstream-conduct.ts';
import { UpstreamFaults } from './upstream-faults.ts';
import { logConduct, logHealthChange, logPace, UpstreamLog } from './upstream-log.ts';
import type { RegisteredUpstream, UpstreamRegistry } from './upstream-registry.ts';

export interface UpstreamWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly limiter: RepeatLimiter;
  readonly state: SharedUpstreamState;
  readonly totals: CounterTotals;
  readonly registry: UpstreamRegistry;
  readonly upstreams: MainUpstreams;
  readonly settings: HealthSettings;
}

export class UpstreamWatch {
  readonly health: HealthChecker;
  readonly conduct: UpstreamConduct;
  readonly lessons: LessonControl;
  readonly #options: UpstreamWatchOptions;
  readonly #slow: SlowUpstreams;
  readonly #faults = new UpstreamFaults();
  readonly #upstreamLog: UpstreamLog;

  constructor(options: UpstreamWatchOptions) {
    const { clock, log, limiter, state, totals, upstreams, settings } = options;
    this.#options = options;
    this.conduct = new UpstreamConduct(totals);
    this.#slow = new SlowUpstreams(state);
    this.lessons = new LessonControl({ clock, log, state, upstreams });
    this.health = new HealthChecker({
      settings,
      state,
      clock,
      open: (spec) => upstreams.openOnce(spec),
      onChange: (change) => logHealthChange(log, change),
    });
    this.#upstreamLog = new UpstreamLog(limiter, totals, this.#faults);
  }

  /** The registry has taken over a new plan. */
  followRegistry(): void {
    const { registry, upstreams } = this.#options;
    const specs = registry.routing.upstreams;
    upstreams.keep(specs);
    this.#faults.keep(specs.map(({ key }) => key));
    this.health.setUpstreams(registry.upstreams);
  }

  /** Compares the workers' counters with the last time's, once a second. */
  look(): void {
    const { log, registry, state } = this.#options;
    this.#upstreamLog.look(registry.upstreams);
    logConduct(log, this.conduct.look(registry.upstreams), state);
    logPace(log, this.#slow.look(registry.upstreams), state);
  }

  /** A worker's connection toward an upstream, or a query over it, failed: in words. */
  failed(key: string, reason: FailureReason, cause: string): void {
    this.#faults.add(key, reason, cause);
    const upstream = this.#find((candidate) => candidate.spec.key === key);
    if (upstream !== undefined) this.health.blame(upstream.spec.slot, cause);
  }

  /** An upstream, or the owner of `domain`, does not accept some marks. */
  stumbled(slot: number, marks: number, domain: string): void {
    const upstream = this.#find((candidate) => candidate.spec.slot === slot);
    if (upstream !== undefined) void this.lessons.stumbled(upstream.spec, marks, domain);
  }

  #find(isIt: (upstream: RegisteredUpstream) => boolean): RegisteredUpstream | undefined {
    return this.#options.registry.upstreams.find(isIt);
  }
}
