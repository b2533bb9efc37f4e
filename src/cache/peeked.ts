// What MessageCache tells people of one question: peek() and peekCut().

/** What the cache knows of a question. */
export interface Peeked {
  readonly state: 'fresh' | 'stale' | 'negative' | 'cut' | 'failure' | 'none';
  /** Below 0: it expired that long ago. */
  readonly ttlSeconds: number;
  /** Clock ms. */
  readonly storedAtMs: number;
  /** Slot of the upstream that answered; −1: not known. */
  readonly answererSlot: number;
}

/** The same, of a name above. */
export interface PeekedCut extends Peeked {
  /** Where the denied name starts in the query. */
  readonly nameOffset: number;
}
