// One question from the main thread to one upstream: is it alive? It uses an exchange of its own,
// opened for it and closed after it, because an older connection proves nothing (it may be paused,
// or lead nowhere). Started by health.
import { describeSystemCode } from './connect-error.ts';
import { FAILURE_REASON_NAMES, FailureReason, type ReplyOwner, UpstreamQuery } from './exchange.ts';
import type { Upstream, UpstreamSpec } from './upstream.ts';

/**
 * What came of a check. `failure`: in words; '' when the upstream answered; null when nothing can
 * be said.
 */
export type CheckOutcome = (check: HealthCheck, failure: string | null) => void;

export class HealthCheck implements ReplyOwner {
  readonly sentAtMs: number;
  readonly #query = new UpstreamQuery();
  readonly #onOutcome: CheckOutcome;
  #upstream: Upstream | null = null;
  #ended = false;
  /** The check was repeated over TCP, as a reply by datagram could not be believed … */
  #overTcp = false;
  /** … and TCP failed. */
  #tcpFailed = false;

  /** `message`: a query with ID 0 and a question, nothing else. */
  constructor(message: Uint8Array, sentAtMs: number, onOutcome: CheckOutcome) {
    this.sentAtMs = sentAtMs;
    this.#onOutcome = onOutcome;
    const query = this.#query;
    query.bytes = message;
    query.length = message.length;
    query.questionEnd = message.length;
    // A server that does not repeat QNAME's case is alive.
    query.matchCase = false;
    query.owner = this;
  }

  /** Sends it. Never rejects. */
  async begin(spec: UpstreamSpec, open: (spec: UpstreamSpec) => Promise<Upstream>): Promise<void> {
    try {
      this.#upstream = await open(spec);
    } catch (error) {
      this.#finish(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#ended) this.#close();
    else this.#upstream.send(this.#query, false);
  }

  /** Nobody waits for it any more; no outcome after this. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#query.exchange?.cancel(this.#query);
    // Not from within a callback of its own exchange.
    setImmediate(() => this.#close());
  }

  /** Whatever the reply says, somebody is there. */
  onReply(): boolean {
    this.#finish('');
    return true;
  }

  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    if (this.#ended) return;
    if (this.#overTcp) {
      // A UDP server need not offer TCP, and may still answer by datagram.
      this.#overTcp = false;
      this.#tcpFailed = true;
      this.#upstream!.send(query, false);
      return;
    }
    // There is no room or socket here: that says nothing about the server.
    if (reason === FailureReason.overload) this.#finish(null);
    else this.#finish(describe(reason, this.#upstream!.lastError));
  }

  /** It may answer with a bare header, which is not believed of a datagram. */
  onSuspicious(query: UpstreamQuery): void {
    if (this.#tcpFailed || this.#overTcp) return;
    this.#overTcp = true;
    this.#upstream!.send(query, true);
  }

  #finish(failure: string | null): void {
    if (this.#ended) return;
    this.end();
    this.#onOutcome(this, failure);
  }

  #close(): void {
    void this.#upstream?.close(true);
    this.#upstream = null;
  }
}

/** Streams tell the cause in words, datagram sockets the system's code. */
function describe(reason: FailureReason, error: string): string {
  if (error === '') return FAILURE_REASON_NAMES[reason]!;
  return (
    describeSystemCode(error) ?? (/^E\w+$/.test(error) ? `${FAILURE_REASON_NAMES[reason]}: ${error}` : error)
  );
}
