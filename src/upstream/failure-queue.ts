// Failures that are known while send() still runs, told in the next turn of the event loop instead:
// an owner is never called from within its own send(). Used by every exchange.
import type { Exchange, FailureReason, UpstreamQuery } from './exchange.ts';

/**
 * Queries of one exchange that could not be sent. They count as in flight, without an ID, until
 * their owner was told.
 */
export class FailureQueue {
  readonly #exchange: Exchange;
  #queries: UpstreamQuery[] = [];
  #reasons: FailureReason[] = [];
  /** Queries whose owner is still to be told, canceled ones included. */
  get length(): number {
    return this.#queries.length;
  }

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Fails a query that holds no ID. A query canceled before its turn comes is passed over. */
  push(query: UpstreamQuery, reason: FailureReason): void {
    query.id = -1;
    query.exchange = this.#exchange;
    this.#queries.push(query);
    this.#reasons.push(reason);
    if (this.#queries.length === 1) setImmediate(this.#tell);
  }

  readonly #tell = (): void => {
    const queries = this.#queries;
    const reasons = this.#reasons;
    this.#queries = [];
    this.#reasons = [];
    for (let i = 0; i < queries.length; i++) {
      const query = queries[i]!;
      // Canceled, or canceled and sent again, in the meantime.
      if (query.exchange !== this.#exchange || query.id !== -1) continue;
      query.exchange = null;
      query.owner?.onFailure(query, reasons[i]!);
    }
  };
}
