// How long one attempt may wait before the next upstream is asked. Called by the pipeline for every
// attempt.

/**
 * Bounds of the first attempt's patience, ms: below, jitter would look like loss; above, too little
 * of the deadline is left.
 */
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 700;
/** For a server whose round-trip time was not measured yet, ms. */
const UNKNOWN_TIMEOUT_MS = 400;

/**
 * Round trips after which an answer is taken for lost. The estimate (shared-state.ts) follows the
 * quick answers; a resolver that has to ask others takes longer. To ask again meanwhile costs a
 * message, to wait for it would cost the client time.
 */
const ROUND_TRIPS = 3;

/**
 * Time-out of one attempt, ms: some round trips (0: unknown), doubled for each round before it, and
 * never more than what is left until the query's deadline.
 */
export function attemptTimeoutMs(rttMs: number, round: number, remainingMs: number): number {
  const first =
    rttMs === 0
      ? UNKNOWN_TIMEOUT_MS
      : Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, rttMs * ROUND_TRIPS));
  return Math.max(0, Math.min(first * 2 ** round, remainingMs));
}
