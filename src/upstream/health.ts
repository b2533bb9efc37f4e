// Finds out whether upstreams that failed are alive, and takes them out of use and back into it. Runs on the main thread; the
// workers only count failures in the shared state and read the verdict there.
//
//   up, no failures ──a worker's query fails──▶ up, failing ──checks fail, maxFails in a row──▶ down
//          ▲                                       │  ▲                                          │
//          └──────────── any answer ───────────────┘  └─ a worker itself: ICMP unreachable ──────┤
//          └──────────────────────── a check succeeds (tried ever less often, at least each 5 s) ┘
import type { Clock } from '../base/clock.ts';
import { FAILURE_REASON_NAMES, type FailureReason, type ReplyOwner, UpstreamQuery } from './exchange.ts';
import { type SharedUpstreamState, UpstreamState } from './shared-state.ts';
import type { Upstream, UpstreamSpec } from './upstream.ts';

/** More than a client waits: a slow server's late answers still help those who ask again. */
const CHECK_TIMEOUT_MS = 2500;
/** Longest pause between checks of a server that is down. */
const MAX_PAUSE_MS = 5000;
const RCODE = 0x0f;
const SERVFAIL = 2;

/** `. NS`, RD=1: every server knows something about the root, and if not, refuses. */
// biome-ignore format: a field a line
const CHECK = Uint8Array.of(
  0, 0, // ID
  0x01, 0x00, // RD
  0, 1, 0, 0, 0, 0, 0, 0, // one question
  0, // .
  0, 2, // NS
  0, 1, // IN
);

/** An upstream went out of use, or came back. */
export interface HealthChange {
  readonly spec: UpstreamSpec;
  readonly state: 'up' | 'down';
  /** down: what went wrong last. up: ''. */
  readonly reason: string;
  /** up: for how long it was down. down: 0. */
  readonly downMs: number;
}

export interface HealthCheckerOptions {
  readonly state: SharedUpstreamState;
  readonly clock: Clock;
  /** The main thread's own way to an upstream, opened when first needed. */
  readonly open: (spec: UpstreamSpec) => Promise<Upstream>;
  /** Pause between checks; 0: none are made. */
  readonly intervalMs: number;
  /** Failures in a row, queries' and checks', that take an upstream out of use. */
  readonly maxFails: number;
  readonly onChange: (change: HealthChange) => void;
  /** How long a check may take. Default 2.5 s. */
  readonly timeoutMs?: number;
}

/** Checks all upstreams that give cause to. */
export class HealthChecker {
  readonly #options: HealthCheckerOptions;
  #intervalMs: number;
  #maxFails: number;
  readonly #checks = new Map<number, HealthCheck>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
    this.#maxFails = options.maxFails;
  }

  /** The upstreams to look after from now on. One whose slot and address stay the same goes on as it was. */
  setUpstreams(specs: readonly UpstreamSpec[]): void {
    const wanted = new Map(specs.map((spec) => [spec.slot, spec]));
    for (const [slot, check] of this.#checks) {
      if (wanted.get(slot)?.text === check.spec.text) continue;
      check.stop();
      this.#checks.delete(slot);
    }
    for (const spec of specs) {
      if (!this.#checks.has(spec.slot)) this.#checks.set(spec.slot, new HealthCheck(spec, this.#options));
    }
  }

  /** Takes over changed settings. */
  configure(intervalMs: number, maxFails: number): void {
    this.#intervalMs = intervalMs;
    this.#maxFails = maxFails;
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.start();
  }

  start(): void {
    if (this.#intervalMs === 0 || this.#timer !== null) return;
    this.#timer = setInterval(() => this.poll(), this.#intervalMs);
    // Checks alone are no reason to keep the process.
    this.#timer.unref();
  }

  /** Looks at all upstreams once and begins the checks that are due. */
  poll(): void {
    const nowMs = this.#options.clock.refresh();
    for (const check of this.#checks.values()) check.poll(nowMs, this.#intervalMs, this.#maxFails);
  }

  /** Ends all checks; no onChange after it. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const check of this.#checks.values()) check.stop();
    this.#checks.clear();
  }
}

/** One upstream's checks. */
class HealthCheck implements ReplyOwner {
  readonly spec: UpstreamSpec;
  readonly #options: HealthCheckerOptions;
  readonly #query = new UpstreamQuery();
  /** As last reported by onChange. */
  #down = false;
  #downSinceMs = 0;
  #pauseMs = 0;
  #nextMs = 0;
  #intervalMs = 0;
  #maxFails = 0;
  #running = false;
  /** The check went over TCP, as the replies by datagram were not to be believed … */
  #aside = false;
  /** … and there was none. */
  #asideFailed = false;
  #stopped = false;
  /** As SharedUpstreamState.answers() when the check was sent. */
  #answersBefore = 0;
  #timer: NodeJS.Timeout | null = null;
  #upstream: Upstream | null = null;

  constructor(spec: UpstreamSpec, options: HealthCheckerOptions) {
    this.spec = spec;
    this.#options = options;
    const query = this.#query;
    query.bytes = CHECK;
    query.length = CHECK.length;
    query.questionEnd = CHECK.length;
    query.owner = this;
  }

  poll(nowMs: number, intervalMs: number, maxFails: number): void {
    this.#intervalMs = intervalMs;
    this.#maxFails = maxFails;
    const { state } = this.#options;
    const { slot } = this.spec;
    if (!state.isUp(slot)) this.#reportDown(nowMs, 'queries found it unreachable');
    if (this.#running || nowMs < this.#nextMs) return;
    if (!this.#down && state.failures(slot) === 0) return;
    this.#running = true;
    void this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  onReply(_query: UpstreamQuery, bytes: Uint8Array): boolean {
    if ((bytes[3]! & RCODE) === SERVFAIL) this.#failed('it answers SERVFAIL');
    else this.#succeeded();
    return true;
  }

  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    if (this.#aside && !this.#stopped) {
      // No TCP is no fault of a server of datagrams: one of them may still be a good answer.
      this.#aside = false;
      this.#asideFailed = true;
      this.#upstream!.send(query, false);
      return;
    }
    const error = this.#upstream?.lastError ?? '';
    this.#failed(error === '' ? FAILURE_REASON_NAMES[reason] : `${FAILURE_REASON_NAMES[reason]}: ${error}`);
  }

  /** Perhaps it answers with a bare header, which a datagram is not believed. */
  onSuspicious(query: UpstreamQuery): void {
    if (this.#asideFailed) return;
    this.#aside = true;
    this.#upstream!.send(query, true);
  }

  async #begin(): Promise<void> {
    try {
      this.#upstream = await this.#options.open(this.spec);
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#stopped) return;
    const timeoutMs = this.#options.timeoutMs ?? CHECK_TIMEOUT_MS;
    this.#aside = false;
    this.#asideFailed = false;
    this.#answersBefore = this.#options.state.answers(this.spec.slot);
    this.#timer = setTimeout(() => this.#onTimeout(timeoutMs), timeoutMs);
    this.#upstream.send(this.#query, false);
  }

  #end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#running = false;
    this.#query.exchange?.cancel(this.#query);
  }

  #onTimeout(timeoutMs: number): void {
    const answered = this.#options.state.answers(this.spec.slot) !== this.#answersBefore;
    // Clients' queries were answered meanwhile: the check got lost on the way, and the next poll tries again.
    if (answered) this.#end();
    else this.#failed(`no answer in ${timeoutMs} ms`);
  }

  #succeeded(): void {
    this.#end();
    if (this.#stopped) return;
    const { state, clock, onChange } = this.#options;
    state.succeeded(this.spec.slot);
    state.setState(this.spec.slot, UpstreamState.up);
    this.#pauseMs = 0;
    this.#nextMs = 0;
    if (!this.#down) return;
    this.#down = false;
    onChange({ spec: this.spec, state: 'up', reason: '', downMs: clock.refresh() - this.#downSinceMs });
  }

  #failed(reason: string): void {
    this.#end();
    if (this.#stopped) return;
    const { state, clock } = this.#options;
    const nowMs = clock.refresh();
    const failures = state.failed(this.spec.slot);
    if (failures >= this.#maxFails) {
      state.setState(this.spec.slot, UpstreamState.down);
      this.#reportDown(nowMs, reason);
    }
    // While there is doubt, check at each poll; once it is down, ever less often.
    this.#pauseMs = this.#down ? Math.min(MAX_PAUSE_MS, Math.max(this.#intervalMs, this.#pauseMs * 2)) : 0;
    this.#nextMs = nowMs + this.#pauseMs;
  }

  #reportDown(nowMs: number, reason: string): void {
    if (this.#down) return;
    this.#down = true;
    this.#downSinceMs = nowMs;
    this.#options.onChange({ spec: this.spec, state: 'down', reason, downMs: 0 });
  }
}
