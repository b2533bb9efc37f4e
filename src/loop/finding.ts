// What the detector says about a query, and with what evidence. The caller owns the finding and
// uses it again for each query.
import { Evidence } from './evidence.ts';

/** What to do with a query. */
export const LoopVerdict = {
  /** There is no evidence of a loop. */
  pass: 0,
  /** Handle it like any other, and have `routeSlot` probed (−1: every route). */
  suspect: 1,
  /**
   * It is ours: SERVFAIL with EDE 14, neither cached nor coalesced. `certain` says whether this is
   * enough to quarantine the route.
   */
  loop: 2,
  /** It passed too many hops: the same answer; no route of ours is known to be the cause. */
  tooManyHops: 3,
} as const;
export type LoopVerdict = (typeof LoopVerdict)[keyof typeof LoopVerdict];

/**
 * Tags of others that are forwarded after our own. If there are more, the last ones, which came
 * furthest, are dropped. A client may write as many as it likes: their number never counts against
 * the query, and one more hop finds room for its own.
 */
export const MAX_FORWARDED_TAGS = 3;

/** Valid until the next check() with it. */
export class LoopFinding {
  // With the verdicts suspect, loop and tooManyHops.
  /** How the query was recognized. */
  evidence: Evidence = Evidence.edns;
  /** Our route by which the query left; −1 if unknown or another replica's. */
  routeSlot = -1;
  /** Proof: authentic, ours, by one of our routes, and sent moments ago. */
  certain = false;
  /**
   * The query is another replica's probe: the answer is writeProbeProof()'s instead of SERVFAIL.
   */
  wantsProof = false;
  /** With evidence probe: which. */
  probeNonce = 0;

  // With every verdict: what the query that we send for this one must carry.
  /** HOPS for its tag. */
  hops = 0;
  /**
   * Tags of others to append to it: `forwardedCount` of TAG_LENGTH bytes each, at
   * forwardedOffsets in the incoming query.
   */
  forwardedCount = 0;
  readonly forwardedOffsets = new Int32Array(MAX_FORWARDED_TAGS);
}
