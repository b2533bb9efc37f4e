// How a loop was noticed. Shared by the workers' detector and the main thread's episodes.

/** Names in metrics and logs; the numbers of Evidence are positions in it. */
export const EVIDENCE_NAMES = ['edns', 'case', 'probe', 'hops'] as const;

export const Evidence = {
  /** Our tag came back. */
  edns: 0,
  /** A query came in our case pattern. */
  case: 1,
  /** Our probe came back. */
  probe: 2,
  /** A query passed too many hops. */
  hops: 3,
} as const;
export type Evidence = (typeof Evidence)[keyof typeof Evidence];
