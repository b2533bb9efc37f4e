// How many queries one connection may have unanswered. Servers differ: some answer one query per connection and close, some work
// on one query after the other, some on many at a time. Shared by the connections of one upstream in one thread.

/** Nothing is known: enough to fill the wire, so few that a burst spreads over connections. */
const UNKNOWN_DEPTH = 4;
const CONCURRENT_DEPTH = 64;

/** What a server's replies show. */
export class PipelineDepth {
  /** It has overtaken itself: it works on many queries at a time, so that a slow one holds up no other. */
  isConcurrent = false;
  /** It closed a connection that had brought one answer, and no connection has brought two since. */
  isSingle = false;

  /** Messages that may be unanswered on a TCP or TLS connection. */
  get limit(): number {
    return this.isConcurrent ? CONCURRENT_DEPTH : UNKNOWN_DEPTH;
  }

  /** An answer came, the n-th of its connection; `overtaken`: a later query was answered before it. */
  answered(count: number, overtaken: boolean): void {
    if (count > 1) this.isSingle = false;
    if (overtaken) this.isConcurrent = true;
  }

  /** The server ended a connection with queries unanswered. */
  closedEarly(answered: number): void {
    if (answered === 1) this.isSingle = true;
  }
}
