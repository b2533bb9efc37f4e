// Runs of probes on the main thread: up to three probes by one route, and what became of them. episodes.ts starts runs and
// acts on their outcome; sending is its callback's. Why so: docs/adr/0003-loop-evidence.md.
import { PROBE_LIFETIME_MS } from './probe.ts';

/** Probes of one run: one that is sent once is lost once. */
export const PROBE_TRIES = 3;
/** How long a probe may take to be answered or to come back before the next is sent. */
export const PROBE_PATIENCE_MS = 700;
/** After an answer: time for a returned copy to be reported by the worker that saw it. */
export const PROBE_GRACE_MS = 250;
/** Probes of one route are at least this far apart, save within a run. */
export const PROBE_INTERVAL_MIN_MS = 1000;
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
  startedMs: number;
  /** A run was asked for when it was too early for one. */
  requested: boolean;
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

  /** Begins a run, unless one is under way or began less than a second ago. Returns whether one is under way now. */
  start(route: number, nowMs: number): boolean {
    let probes = this.#routes.get(route);
    if (probes === undefined) {
      probes = {
        tries: 0,
        dueMs: Infinity,
        answered: false,
        startedMs: -Infinity,
        requested: false,
        nonces: [],
      };
      this.#routes.set(route, probes);
    }
    if (probes.dueMs !== Infinity) return true;
    if (nowMs - probes.startedMs < PROBE_INTERVAL_MIN_MS) return false;
    probes.startedMs = nowMs;
    probes.requested = false;
    probes.tries = 0;
    probes.answered = false;
    this.#sendNext(route, probes, nowMs);
    return true;
  }

  /** Begins a run now or, if the last one began less than a second ago, as soon as that second is over. */
  request(route: number, nowMs: number): void {
    if (!this.start(route, nowMs)) this.#routes.get(route)!.requested = true;
  }

  /** A probe came back as a query. False: none of ours, or one too old: then it is no proof. Each counts once per copy; the run ends. */
  returned(route: number, nonce: number, nowMs: number): boolean {
    const probes = this.#routes.get(route);
    if (probes === undefined || !this.#knows(probes, nonce, nowMs)) return false;
    probes.dueMs = Infinity;
    return true;
  }

  /** A reply to a probe: no more probes of this run; it ends well after a moment, unless the probe is seen back by then. */
  replied(route: number, nonce: number, nowMs: number): void {
    const probes = this.#routes.get(route);
    if (probes === undefined || probes.dueMs === Infinity || probes.answered) return;
    if (!this.#knows(probes, nonce, nowMs)) return;
    probes.answered = true;
    probes.dueMs = nowMs + PROBE_GRACE_MS;
  }

  /** Sends what is due and ends what is over. Call it every 100 ms or so. */
  tick(nowMs: number): void {
    for (const [route, probes] of this.#routes) {
      if (probes.requested) this.start(route, nowMs);
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
