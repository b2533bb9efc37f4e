// Runs of probes on the main thread: up to three probes by one route, and their result. episodes.ts
// starts runs and acts on their outcome; its callback sends the probes. For the reasons see
// docs/adr/0003-loop-evidence.md.
import { PROBE_LIFETIME_MS } from './probe.ts';
import { WorkBudget } from './work-budget.ts';

/** Probes of one run: a single packet may get lost. */
export const PROBE_TRIES = 3;
/** How long to wait for an answer to a probe, or for its return, before the next is sent. */
export const PROBE_PATIENCE_MS = 700;
/** After an answer: time for a returned copy to be reported by the worker that saw it. */
export const PROBE_GRACE_MS = 250;
/**
 * Runs of one route per second in the long run, and at a time: a loop may start just after a probe
 * went round.
 */
export const RUNS_PER_SECOND = 1;
export const RUNS_AT_ONCE = 3;
/** Nonces remembered per route: a probe that comes back after its run is still proof. */
const REMEMBERED_NONCES = 32;

/** How a run ended. A probe that comes back ends it too: returned() tells its caller so. */
export const ProbeOutcome = {
  /** Answered, and not seen back. */
  clean: 'clean',
  /** Neither answered nor seen back. */
  silent: 'silent',
} as const;
export type ProbeOutcome = (typeof ProbeOutcome)[keyof typeof ProbeOutcome];

interface Nonce {
  readonly value: number;
  readonly sentMs: number;
}

interface RouteProbes {
  tries: number;
  /** When the next probe is due or the run ends; Infinity: no run. */
  dueMs: number;
  answered: boolean;
  /**
   * A run was requested when there were too many, or while one was in progress: what its probe saw
   * may be outdated.
   */
  requested: boolean;
  readonly budget: WorkBudget;
  nonces: Nonce[];
}

export interface ProbeRunsOptions {
  /** An unpredictable 32-bit number. */
  readonly nonce: () => number;
  /** Sends a probe (probe.ts) by a route. Its reply goes to replied(). */
  readonly send: (route: number, nonce: number) => void;
  readonly onOutcome: (route: number, outcome: ProbeOutcome) => void;
}

export class ProbeRuns {
  /** Probes sent since the start. */
  sent = 0;
  readonly #options: ProbeRunsOptions;
  readonly #routes = new Map<number, RouteProbes>();

  constructor(options: ProbeRunsOptions) {
    this.#options = options;
  }

  /**
   * Starts a run unless one is in progress or there were too many recently. Returns whether one is
   * in progress now.
   */
  start(route: number, nowMs: number): boolean {
    const probes = this.#probesOf(route, nowMs);
    return probes.dueMs !== Infinity || this.#begin(route, probes, nowMs);
  }

  /**
   * Requests a probe sent after this moment: starts a run now, or as soon as one is allowed. A run
   * whose probe is out already continues. But its answer says nothing about what has started
   * since, so another run follows.
   */
  request(route: number, nowMs: number): void {
    const probes = this.#probesOf(route, nowMs);
    const awaitsAnswer = probes.dueMs !== Infinity && !probes.answered;
    if (awaitsAnswer || !this.#begin(route, probes, nowMs)) probes.requested = true;
  }

  #probesOf(route: number, nowMs: number): RouteProbes {
    let probes = this.#routes.get(route);
    if (probes === undefined) {
      const budget = new WorkBudget(RUNS_PER_SECOND, RUNS_AT_ONCE, nowMs);
      probes = { tries: 0, dueMs: Infinity, answered: false, requested: false, budget, nonces: [] };
      this.#routes.set(route, probes);
    }
    return probes;
  }

  #begin(route: number, probes: RouteProbes, nowMs: number): boolean {
    if (!probes.budget.take(nowMs)) return false;
    probes.requested = false;
    probes.tries = 0;
    probes.answered = false;
    this.#sendNext(route, probes, nowMs);
    return true;
  }

  /**
   * A probe came back as a query. False: not ours, or too old, and so no proof. Each
   * counts once per copy; the run ends.
   */
  returned(route: number, nonce: number, nowMs: number): boolean {
    const probes = this.#routes.get(route);
    if (probes === undefined || !this.#knows(probes, nonce, nowMs)) return false;
    probes.dueMs = Infinity;
    probes.requested = false;
    return true;
  }

  /**
   * A reply to a probe: no more probes in this run. After a moment it ends well, unless the probe
   * has come back by then.
   */
  replied(route: number, nonce: number, nowMs: number): void {
    const probes = this.#routes.get(route);
    if (probes === undefined || probes.dueMs === Infinity || probes.answered) return;
    if (!this.#knows(probes, nonce, nowMs)) return;
    probes.answered = true;
    probes.dueMs = nowMs + PROBE_GRACE_MS;
    if (probes.requested) this.#begin(route, probes, nowMs);
  }

  /** Sends what is due and ends what is over. Call it every 100 ms or so. */
  tick(nowMs: number): void {
    for (const [route, probes] of this.#routes) {
      if (probes.requested && (probes.dueMs === Infinity || probes.answered))
        this.#begin(route, probes, nowMs);
      if (nowMs < probes.dueMs) continue;
      if (!probes.answered && probes.tries < PROBE_TRIES) {
        this.#sendNext(route, probes, nowMs);
        continue;
      }
      probes.dueMs = Infinity;
      this.#options.onOutcome(route, probes.answered ? ProbeOutcome.clean : ProbeOutcome.silent);
    }
  }

  /** The route is gone, or its slot now stands for another one. */
  forget(route: number): void {
    this.#routes.delete(route);
  }

  #knows(probes: RouteProbes, nonce: number, nowMs: number): boolean {
    return probes.nonces.some((known) => known.value === nonce && nowMs - known.sentMs <= PROBE_LIFETIME_MS);
  }

  #sendNext(route: number, probes: RouteProbes, nowMs: number): void {
    const nonce = this.#options.nonce() >>> 0;
    probes.tries++;
    probes.dueMs = nowMs + PROBE_PATIENCE_MS;
    probes.nonces.push({ value: nonce, sentMs: nowMs });
    if (probes.nonces.length > REMEMBERED_NONCES) probes.nonces.shift();
    this.sent++;
    this.#options.send(route, nonce);
  }
}
