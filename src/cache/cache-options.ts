// What a cache can be told: the limits for lifetimes, and the shape of the configuration's `cache`
// section.

/** Limits for lifetimes, seconds. */
export interface TtlLimits {
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly maxNegativeTtlSeconds: number;
}

/** Limits and settings of a cache; the configuration's `cache` section has this shape. */
export interface CacheOptions extends TtlLimits {
  readonly maxEntries: number;
  /** Bytes for messages and everything stored with them. */
  readonly maxBytes: number;
  readonly failureTtlSeconds: number;
  readonly serveStale: {
    /** How long after its expiry an answer may still be used; 0: not at all. */
    readonly maxAgeSeconds: number;
    readonly ttlSeconds: number;
  };
  readonly prefetch: {
    /** Minimum number of hits since the answer was stored. */
    readonly hits: number;
    /** Largest share of its lifetime that may be left; 0: no prefetch. */
    readonly remainingPercent: number;
  };
}
