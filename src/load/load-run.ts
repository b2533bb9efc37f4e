// One run: opens the lanes, keeps them busy for as long as was asked, waits for the last answers,
// and gives the counts. Called by main, find-max and the scenarios.
//
//   closed loop   an answer (or a loss) makes room, and the next query leaves at once
//   open loop     a schedule of ticks; queries leave when they are due, whatever became of those before
//
//   start ──────────────── sending ──────────────── stop ── draining, at most one timeout ── end
import type { Lane, LaneOptions } from './lane.ts';
import type { QuerySource } from './query-source.ts';
import { openStreamLane } from './stream-lane.ts';
import { Tally } from './tally.ts';
import type { Target } from './target.ts';
import { startTicker, type Ticker } from './ticker.ts';
import { openUdpLane, UdpLane } from './udp-lane.ts';

/** How to load. */
export interface LoadPlan {
  readonly target: Target;
  /** Sockets or connections. */
  readonly clients: number;
  /** Closed loop: maximum number of queries in flight. */
  readonly concurrency: number;
  /** Open loop: queries a second; 0 for a closed loop. */
  readonly qps: number;
  /** Sending ends after this time or this many queries (Infinity: no limit of that kind). */
  readonly durationMs: number;
  readonly queries: number;
  /** A query without an answer is lost after this time. */
  readonly timeoutMs: number;
}

/** Called about every tenth of a second while the run lasts, for samples and progress. */
export type LoadObserver = (tally: Tally, elapsedMs: number) => void;

/** What a run gives. */
export interface LoadResult {
  readonly tally: Tally;
  /** From the first query to the last answer, or the end of sending, whichever came later. */
  readonly elapsedMs: number;
  /**
   * Answers that the kernel dropped at the tool's own sockets, part of the lost ones: the tool's
   * fault.
   */
  readonly toolDrops: number;
  /** Queries that the kernel did not send. */
  readonly sendFailures: number;
}

/**
 * How often what is too old is given up, and the end is looked for. In an open loop each look wakes
 * an idle tool.
 */
const HOUSEKEEPING_MS = 10;
const OPEN_LOOP_HOUSEKEEPING_MS = 50;
/**
 * A look this late, ms, means that the tool stood still: nothing is given up at it. MOST_LATE_LOOKS
 * in a row at most, as a tool that is always late must end too.
 */
const LATE_LOOK_MS = 40;
const MOST_LATE_LOOKS = 10;
const OBSERVE_MS = 100;
/**
 * A delayed schedule catches up at this many times its rate, no faster: an unrequested flood would
 * overflow the server's socket. The most queries sent at once: what is due in this time, within
 * these bounds.
 */
const CATCH_UP = 2;
const BURST_MS = 10;
const LEAST_BURST = 32;
const MOST_BURST = 1024;

/**
 * Runs a plan. `signal` ends the sending early. Rejects when the target cannot be reached at all
 * (TCP, TLS).
 */
export async function runLoad(
  plan: LoadPlan,
  source: QuerySource,
  observe: LoadObserver = () => {},
  signal?: AbortSignal,
): Promise<LoadResult> {
  const run = new LoadRun(plan, source, observe);
  try {
    await run.open();
    return await run.finish(signal);
  } finally {
    await run.close();
  }
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #source: QuerySource;
  readonly #observe: LoadObserver;
  readonly #tally = new Tally();
  readonly #lanes: Lane[] = [];
  #ticker: Ticker | null = null;
  #sending = false;
  #startMs = 0;
  #stopMs = 0;
  #endMs = 0;
  #observedMs = 0;
  #lookedMs = 0;
  #lateLooks = 0;
  #nextLane = 0;
  /** Queries that may leave now, and when that was last counted. */
  #allowance = 0;
  #allowedMs = 0;

  constructor(plan: LoadPlan, source: QuerySource, observe: LoadObserver) {
    this.#plan = plan;
    this.#source = source;
    this.#observe = observe;
  }

  async open(): Promise<void> {
    const plan = this.#plan;
    const count = plan.qps > 0 ? plan.clients : Math.min(plan.clients, plan.concurrency);
    const options: LaneOptions = {
      target: plan.target,
      source: this.#source,
      tally: this.#tally,
      // An open loop is awake anyway, so it may send what is due.
      onAnswers: (lane, nowMs) => (plan.qps > 0 ? this.#sendDue(nowMs, 0) : this.#refill(lane, nowMs)),
    };
    const open = plan.target.proto === 'udp' ? openUdpLane : openStreamLane;
    const opened = await Promise.allSettled(Array.from({ length: count }, () => open(options)));
    opened.forEach((result, i) => {
      if (result.status !== 'fulfilled') return;
      const lane: Lane = result.value;
      const window =
        Math.floor(((i + 1) * plan.concurrency) / count) - Math.floor((i * plan.concurrency) / count);
      lane.window = Math.max(window, this.#source.together);
      this.#lanes.push(lane);
    });
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Sends, waits for the end, gives the result. */
  async finish(signal?: AbortSignal): Promise<LoadResult> {
    const plan = this.#plan;
    if (plan.qps > 0)
      this.#ticker = startTicker(plan.qps, (tickMs) => this.#sendDue(performance.now(), tickMs / 2));
    this.#startMs = this.#ticker?.align(performance.now()) ?? performance.now();
    this.#observedMs = this.#startMs;
    this.#lookedMs = performance.now();
    this.#sending = true;
    const stop = () => this.#stop(performance.now());
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop);
    if (plan.qps === 0) for (const lane of this.#lanes) this.#refill(lane, this.#startMs);
    await new Promise<void>((resolve) => {
      const housekeeping = setInterval(() => {
        const giveUpMs = this.#looksLate() ? Number.NEGATIVE_INFINITY : performance.now() - plan.timeoutMs;
        // After the sockets were read: what has come is no longer in flight.
        setImmediate(() => {
          if (!this.#keepHouse(giveUpMs)) return;
          clearInterval(housekeeping);
          resolve();
        });
      }, this.#housekeepingMs());
    });
    signal?.removeEventListener('abort', stop);
    const tally = this.#tally;
    const lastMs = Math.max(this.#stopMs, tally.lastAnswerMs[0]!);
    this.#observe(tally, this.#endMs - this.#startMs);
    const sockets = this.#lanes.filter((lane): lane is UdpLane => lane instanceof UdpLane);
    return {
      tally,
      elapsedMs: lastMs - this.#startMs,
      toolDrops: sockets.reduce((sum, lane) => sum + lane.kernelDrops, 0),
      sendFailures: sockets.reduce((sum, lane) => sum + lane.sendFailures, 0),
    };
  }

  /** A short timeout is kept to a tenth of it. */
  #housekeepingMs(): number {
    const { qps, timeoutMs } = this.#plan;
    return qps === 0 ? HOUSEKEEPING_MS : Math.min(OPEN_LOOP_HOUSEKEEPING_MS, Math.max(1, timeoutMs / 10));
  }

  async close(): Promise<void> {
    this.#ticker?.stop();
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** Closed loop: fills a lane's window. */
  #refill(lane: Lane, nowMs: number): void {
    if (!this.#sending) return;
    if (nowMs - this.#startMs >= this.#plan.durationMs) {
      this.#stop(nowMs);
      return;
    }
    const limit = this.#plan.queries;
    const tally = this.#tally;
    const { together } = this.#source;
    while (lane.ready && (tally.sent % together !== 0 || lane.table.inFlight + together <= lane.window)) {
      if (tally.sent >= limit) {
        this.#stop(nowMs);
        break;
      }
      lane.send(nowMs, nowMs);
    }
    lane.flush();
  }

  /**
   * Open loop: sends what is due. Query i is meant to leave at the tick at or after start + i /
   * qps (the first of those that leave together, for all of them); when it leaves later, for
   * whatever reason, the delay counts as latency. A thread that woke up to `earlyMs` too early may
   * send: latency then counts from now.
   */
  #sendDue(nowMs: number, earlyMs: number): void {
    if (!this.#sending || this.#startMs === 0) return;
    const { qps, durationMs, queries } = this.#plan;
    const { tickMs } = this.#ticker!;
    const { together } = this.#source;
    const tally = this.#tally;
    let lane = this.#laneInTurn();
    this.#allow(nowMs);
    while (lane !== null) {
      const others = tally.sent % together;
      const offsetMs = ((tally.sent - others) * 1000) / qps;
      if (offsetMs >= durationMs || tally.sent >= queries) {
        this.#stop(nowMs);
        break;
      }
      const intendedMs = this.#startMs + Math.ceil(offsetMs / tickMs) * tickMs;
      if (intendedMs > nowMs + earlyMs) break;
      if (nowMs - intendedMs > tally.behindMs) tally.behindMs = nowMs - intendedMs;
      if (others === 0 && this.#allowance < together) break;
      if (!lane.ready) {
        lane.flush();
        lane = this.#laneInTurn();
        continue;
      }
      lane.send(Math.min(intendedMs, nowMs), nowMs);
      this.#allowance--;
      if (together > 1 && others === together - 1) {
        lane.flush();
        lane = this.#laneInTurn();
      }
    }
    lane?.flush();
  }

  /** Adds what the time since the last call allows to leave. */
  #allow(nowMs: number): void {
    const { qps } = this.#plan;
    const most = Math.min(Math.max((qps * CATCH_UP * BURST_MS) / 1000, LEAST_BURST), MOST_BURST);
    this.#allowance = Math.min(this.#allowance + ((nowMs - this.#allowedMs) * CATCH_UP * qps) / 1000, most);
    this.#allowedMs = nowMs;
  }

  /** The next lane that is ready; null when none is, and the schedule has to wait. */
  #laneInTurn(): Lane | null {
    const lanes = this.#lanes;
    for (let i = 0; i < lanes.length; i++) {
      this.#nextLane = this.#nextLane + 1 < lanes.length ? this.#nextLane + 1 : 0;
      const lane = lanes[this.#nextLane]!;
      if (lane.ready) return lane;
    }
    return null;
  }

  #stop(nowMs: number): void {
    if (!this.#sending) return;
    this.#sending = false;
    this.#stopMs = nowMs;
  }

  #looksLate(): boolean {
    const nowMs = performance.now();
    const isLate = nowMs - this.#lookedMs > this.#housekeepingMs() + LATE_LOOK_MS;
    this.#lookedMs = nowMs;
    this.#lateLooks = isLate ? this.#lateLooks + 1 : 0;
    return isLate && this.#lateLooks <= MOST_LATE_LOOKS;
  }

  /** Gives up what was sent before, refills, observes. True when the run is over. */
  #keepHouse(giveUpMs: number): boolean {
    const nowMs = performance.now();
    const { timeoutMs, durationMs } = this.#plan;
    let inFlight = 0;
    for (const lane of this.#lanes) {
      this.#tally.lost += lane.table.expire(giveUpMs);
      if (this.#plan.qps === 0) this.#refill(lane, nowMs);
      inFlight += lane.table.inFlight;
    }
    // A server that does not answer at all must not keep a schedule waiting forever either.
    if (nowMs - this.#startMs >= durationMs + timeoutMs) this.#stop(nowMs);
    if (nowMs - this.#observedMs >= OBSERVE_MS) {
      this.#observedMs += OBSERVE_MS;
      this.#observe(this.#tally, nowMs - this.#startMs);
    }
    this.#endMs = nowMs;
    return !this.#sending && inFlight === 0;
  }
}
