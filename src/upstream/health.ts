// Finds out whether upstreams that give cause for doubt are alive, and takes them out of use. Runs
// on the main thread; the workers raise doubts and note answers in the shared state, and read the
// verdict there.
//
//   any answer, to a client's question or to a check, whatever it says ─────────────▶ up, at once
//   a question came to nothing (doubt) ─────▶ a check, once an interval until something is answered
//   out of reach, or a check without an answer for a moment ────────────────────────▶ suspect: others are asked first
//   maxFails checks in a row failed, and nothing was answered meanwhile ────────────▶ down: trials alone (selection.ts)
//
// A check is a few bytes each half second, and only while there is doubt: the pause does not grow,
// so that an outage of ten minutes ends as soon as one of three seconds.
import type { Clock } from '../base/clock.ts';
import type { CheckQuestion } from '../config/config.ts';
import { writeQuestion } from '../wire/build-query.ts';
import { Class, Type } from '../wire/codes.ts';
import { FLAG_RD } from '../wire/header.ts';
import { textToName } from '../wire/text.ts';
import { HealthCheck } from './health-check.ts';
import { type SharedUpstreamState, UpstreamState } from './shared-state.ts';
import type { Upstream, UpstreamSpec } from './upstream.ts';

/** More than a client waits: a slow server's late answers still help those who ask again. */
const CHECK_TIMEOUT_MS = 2500;
/** How often doubts are looked for, at most. */
const LOOK_MS = 100;
/**
 * A look this much later than the one before: the thread stood still, and answers may wait unread.
 * Silence is not judged then.
 */
const STANDSTILL_MS = 1000;
/**
 * A server is suspect when a check has been unanswered for this many of its round trips
 * (shared-state.ts estimates the quick ones), within these bounds.
 */
const SUSPECT_ROUND_TRIPS = 6;
const SUSPECT_MIN_MS = 200;
const SUSPECT_MAX_MS = 1000;
const SUSPECT_UNKNOWN_MS = 500;

export interface CheckedUpstream {
  readonly spec: UpstreamSpec;
  readonly check: CheckQuestion;
}

/** An upstream went out of use, or came back. */
export interface HealthChange {
  readonly spec: UpstreamSpec;
  readonly state: 'up' | 'down';
  /** down: what went wrong last. up: ''. */
  readonly reason: string;
  /** up: for how long it was down. down: 0. */
  readonly downMs: number;
}

export interface HealthSettings {
  /** Pause between checks of an upstream. */
  readonly intervalMs: number;
  /**
   * Failed checks in a row that take an upstream out of use; 0: nothing does, and nothing is
   * checked.
   */
  readonly maxFails: number;
}

export interface HealthCheckerOptions {
  readonly state: SharedUpstreamState;
  readonly clock: Clock;
  /** Opens a way to an upstream that is used for one check and then closed. */
  readonly open: (spec: UpstreamSpec) => Promise<Upstream>;
  readonly settings: HealthSettings;
  readonly onChange: (change: HealthChange) => void;
}

/** Checks all upstreams that give cause to. */
export class HealthChecker {
  readonly #options: HealthCheckerOptions;
  #settings: HealthSettings;
  readonly #watched = new Map<number, WatchedUpstream>();
  #timer: NodeJS.Timeout | null = null;
  #lastLookMs: number;

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#lastLookMs = options.clock.nowMs;
  }

  /**
   * The upstreams to look after from now on. One whose slot, address and question stay the same
   * goes on as it was.
   */
  setUpstreams(upstreams: readonly CheckedUpstream[]): void {
    const wanted = new Map(upstreams.map((upstream) => [upstream.spec.slot, upstream]));
    for (const [slot, known] of this.#watched) {
      const upstream = wanted.get(slot);
      if (upstream !== undefined && known.isFor(upstream)) continue;
      known.stop();
      this.#watched.delete(slot);
    }
    for (const upstream of upstreams) {
      const { slot } = upstream.spec;
      if (!this.#watched.has(slot)) this.#watched.set(slot, new WatchedUpstream(upstream, this.#options));
    }
  }

  /** Takes over changed settings. */
  configure(settings: HealthSettings): void {
    this.#settings = settings;
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.start();
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.look(), Math.min(LOOK_MS, this.#settings.intervalMs));
    // Checks alone are no reason to keep the process.
    this.#timer.unref();
  }

  /** Looks at all upstreams once and begins the checks that are due. */
  look(): void {
    const nowMs = this.#options.clock.refresh();
    const wasStopped = nowMs - this.#lastLookMs > STANDSTILL_MS;
    this.#lastLookMs = nowMs;
    for (const upstream of this.#watched.values()) {
      if (!wasStopped) upstream.judgeSilence(nowMs, this.#settings);
      upstream.look(nowMs, this.#settings);
    }
  }

  /** Checks all upstreams in doubt at once, whenever their next check would be due. */
  checkNow(): void {
    for (const upstream of this.#watched.values()) upstream.hurry();
    this.look();
  }

  /** A worker's connection toward an upstream, or a query over it, failed: in words. */
  blame(slot: number, reason: string): void {
    this.#watched.get(slot)?.blame(reason);
  }

  /**
   * What went wrong with an upstream since it last answered, to a worker or a check; '' if nothing
   * did.
   */
  reasonOf(slot: number): string {
    return this.#watched.get(slot)?.reason ?? '';
  }

  /** Ends all checks; no onChange after it. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const upstream of this.#watched.values()) upstream.stop();
    this.#watched.clear();
  }
}

/** One upstream, and its checks under way. */
class WatchedUpstream {
  #reason = '';
  /**
   * As SharedUpstreamState.answers() when the reason was noted: any answer since then is the end of
   * it.
   */
  #reasonAnswers = 0;
  readonly #upstream: CheckedUpstream;
  readonly #options: HealthCheckerOptions;
  readonly #message: Uint8Array;
  /**
   * Oldest first. One begins each interval, however long those before it are silent: a slow server
   * has its time.
   */
  readonly #checks: HealthCheck[] = [];
  /** As SharedUpstreamState.answers() and doubts() at the last look. */
  #answersSeen: number;
  #doubtsSeen: number;
  /** Failed checks in a row. */
  #failures = 0;
  #nextMs = 0;
  /** As last reported by onChange. */
  #down = false;
  #downSinceMs = 0;
  #maxFails = 0;
  #stopped = false;

  constructor(upstream: CheckedUpstream, options: HealthCheckerOptions) {
    this.#upstream = upstream;
    this.#options = options;
    this.#message = messageOf(upstream.check);
    this.#answersSeen = options.state.answers(upstream.spec.slot);
    this.#doubtsSeen = options.state.doubts(upstream.spec.slot);
  }

  get reason(): string {
    return this.#options.state.answers(this.#upstream.spec.slot) === this.#reasonAnswers ? this.#reason : '';
  }

  blame(reason: string): void {
    this.#reason = reason;
    this.#reasonAnswers = this.#options.state.answers(this.#upstream.spec.slot);
  }

  isFor({ spec, check }: CheckedUpstream): boolean {
    const own = this.#upstream;
    return own.spec.key === spec.key && own.check.name === check.name && own.check.type === check.type;
  }

  /** Gives up the checks that were silent for too long. */
  judgeSilence(nowMs: number, settings: HealthSettings): void {
    this.#maxFails = settings.maxFails;
    for (const check of [...this.#checks]) {
      const silentMs = nowMs - check.sentAtMs;
      if (silentMs >= CHECK_TIMEOUT_MS) {
        check.end();
        this.#onOutcome(check, `no answer in ${CHECK_TIMEOUT_MS} ms`);
      } else if (silentMs >= this.#suspectAfterMs() && !this.#answeredMeanwhile()) {
        this.#options.state.suspect(this.#upstream.spec.slot);
      }
    }
  }

  look(nowMs: number, { intervalMs, maxFails }: HealthSettings): void {
    this.#maxFails = maxFails;
    const { state } = this.#options;
    const { slot } = this.#upstream.spec;
    if (maxFails === 0 && state.stateOf(slot) !== UpstreamState.up) state.setState(slot, UpstreamState.up);
    if (maxFails === 0 || this.#answeredMeanwhile()) {
      this.#isAlive(nowMs);
      return;
    }
    const isInDoubt = state.stateOf(slot) !== UpstreamState.up || state.doubts(slot) !== this.#doubtsSeen;
    if (!isInDoubt || nowMs < this.#nextMs) return;
    // Looks come a little early or late.
    this.#nextMs = nowMs + intervalMs - Math.min(LOOK_MS, intervalMs) / 2;
    const check = new HealthCheck(this.#message, nowMs, (ended, failure) => this.#onOutcome(ended, failure));
    this.#checks.push(check);
    void check.begin(this.#upstream.spec, this.#options.open);
  }

  hurry(): void {
    this.#nextMs = 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#endChecks();
  }

  #answeredMeanwhile(): boolean {
    return this.#options.state.answers(this.#upstream.spec.slot) !== this.#answersSeen;
  }

  #suspectAfterMs(): number {
    const roundTripMs = this.#options.state.rttMs(this.#upstream.spec.slot);
    if (roundTripMs === 0) return SUSPECT_UNKNOWN_MS;
    return Math.min(SUSPECT_MAX_MS, Math.max(SUSPECT_MIN_MS, SUSPECT_ROUND_TRIPS * roundTripMs));
  }

  #onOutcome(check: HealthCheck, failure: string | null): void {
    if (this.#stopped) return;
    const { state, clock } = this.#options;
    const { slot } = this.#upstream.spec;
    this.#checks.splice(this.#checks.indexOf(check), 1);
    if (failure === '') {
      state.answered(slot);
      this.#isAlive(clock.refresh());
    } else if (failure !== null && !this.#answeredMeanwhile()) {
      this.#failed(failure);
    }
  }

  #failed(reason: string): void {
    const { state, clock, onChange } = this.#options;
    const { spec } = this.#upstream;
    this.blame(reason);
    this.#failures++;
    state.suspect(spec.slot);
    if (this.#failures < this.#maxFails) return;
    state.setState(spec.slot, UpstreamState.down);
    if (this.#down) return;
    this.#down = true;
    this.#downSinceMs = clock.refresh();
    onChange({ spec, state: 'down', reason, downMs: 0 });
  }

  /** Something was answered: what was doubted before is forgotten. */
  #isAlive(nowMs: number): void {
    const { state, onChange } = this.#options;
    const { spec } = this.#upstream;
    this.#answersSeen = state.answers(spec.slot);
    this.#doubtsSeen = state.doubts(spec.slot);
    this.#failures = 0;
    this.#endChecks();
    if (!this.#down) return;
    this.#down = false;
    onChange({ spec, state: 'up', reason: '', downMs: nowMs - this.#downSinceMs });
  }

  #endChecks(): void {
    for (const check of this.#checks.splice(0)) check.end();
  }
}

function messageOf({ name, type }: CheckQuestion): Uint8Array {
  const wire = textToName(name);
  const message = new Uint8Array(12 + wire.length + 4);
  writeQuestion(message, wire, Type[type], Class.IN, FLAG_RD);
  return message;
}
