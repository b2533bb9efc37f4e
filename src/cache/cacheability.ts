// Decides what may be kept of a reply, as what, and for how long: policy only, no state. Called by
// MessageCache.store(). RFC 2308 §5 (negatives), RFC 1035 §3.2.1 (TTL 0) and §7.4 (nothing
// partial), RFC 8767 §4 (at most seven days).
import type { ScannedResponse } from '../wire/response.ts';
import type { TtlLimits } from './cache-options.ts';

/** What a reply is kept as. */
export const CacheKind = {
  /** Not kept. */
  no: 0,
  /** The records that were asked for; filed under ⟨name, type, class⟩. */
  positive: 1,
  /** The name does not exist; filed under ⟨name, class⟩, for every type. */
  nxdomain: 2,
  /**
   * The name has no such records, or is an alias of a name that has none or does not exist; filed
   * under ⟨name, type, class⟩.
   */
  nodata: 3,
  /** SERVFAIL, REFUSED and the like: not kept as a message, see MessageCache.storeFailure(). */
  failure: 4,
} as const;
export type CacheKind = (typeof CacheKind)[keyof typeof CacheKind];

/** RFC 8767 §4: a TTL above seven days is cut to seven days. */
const SEVEN_DAYS_SECONDS = 7 * 86_400;
/** RFC 9520 §3.2: a failure is kept for at least a second and at most five minutes. */
export const MIN_FAILURE_SECONDS = 1;
const MAX_FAILURE_SECONDS = 300;
/** Doublings that matter: after this many the limit has long been reached. */
const MAX_FAILURES_COUNTED = 16;
const NOERROR = 0;
const NXDOMAIN = 3;

/** Says what a reply may be kept as. */
export function judge(scanned: ScannedResponse, limits: TtlLimits): CacheKind {
  if (scanned.rcode !== NOERROR && scanned.rcode !== NXDOMAIN) return CacheKind.failure;
  if (scanned.truncated || scanned.signed) return CacheKind.no;
  let kind: CacheKind;
  // Behind an alias it is the alias's target that does not exist; the QNAME does (RFC 2308 §2.1).
  if (scanned.rcode === NXDOMAIN) kind = scanned.hasAlias ? CacheKind.nodata : CacheKind.nxdomain;
  else kind = scanned.hasAskedType ? CacheKind.positive : CacheKind.nodata;
  // A negative answer without SOA must not be kept: two servers could pass it back and forth for
  // ever (RFC 2308 §5). The same rule excludes referrals, and alias chains without a final answer.
  return lifetimeSeconds(scanned, kind, limits) > 0 ? kind : CacheKind.no;
}

/** How long a reply of that kind may be used, seconds; 0 or less: not at all. */
export function lifetimeSeconds(scanned: ScannedResponse, kind: CacheKind, limits: TtlLimits): number {
  if (kind === CacheKind.positive) {
    return clamp(scanned.minTtlSeconds, limits.minTtlSeconds, maxTtlSeconds(limits));
  }
  // The TTL of the SOA record itself and those of the alias's records count too: the smallest one
  // decides.
  const ttl = Math.min(scanned.negativeTtlSeconds, scanned.minTtlSeconds);
  return Math.min(ttl, limits.maxNegativeTtlSeconds, maxTtlSeconds(limits));
}

/**
 * Failures in a row before a new one, for failureSeconds(). `count`: those noted so far, the last
 * of which expired `expiredForMs` ago. If that was long ago, the row is over, and the new one is
 * the first.
 */
export function failuresBefore(count: number, expiredForMs: number): number {
  return expiredForMs < MAX_FAILURE_SECONDS * 1000 ? Math.min(count, MAX_FAILURES_COUNTED) : 0;
}

/** How long a failure is kept, seconds: twice as long after each failure in a row. */
export function failureSeconds(failureTtlSeconds: number, failuresBefore: number): number {
  const first = Math.max(MIN_FAILURE_SECONDS, failureTtlSeconds);
  return Math.min(first * 2 ** failuresBefore, MAX_FAILURE_SECONDS);
}

/** The largest TTL that a positive answer is kept or handed out with, seconds. */
export function maxTtlSeconds(limits: TtlLimits): number {
  return Math.min(limits.maxTtlSeconds, SEVEN_DAYS_SECONDS);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
