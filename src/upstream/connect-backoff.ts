// When to try again to connect to a server that could not be reached: queries in between fail at
// once, for the same reason. Used by the exchanges that hold connections.
import { FailureReason } from './exchange.ts';

const FIRST_PAUSE_MS = 50;
/**
 * Shorter than the pause between health checks: one that finds the server alive brings it back at
 * once. A dead one is not burdened by five attempts a second: there are few questions for it while
 * it is down.
 */
const MAX_PAUSE_MS = 200;

/** Doubling pauses between attempts to connect. */
export class ConnectBackoff {
  /** Why the last attempt failed. */
  reason: FailureReason = FailureReason.unreachable;
  #pauseMs = 0;
  #notBeforeMs = 0;

  mayConnect(nowMs: number): boolean {
    return nowMs >= this.#notBeforeMs;
  }

  failed(nowMs: number, reason: FailureReason): void {
    this.reason = reason;
    this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2);
    this.#notBeforeMs = nowMs + this.#pauseMs;
  }

  succeeded(): void {
    this.#pauseMs = 0;
    this.#notBeforeMs = 0;
  }
}
