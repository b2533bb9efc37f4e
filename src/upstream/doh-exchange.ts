// Queries toward one upstream over HTTPS (RFC 8484): POST on one HTTP/2 session, opened on demand. Called by upstream.ts.
// HTTP tells the replies apart, so the ID on the wire is 0, which lets the server's caches work (§4.1).
import { type ClientHttp2Stream, constants } from 'node:http2';
import { isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { ConnectBackoff } from './connect-backoff.ts';
import { DohSession } from './doh-session.ts';
import { type Exchange, FailureReason, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { paddingLength, writePadding } from './padding.ts';
import { compareQuestions, MAX_QUESTION_LENGTH, QuestionMatch } from './question-match.ts';
import { createTlsConnector, type StreamConnector } from './stream-connector.ts';

const HEADER_LENGTH = 12;
const MAX_MESSAGE_LENGTH = 0xffff;
const QR_AND_OPCODE = 0xf8;
const QR = 0x80;
const RCODE = 0x0f;
/** Requests in flight. */
const MAX_IN_FLIGHT = 1000;
/** A session whose server owes responses and sends none for this long gets no more requests. */
const SILENCE_MS = 2000;

export interface DohExchangeOptions {
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  /** The URL's host, the name in the certificate; '': the address. */
  readonly serverName: string;
  /** The URL's path. */
  readonly path: string;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly ca?: string;
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
}

/** One request. */
interface DohEntry {
  /** Null once it has an outcome, or was cancelled. */
  query: UpstreamQuery | null;
  /** The message with ID 0. */
  readonly body: Buffer;
  readonly questionLength: number;
  session: DohSession;
  stream: ClientHttp2Stream;
  /** A good status and content type came. */
  responded: boolean;
  chunks: Buffer[];
  size: number;
  /** It was lost once already. */
  retried: boolean;
}

/** The HTTPS side of one upstream in one thread. */
export class DohExchange implements Exchange {
  /** What went wrong last, for the log; '' if nothing did. */
  lastError = '';
  readonly #options: DohExchangeOptions;
  readonly #connector: StreamConnector;
  readonly #origin: string;
  readonly #clock: Clock;
  readonly #counterValues: Float64Array;
  readonly #failures = new FailureQueue(this);
  readonly #backoff = new ConnectBackoff();
  readonly #entries = new Map<UpstreamQuery, DohEntry>();
  /** All that are not closed; the last one is in use. */
  readonly #sessions: DohSession[] = [];
  #closing = false;
  readonly #whenClosed: (() => void)[] = [];

  constructor(options: DohExchangeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#counterValues = options.counters.values;
    this.#connector = createTlsConnector({ ...options, alpn: 'h2' });
    const host = options.serverName === '' ? options.address.replace(/%.*$/, '') : options.serverName;
    this.#origin = `https://${isIPv6(host) ? `[${host}]` : host}:${options.port}`;
  }

  get inFlight(): number {
    return this.#entries.size + this.#failures.length;
  }

  send(query: UpstreamQuery): void {
    if (query.exchange !== null) query.exchange.cancel(query);
    const questionLength = query.questionEnd - HEADER_LENGTH;
    if (this.#closing) {
      this.#failures.push(query, FailureReason.closed);
    } else if (
      query.length > MAX_MESSAGE_LENGTH ||
      questionLength <= 0 ||
      questionLength > MAX_QUESTION_LENGTH
    ) {
      this.#failures.push(query, FailureReason.protocol);
    } else if (this.#entries.size >= MAX_IN_FLIGHT) {
      this.#failures.push(query, FailureReason.overload);
    } else {
      this.#post(query, bodyOf(query), questionLength, false);
    }
  }

  cancel(query: UpstreamQuery): void {
    if (query.exchange !== this) return;
    query.exchange = null;
    query.id = -1;
    const entry = this.#entries.get(query);
    if (entry === undefined) return; // waits in the failure queue, which passes it over
    this.#forget(entry);
    entry.stream.close(constants.NGHTTP2_CANCEL);
  }

  close(force: boolean): Promise<void> {
    this.#closing = true;
    for (const session of this.#sessions) {
      if (force) session.destroy();
      else session.retire();
    }
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#finishClosing();
    });
  }

  #post(query: UpstreamQuery, body: Buffer, questionLength: number, retried: boolean): void {
    const session = this.#currentSession();
    const stream = session?.request(this.#options.path, body) ?? null;
    if (session === null || stream === null) {
      this.#failures.push(query, session === null ? this.#backoff.reason : FailureReason.closed);
      return;
    }
    const entry: DohEntry = {
      query,
      body,
      questionLength,
      session,
      stream,
      responded: false,
      chunks: [],
      size: 0,
      retried,
    };
    query.exchange = this;
    query.id = 0;
    this.#entries.set(query, entry);
    stream.on('response', (headers) => {
      const refusal = refusalOf(headers[':status'], headers['content-type']);
      if (refusal === '') entry.responded = true;
      else this.#fail(entry, FailureReason.protocol, refusal);
    });
    stream.on('data', (chunk: Buffer) => {
      entry.size += chunk.length;
      if (entry.size <= MAX_MESSAGE_LENGTH) entry.chunks.push(chunk);
      else this.#fail(entry, FailureReason.protocol, 'a response of more than 65535 octets');
    });
    stream.on('end', () => this.#onEnd(entry));
    // What became of the stream is read at its close; without a listener the error would be thrown.
    stream.on('error', () => {});
    stream.on('close', () => this.#onStreamClosed(entry));
  }

  /** The session in use, or a new one; null while the server cannot be reached. */
  #currentSession(): DohSession | null {
    const nowMs = this.#clock.nowMs;
    const newest = this.#sessions.at(-1);
    if (newest !== undefined && newest.silentMs(nowMs) > SILENCE_MS) newest.retire();
    if (newest !== undefined && !newest.retiring) return newest;
    if (!this.#backoff.mayConnect(nowMs)) return null;
    const session = new DohSession(
      { ...this.#options, connector: this.#connector, origin: this.#origin },
      (closed) => this.#onSessionClosed(closed),
    );
    this.#sessions.push(session);
    return session;
  }

  /** The whole response is there. */
  #onEnd(entry: DohEntry): void {
    const { query } = entry;
    // A stream that was cut off ends too, after what had come of it.
    if (query === null || !entry.responded || entry.session.broken) return;
    if (entry.stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    const bytes = entry.chunks.length === 1 ? entry.chunks[0]! : Buffer.concat(entry.chunks);
    if (!this.#matches(entry, bytes)) {
      this.#counterValues[Counter.upstreamMismatches]!++;
      this.#fail(entry, FailureReason.protocol, 'a response that does not answer the query');
      return;
    }
    this.#backoff.succeeded();
    this.#forget(entry);
    query.exchange = null;
    query.id = -1;
    const taken = query.owner === null || query.owner.onReply(query, bytes, bytes.length);
    // No better reply will come. An owner that sent the query anew in the meantime has taken it.
    if (!taken && query.exchange === null) this.#failures.push(query, FailureReason.protocol);
  }

  /** Over TLS nobody forges, so that an error without a question is believed, and so is any case. */
  #matches(entry: DohEntry, bytes: Buffer): boolean {
    if (bytes.length < HEADER_LENGTH || (bytes[2]! & QR_AND_OPCODE) !== QR) return false;
    switch (compareQuestions(entry.body, HEADER_LENGTH, entry.questionLength, bytes, bytes.length)) {
      case QuestionMatch.exact:
        return true;
      case QuestionMatch.caseDiffers:
        if (entry.query!.matchCase) this.#counterValues[Counter.upstreamCaseMismatches]!++;
        return true;
      case QuestionMatch.absent:
        return (bytes[3]! & RCODE) !== 0;
      default:
        return false;
    }
  }

  /** The stream is gone. If its whole session is, more is known when that has closed. */
  #onStreamClosed(entry: DohEntry): void {
    if (entry.query === null || entry.session.broken) return;
    const code = entry.stream.rstCode;
    const text = `stream closed, HTTP/2 code ${code}`;
    this.#lost(entry, code === constants.NGHTTP2_REFUSED_STREAM, FailureReason.closed, text);
  }

  #onSessionClosed(session: DohSession): void {
    this.#sessions.splice(this.#sessions.indexOf(session), 1);
    const nowMs = this.#clock.refresh();
    const text = session.text === '' ? 'closed by the server' : session.text;
    if (session.open) this.#backoff.succeeded();
    else if (!this.#closing) {
      this.lastError = text;
      this.#backoff.failed(nowMs, session.reason);
    }
    const unanswered = [...this.#entries.values()].filter((entry) => entry.session === session);
    for (const entry of unanswered) this.#lost(entry, session.answered > 0, session.reason, text);
    if (this.#closing) this.#finishClosing();
  }

  /** A request without a reply is made again where the server is not to blame, once, or has failed. */
  #lost(entry: DohEntry, again: boolean, reason: FailureReason, text: string): void {
    const { query } = entry;
    if (query === null) return;
    const mayRepeat = again && !entry.retried && !this.#closing;
    if (!mayRepeat || query.owner?.mayRepeat?.(query) === false) {
      this.#fail(entry, reason, text);
      return;
    }
    this.#forget(entry);
    this.#post(query, entry.body, entry.questionLength, true);
  }

  /** Tells the owner; called from events only, never from within send(). */
  #fail(entry: DohEntry, reason: FailureReason, text: string): void {
    const { query } = entry;
    if (query === null) return;
    this.#forget(entry);
    this.lastError = text;
    query.exchange = null;
    query.id = -1;
    entry.stream.close(constants.NGHTTP2_CANCEL);
    query.owner?.onFailure(query, reason);
  }

  #forget(entry: DohEntry): void {
    if (entry.query !== null) this.#entries.delete(entry.query);
    entry.query = null;
    entry.chunks = [];
  }

  #finishClosing(): void {
    if (this.#sessions.length > 0 || this.#entries.size > 0) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}

/** What is wrong with a response by its header; '' when nothing is. */
function refusalOf(status: number | undefined, contentType: string | undefined): string {
  if (status !== 200) return `HTTP status ${status ?? 'missing'}`;
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
  return type === 'application/dns-message' ? '' : `content type "${type}"`;
}

/** The message with ID 0 and padding. */
function bodyOf(query: UpstreamQuery): Buffer {
  const { bytes, length, questionEnd } = query;
  const padding = paddingLength(bytes, length, questionEnd);
  const body = Buffer.alloc(length + padding);
  for (let i = 2; i < length; i++) body[i] = bytes[i]!;
  if (padding > 0) writePadding(body, 0, length, questionEnd, padding);
  return body;
}
