// Runs of probes on the main thread: up to three probes by one route, and what became of them.
// episodes.ts starts runs and acts on their outcome; sending is its callback's. Why so:
// docs/adr/0003-loop-evidence.md.
import { PROBE_LIFETIME_MS } from './probe.ts';
import { WorkBudget } from './work-budget.ts';

/** Probes of one run: one that is sent once is lost once. */
export const PROBE_TRIES = 3;
/** How long a probe may take to be answered or to come back before the next is sent. */
export const PROBE_PATIENCE_MS = 700;
/** After an answer: time for a returned copy to be reported by the worker that saw it. */
export const PROBE_GRACE_MS = 250;
/**
 * Runs of one route in a second, in the long run, and at once: a loop may begin just after a probe
 * went round.
 */
export const RUNS_PER_SECOND = 1;
export const RUNS_AT_ONCE = 3;
/** Nonces remembered per route: a probe that comes back after its run is proof all the same. */
const REMEMBERED_NONCES = 32;

/** How a run ended. A probe that comes back ends it otherwise: returned() says so to its caller. */
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
   * A run was asked for when there were too many, or while one was under way: what its probe saw
   * may be over.
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
   * Begins a run, unless one is under way or there were too many of late. Returns whether one is
   * under way now.
   */
  start(route: number, nowMs: number): boolean {
    const probes = this.#probesOf(route, nowMs);
    return probes.dueMs !== Infinity || this.#begin(route, probes, nowMs);
  }

  /**
   * Has a probe sent after this moment: begins a run now, or as soon as there may be one. A run
   * whose probe is out already goes on; but once that is answered it says nothing of what has begun
   * since, so another one follows.
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
   * A probe came back as a query. False: none of ours, or one too old: then it is no proof. Each
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
   * A reply to a probe: no more probes of this run; it ends well after a moment, unless the probe
   * is seen back by then.
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

  /** The route is no more, or is another's now. */
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
