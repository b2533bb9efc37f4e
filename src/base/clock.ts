// One coarse monotonic clock for a thread: cache ages, time-outs and back-offs all read it.
// The wall clock may jump by hours; nothing that decides anything may depend on it.
// Imported: the global of this name is a getter that costs more than the call.
import { performance } from 'node:perf_hooks';

/**
 * Milliseconds from a fixed, arbitrary point, the same point in every thread of the process
 * (performance.now() starts at another point in each worker, so it is shifted to hrtime's).
 */
const threadShiftMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/**
 * Monotonic time, refreshed by what wakes the thread (a batch, a timer tick) and read everywhere
 * else, so that a batch of 64 queries costs one clock call.
 */
export class Clock {
  /** Milliseconds, monotonic, comparable between threads; never negative. */
  nowMs = performance.now() + threadShiftMs;

  /** Reads the time again and returns it. */
  refresh(): number {
    this.nowMs = performance.now() + threadShiftMs;
    return this.nowMs;
  }
}

/** A clock that a test moves by hand. */
export class ManualClock extends Clock {
  constructor(startMs = 1_000_000) {
    super();
    this.nowMs = startMs;
  }

  override refresh(): number {
    return this.nowMs;
  }

  /** Moves the time forward. */
  advance(ms: number): void {
    this.nowMs += ms;
  }
}
