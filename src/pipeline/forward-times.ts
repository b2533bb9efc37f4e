// Times and bounds of forwarding: how long a question is pursued, and how many may be at once. Used
// by forward-path.

/**
 * A late reply is still stored this long after the deadline: the client's own retry then finds it
 * (RFC 8767 §5).
 */
export const LATE_REPLY_MS = 3000;
/**
 * Flights that await a late reply at a time. With three attempts each they leave most of an
 * upstream's IDs (id-table.ts) to flights with waiters.
 */
export const MAX_AWAITING_LATE_REPLY = 2048;
/**
 * When a question met with silence, its last message leaves after this share of the deadline, or
 * after this time. So it can outlive an outage that the first messages fell into.
 */
export const LAST_ROUND_SHARE = 0.6;
export const LAST_ROUND_MS = 1100;
/**
 * An opaque query longer than this goes over a stream: one datagram of that size might not arrive
 * (RFC 9715 §3.2).
 */
export const MAX_OPAQUE_DATAGRAM = 1232;
/**
 * Limit for opaque queries in flight in a worker, bytes: each is kept whole, and may have 65,535.
 */
export const MAX_OPAQUE_BYTES = 16 * 1024 * 1024;
/**
 * A connection may have to be opened first, with a TLS handshake: a stream's first answer takes
 * this many round trips.
 */
export const STREAM_ROUND_TRIPS = 4;
/** How a flight goes on, from the configuration. */
export interface ForwardTimes {
  readonly deadlineMs: number;
  /** When stale data is used because an upstream is slow. */
  readonly staleAfterMs: number;
  /** Another upstream is asked too where one is slower than usual. */
  readonly hedge: boolean;
}
