// The contract of what is asked: a file's questions (file-queries), made-up ones
// (generated-queries), or those of a cluster's pods (cluster-queries). Called by the lanes for
// every query.

/** Bytes that any query fits in: header, the longest name, QTYPE and QCLASS, OPT. */
export const LONGEST_QUERY = 512;

/** Where queries come from. */
export interface QuerySource {
  /** For reports: what is asked. */
  readonly description: string;
  /** This many queries in a row leave at once, from one socket or connection. */
  readonly together: number;
  /**
   * Writes the next query at `offset`, its ID 0, and returns its length (at most LONGEST_QUERY).
   */
  write(out: Uint8Array, offset: number): number;
}
