// The sign of life of a worker: a number in shared memory that its event loop counts up every
// second, and that the main thread looks at. No messages: a worker that hangs would not read them,
// and one under load has better things to do.

/** How often the main thread looks. */
export const LOOK_MS = 250;
/**
 * A worker whose event loop was blocked for this long hangs: no query and no garbage collection
 * takes that long, nor does a thread wait that long for a processor on a crowded machine. Generous,
 * as ending a sound worker costs what it has in flight.
 */
export const HANG_MS = 5000;
/**
 * A worker that was silent for this long may hang: another one reads its sockets too, which does no
 * harm if it is only slow. Half a second more than it takes between two beats.
 */
export const SILENT_MS = 1500;

/** The worker's side. */
export class Heartbeat {
  readonly #beats: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#beats = new Int32Array(buffer);
  }

  /** Says that the event loop turns. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1);
  }
}

/** The main thread's side. */
export class HeartbeatWatch {
  readonly buffer = new SharedArrayBuffer(4);
  readonly #beats = new Int32Array(this.buffer);
  #lastBeat = 0;
  #lastLookMs: number;
  #silentMs = 0;

  constructor(nowMs: number) {
    this.#lastLookMs = nowMs;
  }

  /**
   * How long the worker has been silent, ms; to be called every LOOK_MS. A look that comes late
   * counts as one that came in time: when the whole process was stopped (SIGSTOP, a machine asleep,
   * a quota used up), the worker had no more time than we did.
   */
  silentMs(nowMs: number): number {
    const sinceMs = Math.min(nowMs - this.#lastLookMs, LOOK_MS);
    this.#lastLookMs = nowMs;
    const beat = Atomics.load(this.#beats, 0);
    if (beat === this.#lastBeat) {
      this.#silentMs += sinceMs;
    } else {
      this.#lastBeat = beat;
      this.#silentMs = 0;
    }
    return this.#silentMs;
  }
}
