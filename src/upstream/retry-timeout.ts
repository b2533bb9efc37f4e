// How long one attempt may wait before the next upstream is asked. Called by the pipeline for every attempt.

/** Bounds of the first attempt's patience, ms: below, jitter would look like loss; above, too little of the deadline is left. */
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 700;
/** For a server whose round-trip time nobody has measured yet, ms. */
const UNKNOWN_TIMEOUT_MS = 400;

/**
 * Time-out of one attempt, ms: what the round trip takes at its worst (SRTT + 4 × RTTVAR, RFC 6298 §2.3; 0 if unknown), doubled
 * for each attempt before it, and never more than what is left until the query's deadline.
 */
export function attemptTimeoutMs(
  retransmissionTimeoutMs: number,
  attempt: number,
  remainingMs: number,
): number {
  const first =
    retransmissionTimeoutMs === 0
      ? UNKNOWN_TIMEOUT_MS
      : Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, retransmissionTimeoutMs));
  return Math.max(0, Math.min(first * 2 ** attempt, remainingMs));
}
