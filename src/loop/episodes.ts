// The loop guard's decisions, on the main thread: which route is out of use, for how long, when it
// is probed, what is logged. Input: the workers' sightings and the results of probes. Acts only
// through callbacks.
//
//            proof (edns, case) or probe back                     probe back: twice as long
//    in use ──────────────────────────────────▶ quarantined ◀──────────────────────────────┐
//       ▲                                            │ time is up, upstream healthy        │
//       └──────────── not seen back ──────────── testing (probes) ─────────────────────────┘
import { EpisodeBook, type EpisodeLog, type EpisodeRoute, type EpisodeView } from './episode-book.ts';
import { Evidence } from './evidence.ts';
import { ProbeOutcome, ProbeRuns } from './probe-runs.ts';
import type { LoopSighting } from './sightings.ts';
import { WorkBudget } from './work-budget.ts';

/**
 * After a quarantine that no probe confirmed, evidence on queries counts only as suspicion for this
 * long: otherwise anyone who can copy a tag in time could keep a healthy upstream out of use.
 */
export const DISTRUST_MS = 60_000;
/** If no route is known to be the cause, all are probed; at most this often. */
const PROBE_ALL_INTERVAL_MS = 5000;
/**
 * Probes of one route only because a question came again while it was in flight: this many at a
 * time, and this many per second in the long run. Many clients that want the same names do not
 * cause a stream of probes, and a loop that starts later still gets some.
 */
const WEAK_PROBES = 5;
const WEAK_PROBES_PER_SECOND = 0.1;
/** Runs started by the schedule in one tick: a thousand routes are not probed in one burst. */
const SCHEDULED_PER_TICK = 16;

/** What the guard knows of a route: one zone's use of one upstream. */
export interface LoopRoute extends EpisodeRoute {
  readonly slot: number;
  /** As in metrics and GET /upstreams: 10.0.0.2:53. */
  readonly upstream: string;
  /** Lower case, '.' for the root. */
  readonly zone: string;
  /** The permanent fix, one sentence. */
  readonly cure: string;
  /** A public address: it is probed only on suspicion. */
  readonly isPublic: boolean;
}

export interface EpisodeEffects {
  /**
   * Takes a route out of use, for all workers. Only the main thread does so: a worker alone cannot
   * know what to trust.
   */
  quarantine(route: number): void;
  /** Puts it back. */
  release(route: number): void;
  /**
   * Sends makeProbeName(…) by the route; replied() when an answer comes. A probe that cannot be
   * sent counts as lost.
   */
  sendProbe(route: number, nonce: number): void;
  /** The upstream answers its health checks. */
  isHealthy(route: number): boolean;
  readonly log: EpisodeLog;
}

export interface EpisodeOptions {
  /** Where clients reach us, for the path: 127.0.0.1:5300. */
  readonly listen: string;
  /** config.loop.quarantine and config.loop.probe. */
  readonly quarantine: { readonly minMs: number; readonly maxMs: number };
  readonly probe: { readonly onStart: boolean; readonly intervalMs: number };
  readonly effects: EpisodeEffects;
  /** An unpredictable 32-bit number. */
  readonly nonce: () => number;
  readonly wallNowMs?: () => number;
}

interface RouteState {
  readonly route: LoopRoute;
  state: 'inUse' | 'quarantined' | 'testing';
  untilMs: number;
  backoffMs: number;
  /** A probe came back in this quarantine. */
  confirmed: boolean;
  /** When a confirmed quarantine ended: a relapse soon after continues with a longer one. */
  releasedMs: number;
  distrustUntilMs: number;
  /** When the schedule probes it. */
  nextProbeMs: number;
  /** Bounds the probes for weak suspicions. */
  readonly weak: WorkBudget;
}

export class LoopEpisodes {
  readonly #options: EpisodeOptions;
  readonly #effects: EpisodeEffects;
  readonly #routes = new Map<number, RouteState>();
  readonly #book: EpisodeBook;
  readonly #runs: ProbeRuns;
  #nowMs = 0;
  #probedAllMs = -Infinity;

  constructor(options: EpisodeOptions) {
    this.#options = options;
    this.#effects = options.effects;
    this.#book = new EpisodeBook(options.listen, options.wallNowMs ?? Date.now, options.effects.log);
    this.#runs = new ProbeRuns({
      nonce: options.nonce,
      send: (route, nonce) => this.#effects.sendProbe(route, nonce),
      onOutcome: (route, outcome) => this.#probeOutcome(route, outcome),
    });
  }

  /** Probes sent since the start. */
  get probesSent(): number {
    return this.#runs.sent;
  }

  /** Until when a route is out of use; null: it is in use, or being tried again. */
  quarantinedUntilMs(slot: number): number | null {
    const route = this.#routes.get(slot);
    return route?.state === 'quarantined' ? route.untilMs : null;
  }

  /** For GET /loops. */
  list(): EpisodeView[] {
    return this.#book.list();
  }

  /**
   * Sets the routes. One that stays (same slot, upstream and zone) keeps its state; one that
   * goes is put back into use and forgotten.
   */
  setRoutes(routes: readonly LoopRoute[], nowMs: number): void {
    this.#nowMs = nowMs;
    const wanted = new Map(routes.map((route) => [route.slot, route]));
    for (const [slot, { route }] of this.#routes) {
      const now = wanted.get(slot);
      if (now !== undefined && now.upstream === route.upstream && now.zone === route.zone) continue;
      this.#forget(slot);
    }
    for (const route of routes) {
      const known = this.#routes.get(route.slot);
      if (known !== undefined) this.#routes.set(route.slot, { ...known, route });
      else this.#routes.set(route.slot, this.#newState(route));
    }
  }

  #newState(route: LoopRoute): RouteState {
    const { onStart, intervalMs } = this.#options.probe;
    return {
      route,
      state: 'inUse',
      untilMs: 0,
      backoffMs: 0,
      confirmed: false,
      releasedMs: -Infinity,
      distrustUntilMs: -Infinity,
      nextProbeMs: route.isPublic ? Infinity : this.#nowMs + (onStart ? 0 : intervalMs),
      weak: new WorkBudget(WEAK_PROBES_PER_SECOND, WEAK_PROBES, this.#nowMs),
    };
  }

  #forget(slot: number): void {
    if (this.#routes.get(slot)!.state !== 'inUse') this.#effects.release(slot);
    this.#runs.forget(slot);
    this.#book.detach(slot, 'its upstream is configured no longer', this.#nowMs);
    this.#routes.delete(slot);
  }

  /** Handles what a worker saw. */
  sighted(sighting: LoopSighting, nowMs: number): void {
    this.#nowMs = nowMs;
    const state = this.#routes.get(sighting.route);
    if (state === undefined) {
      if (sighting.evidence === Evidence.hops) this.#book.hopsExceeded(sighting.count, nowMs);
      else if (sighting.route < 0) this.#suspectAll();
      return;
    }
    if (sighting.evidence === Evidence.probe) {
      if (this.#runs.returned(sighting.route, sighting.nonce, nowMs)) this.#proven(state, sighting);
      // Otherwise it is authentic, but not one that we wait for: a replay.
      return;
    }
    const trusted = nowMs >= state.distrustUntilMs;
    if (sighting.certain && trusted) {
      this.#proven(state, sighting);
      return;
    }
    this.#book.count(sighting);
    this.#runs.request(sighting.route, nowMs);
  }

  /**
   * A worker's suspicion (SuspicionGate): a probe finds out. −1: no route in particular. `isWeak`:
   * probed only while the budget for weak suspicions lasts.
   */
  suspected(route: number, isWeak: boolean, nowMs: number): void {
    this.#nowMs = nowMs;
    if (route < 0) {
      this.#suspectAll();
      return;
    }
    const state = this.#routes.get(route);
    // Out of use, it is probed by the schedule.
    if (state === undefined || state.state !== 'inUse') return;
    if (!isWeak || state.weak.take(nowMs)) this.#runs.request(route, nowMs);
  }

  /**
   * A probe was answered; `proven`: with a replica's proof that it came to our ring
   * (hasProbeProof).
   */
  probeReplied(route: number, nonce: number, proven: boolean, nowMs: number): void {
    this.#nowMs = nowMs;
    if (proven)
      this.sighted({ route, evidence: Evidence.probe, certain: true, count: 1, peer: '', nonce }, nowMs);
    else this.#runs.replied(route, nonce, nowMs);
  }

  /** Does what is due: probes, returns to use, the summary. Call it every 100 ms or so. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    let scheduled = 0;
    for (const state of this.#routes.values()) {
      if (state.state === 'quarantined') {
        if (nowMs >= state.untilMs) this.#test(state);
      } else if (state.state === 'inUse' && nowMs >= state.nextProbeMs && scheduled < SCHEDULED_PER_TICK) {
        scheduled++;
        state.nextProbeMs = nowMs + this.#options.probe.intervalMs;
        this.#runs.start(state.route.slot, nowMs);
      }
    }
    this.#runs.tick(nowMs);
    this.#book.summarize(nowMs);
  }

  #suspectAll(): void {
    if (this.#nowMs - this.#probedAllMs < PROBE_ALL_INTERVAL_MS) return;
    this.#probedAllMs = this.#nowMs;
    for (const slot of this.#routes.keys()) this.#runs.request(slot, this.#nowMs);
  }

  /**
   * The quarantine is over: probes decide. An upstream that is down stays out without being probed.
   */
  #test(state: RouteState): void {
    if (!this.#effects.isHealthy(state.route.slot))
      state.untilMs = this.#nowMs + this.#options.quarantine.minMs;
    else if (this.#runs.start(state.route.slot, this.#nowMs)) state.state = 'testing';
  }

  #proven(state: RouteState, sighting: LoopSighting): void {
    const byProbe = sighting.evidence === Evidence.probe;
    const { minMs, maxMs } = this.#options.quarantine;
    if (state.state === 'inUse') {
      const relapse = this.#nowMs - state.releasedMs <= 2 * state.backoffMs;
      state.backoffMs = relapse ? Math.min(2 * state.backoffMs, maxMs) : minMs;
      state.confirmed = byProbe;
      this.#quarantine(state);
    } else if (byProbe) {
      // Only a probe prolongs it: queries sent before the quarantine may come back for a while.
      if (state.state === 'testing') {
        state.backoffMs = Math.min(2 * state.backoffMs, maxMs);
        this.#quarantine(state);
      }
      state.confirmed = true;
    }
    this.#book.record(state.route, sighting, this.#nowMs);
  }

  #quarantine(state: RouteState): void {
    state.state = 'quarantined';
    state.untilMs = this.#nowMs + state.backoffMs;
    this.#effects.quarantine(state.route.slot);
  }

  #probeOutcome(slot: number, outcome: ProbeOutcome): void {
    const state = this.#routes.get(slot);
    if (state === undefined || state.state !== 'testing') return;
    if (outcome === ProbeOutcome.silent && !this.#effects.isHealthy(slot)) {
      this.#quarantine(state);
      return;
    }
    state.state = 'inUse';
    if (state.confirmed) {
      state.releasedMs = this.#nowMs;
    } else {
      state.releasedMs = -Infinity;
      state.distrustUntilMs = this.#nowMs + DISTRUST_MS;
    }
    state.nextProbeMs = state.route.isPublic ? Infinity : this.#nowMs + this.#options.probe.intervalMs;
    this.#effects.release(slot);
    this.#book.close(slot, 'its probes no longer come back', this.#nowMs);
  }
}
