// Queries toward one upstream over TCP or TLS (RFC 7766, RFC 7858): few connections, opened on demand, kept while there is
// traffic. Called by upstream.ts. One that dies with queries unanswered is the server's right; they are asked again.
//
//   send ─▶ entry (own copy of the message) ─▶ the least loaded connection ─▶ answer
//              ▲                                     │ closed by the server, or dies having answered before
//              └─────────── twice at most ───────────┘
import type { Clock } from '../base/clock.ts';
import type { RandomPool } from '../base/random.ts';
import type { Counters } from '../metrics/counters.ts';
import { ConnectBackoff } from './connect-backoff.ts';
import { type Exchange, FailureReason, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { paddingLength, writePadding } from './padding.ts';
import { MAX_QUESTION_LENGTH } from './question-match.ts';
import { FRAME_HEADER_LENGTH, StreamConnection, type StreamEntry } from './stream-connection.ts';
import type { StreamConnector } from './stream-connector.ts';

const HEADER_LENGTH = 12;
const MAX_MESSAGE_LENGTH = 0xffff;
/** Connections in use at a time. */
const MAX_CONNECTIONS = 2;
/** Connections that may be lost under a query before it fails, if its owner agrees: three tries by one transport (RFC 9520 §3.1). */
const MAX_RETRIES = 2;
/** With more unanswered queries than this on one connection, a second one is opened. */
const BUSY_UNANSWERED = 128;
/** A connection whose server owes replies and has said nothing for this long is avoided … */
const SUSPECT_SILENCE_MS = 1000;
/** … and after this long is given up: a connection may die without a word (RFC 1122 §4.2.3.5 waits minutes). */
const DEAD_SILENCE_MS = 3000;

export interface StreamExchangeOptions {
  readonly connector: StreamConnector;
  readonly random: RandomPool;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Close a connection without traffic after this long. Default 10 s. */
  readonly idleMs?: number;
  /** Time to connect, TLS included. Default 2 s. */
  readonly connectTimeoutMs?: number;
}

/** The TCP or TLS side of one upstream in one thread. */
export class StreamExchange implements Exchange {
  /** What went wrong last, for the log; '' if nothing did. */
  lastError = '';
  readonly #options: StreamExchangeOptions;
  readonly #clock: Clock;
  readonly #failures = new FailureQueue(this);
  readonly #backoff = new ConnectBackoff();
  /** All that are not closed, retiring ones included. */
  readonly #connections: StreamConnection[] = [];
  #serial = 0;
  #closing = false;
  readonly #whenClosed: (() => void)[] = [];

  constructor(options: StreamExchangeOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  get inFlight(): number {
    let count = this.#failures.length;
    for (const connection of this.#connections) count += connection.live;
    return count;
  }

  /** Connections open or opening. */
  get connections(): number {
    return this.#connections.length;
  }

  send(query: UpstreamQuery): void {
    if (query.exchange !== null) query.exchange.cancel(query);
    const questionLength = query.questionEnd - HEADER_LENGTH;
    if (query.length > MAX_MESSAGE_LENGTH || questionLength <= 0 || questionLength > MAX_QUESTION_LENGTH) {
      this.#failures.push(query, FailureReason.protocol);
      return;
    }
    this.#assign({ query, frame: this.#frameOf(query), questionLength, retries: 0 });
  }

  cancel(query: UpstreamQuery): void {
    if (query.exchange !== this) return;
    query.exchange = null;
    if (query.id < 0) return; // waits in the failure queue, which passes it over
    this.#connections.find((connection) => connection.serial === query.channel)?.cancel(query);
    query.id = -1;
  }

  close(force: boolean): Promise<void> {
    this.#closing = true;
    for (const connection of [...this.#connections]) {
      if (force) connection.destroy();
      else connection.retire();
    }
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#finishClosing();
    });
  }

  /** The server answered: the connection was there, and so is the way to it. */
  onOpen(): void {
    this.#backoff.succeeded();
  }

  onAnswer(entry: StreamEntry, bytes: Uint8Array, length: number): void {
    const query = entry.query!;
    query.id = -1;
    query.exchange = null;
    const taken = query.owner === null || query.owner.onReply(query, bytes, length);
    // No better reply will come by a stream. An owner that sent the query anew in the meantime has taken it.
    if (!taken && query.exchange === null) this.#failures.push(query, FailureReason.protocol);
  }

  onClosed(
    connection: StreamConnection,
    unanswered: StreamEntry[],
    reason: FailureReason,
    text: string,
  ): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    if (unanswered.length > 0 || !connection.open) this.lastError = text;
    if (!connection.open && !this.#closing) this.#backoff.failed(this.#clock.refresh(), reason);
    for (const entry of unanswered) {
      const query = entry.query!;
      // Its owner may have cancelled it when told of an earlier one's failure.
      if (query.exchange !== this || query.channel !== connection.serial) continue;
      const worthIt = connection.answered > 0 || (connection.open && !connection.givenUp);
      const mayRepeat = worthIt && entry.retries < MAX_RETRIES && !this.#closing;
      if (mayRepeat && query.owner?.mayRepeat?.(query) !== false) {
        entry.retries++;
        this.#assign(entry);
        continue;
      }
      query.id = -1;
      query.exchange = null;
      query.owner?.onFailure(query, reason);
    }
    if (this.#closing) this.#finishClosing();
  }

  /** Puts an entry on a connection, or fails it a little later. */
  #assign(entry: StreamEntry): void {
    const query = entry.query!;
    if (this.#closing) {
      this.#failures.push(query, FailureReason.closed);
      return;
    }
    const connection = this.#pick();
    if (connection === null) {
      const unreachable = this.#connections.every(({ retiring }) => retiring);
      this.#failures.push(query, unreachable ? this.#backoff.reason : FailureReason.overload);
      return;
    }
    query.exchange = this;
    connection.send(entry);
  }

  /** The least loaded connection whose server is not silent, or a new one; null when none can take a query now. */
  #pick(): StreamConnection | null {
    const nowMs = this.#clock.nowMs;
    let best: StreamConnection | null = null;
    let suspect: StreamConnection | null = null;
    let counted = 0;
    // Backwards: giving one up may take it out of the list.
    for (let i = this.#connections.length - 1; i >= 0; i--) {
      const connection = this.#connections[i]!;
      const silentMs = connection.silentMs(nowMs);
      if (silentMs > DEAD_SILENCE_MS) connection.destroy();
      if (connection.retiring) continue;
      counted++;
      if (!connection.usable) continue;
      if (silentMs > SUSPECT_SILENCE_MS) suspect = connection;
      else if (best === null || connection.unanswered < best.unanswered) best = connection;
    }
    if (best !== null && (best.unanswered < BUSY_UNANSWERED || counted >= MAX_CONNECTIONS)) return best;
    if (counted >= MAX_CONNECTIONS || !this.#backoff.mayConnect(nowMs)) return best ?? suspect;
    const connection = new StreamConnection(this.#serial++, this, this.#options);
    this.#connections.push(connection);
    return connection;
  }

  /** The message with its length before it and, where nobody can read it, padding behind it. */
  #frameOf(query: UpstreamQuery): Buffer {
    const { bytes, length, questionEnd } = query;
    const padding = this.#options.connector.encrypted ? paddingLength(bytes, length, questionEnd) : 0;
    const messageLength = length + padding;
    const frame = Buffer.alloc(FRAME_HEADER_LENGTH + messageLength);
    frame.writeUInt16BE(messageLength, 0);
    for (let i = 0; i < length; i++) frame[FRAME_HEADER_LENGTH + i] = bytes[i]!;
    if (padding > 0) writePadding(frame, FRAME_HEADER_LENGTH, length, questionEnd, padding);
    return frame;
  }

  #finishClosing(): void {
    if (this.#connections.length > 0) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}
