// What may be kept of a reply, as what, and for how long: policy only, no state. Called by MessageCache.store().
// RFC 2308 §5 (negatives), RFC 1035 §3.2.1 (TTL 0) and §7.4 (nothing partial), RFC 8767 §4 (seven days at the most).
import type { ScannedResponse } from '../wire/response.ts';

/** What a reply is kept as. */
export const CacheKind = {
  /** Not kept. */
  no: 0,
  /** The records asked for; for ⟨name, type, class⟩. */
  positive: 1,
  /** The name does not exist; for ⟨name, class⟩, whatever the type. */
  nxdomain: 2,
  /** The name has no such records, or is an alias of one that has none or does not exist; for ⟨name, type, class⟩. */
  nodata: 3,
  /** SERVFAIL, REFUSED and the like: not kept as a message, see MessageCache.storeFailure(). */
  failure: 4,
} as const;
export type CacheKind = (typeof CacheKind)[keyof typeof CacheKind];

/** The limits of lifetimes, seconds. */
export interface TtlLimits {
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly maxNegativeTtlSeconds: number;
}

/** RFC 8767 §4: no TTL over seven days is believed. */
const SEVEN_DAYS_SECONDS = 7 * 86_400;
const NOERROR = 0;
const NXDOMAIN = 3;

/** Says what a reply may be kept as. */
export function judge(scanned: ScannedResponse, limits: TtlLimits): CacheKind {
  if (scanned.rcode !== NOERROR && scanned.rcode !== NXDOMAIN) return CacheKind.failure;
  if (scanned.truncated || scanned.signed) return CacheKind.no;
  let kind: CacheKind;
  // Behind an alias it is the alias's target that does not exist; the name asked does (RFC 2308 §2.1).
  if (scanned.rcode === NXDOMAIN) kind = scanned.hasAlias ? CacheKind.nodata : CacheKind.nxdomain;
  else kind = scanned.hasAskedType ? CacheKind.positive : CacheKind.nodata;
  // A negative without SOA may not be kept: it would go round between two servers for ever (RFC 2308 §5). The same rule
  // keeps referrals and alias chains that end nowhere out.
  return lifetimeSeconds(scanned, kind, limits) > 0 ? kind : CacheKind.no;
}

/** How long a reply of that kind may answer, seconds; 0 or less: not at all. */
export function lifetimeSeconds(scanned: ScannedResponse, kind: CacheKind, limits: TtlLimits): number {
  if (kind === CacheKind.positive) {
    return clamp(scanned.minTtlSeconds, limits.minTtlSeconds, maxTtlSeconds(limits));
  }
  // The SOA's own TTL and those of an alias's records count too: the answer is as good as its weakest record.
  const ttl = Math.min(scanned.negativeTtlSeconds, scanned.minTtlSeconds);
  return Math.min(ttl, limits.maxNegativeTtlSeconds, maxTtlSeconds(limits));
}

/** The largest TTL that a positive answer is kept or handed out with, seconds. */
export function maxTtlSeconds(limits: TtlLimits): number {
  return Math.min(limits.maxTtlSeconds, SEVEN_DAYS_SECONDS);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
