// What went wrong with connections toward one upstream, in words: the last of it. Told to the
// listener at most once a second while it is of the same kind. Used by stream-exchange.
import type { FailureReason } from './exchange.ts';

/** Hears why connecting, or a query, failed. */
export type FaultListener = (reason: FailureReason, text: string) => void;

const PAUSE_MS = 1000;

export class FaultTeller {
  /** '' while nothing went wrong. */
  last = '';
  readonly #listener: FaultListener | undefined;
  #reason: FailureReason | null = null;
  #toldMs = 0;

  constructor(listener: FaultListener | undefined) {
    this.#listener = listener;
  }

  note(reason: FailureReason, text: string, nowMs: number): void {
    this.last = text;
    if (reason === this.#reason && nowMs - this.#toldMs < PAUSE_MS) return;
    this.#reason = reason;
    this.#toldMs = nowMs;
    this.#listener?.(reason, text);
  }
}
