// What a look-up in the cache says and found. The caller owns the hit and uses it again for each
// look-up.
import { NONE } from './segment-arena.ts';

/** What a look-up found. */
export const Lookup = {
  /** Nothing useful: ask an upstream. */
  miss: 0,
  /** An answer. */
  fresh: 1,
  /**
   * An answer that is popular and about to expire: answer, and ask an upstream as well. Returned
   * once per refresh.
   */
  prefetch: 2,
  /**
   * An expired answer: ask an upstream, and use this answer if that fails or takes too long (RFC
   * 8767 §5).
   */
  stale: 3,
  /**
   * Upstreams failed a moment ago: no message, answer with the hit's RCODE and EDE 13 (RFC 9520
   * §3.2).
   */
  failure: 4,
  /**
   * An expired answer, and upstreams failed a moment ago: use it at once and do not ask (RFC 8767
   * §5).
   */
  staleNow: 5,
  /** A name above it does not exist, so it does not exist either: an answer (RFC 8020). */
  cut: 6,
} as const;
export type Lookup = (typeof Lookup)[keyof typeof Lookup];

/** Valid until something is stored or dropped: copy the message at once, or look up again. */
export class CacheHit {
  /** The entry; NONE: nothing was found. */
  ref = NONE;
  /** Its extended RCODE; 0 if nothing was found. */
  rcode = 0;
  /** Of a cut: how much longer QNAME is than the name that does not exist, bytes; else 0. */
  addedLength = 0;
  /** Of a failure: why it was one, an INFO-CODE (RFC 8914); −1: not known. */
  ede = -1;
  /** The QTYPE that was asked, and where it stands in the message. */
  qtype = 0;
  typeOffset = 0;
}
