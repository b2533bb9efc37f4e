// Whether a thread stood still between two ticks of a timer. Called by exchanges that judge a
// server by how long it takes.

/** A tick this much after the one before is late, ms. */
const LATE_MS = 500;

/**
 * The event loop runs timers before it reads sockets: after a standstill answers may wait unread,
 * and their server would be taken for silent. One tick is left to read them.
 */
export class Standstill {
  #tickedMs = 0;
  #wasLate = false;

  /** The ticks begin now. */
  begin(nowMs: number): void {
    this.#tickedMs = nowMs;
    this.#wasLate = false;
  }

  /** At each tick: whether nothing is to be judged at this one. Never twice in a row. */
  precedes(nowMs: number): boolean {
    this.#wasLate = nowMs - this.#tickedMs > LATE_MS && !this.#wasLate;
    this.#tickedMs = nowMs;
    return this.#wasLate;
  }
}
