// One HTTP/2 connection toward a DNS-over-HTTPS server. Belongs to doh-exchange, which decides what becomes of requests that
// a session leaves unanswered.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { FailureReason } from './exchange.ts';
import { describeError } from './stream-connection.ts';
import type { StreamConnector } from './stream-connector.ts';

/** Time to connect, TLS included. */
const CONNECT_TIMEOUT_MS = 2000;
/** Without traffic for this long, the session is closed. */
const IDLE_MS = 10_000;

export interface DohSessionOptions {
  readonly connector: StreamConnector;
  /** "https://dns.example:8443". */
  readonly origin: string;
  readonly clock: Clock;
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
}

/** See the head of the file. Connects at once; requests made before it is open wait for it. */
export class DohSession {
  /** TLS is up and HTTP/2 agreed on. */
  open = false;
  /** Takes no more requests. */
  retiring = false;
  closed = false;
  /** Responses that came. */
  answered = 0;
  /** Why it failed, once it has; `closed` without an error. */
  reason: FailureReason = FailureReason.closed;
  text = '';
  readonly #http: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #connectTimer: NodeJS.Timeout;
  #transportReached = false;
  /** Since when the server owes a response and sends none; 0 when it owes none. */
  #owingSinceMs = 0;

  constructor(options: DohSessionOptions, onClosed: (session: DohSession) => void) {
    this.#clock = options.clock;
    const socket = options.connector.connect() as TLSSocket;
    socket.once('connect', () => {
      this.#transportReached = true;
    });
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === 'h2') return;
      this.#break(FailureReason.protocol, 'the server does not speak HTTP/2');
    });
    this.#http = connect(options.origin, { createConnection: () => socket, settings: { enablePush: false } });
    this.#connectTimer = setTimeout(
      () => this.#break(FailureReason.unreachable, 'no connection in time'),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    this.#http.once('connect', () => {
      clearTimeout(this.#connectTimer);
      this.open = true;
      if (this.#owingSinceMs !== 0) this.#owingSinceMs = this.#clock.refresh();
    });
    this.#http.on('goaway', () => this.retire());
    this.#http.on('error', (error: NodeJS.ErrnoException) => {
      if (this.text !== '') return;
      this.text = describeError(error);
      if (!this.open) this.reason = this.#transportReached ? FailureReason.tls : FailureReason.unreachable;
    });
    this.#http.on('close', () => {
      clearTimeout(this.#connectTimer);
      this.closed = true;
      this.retiring = true;
      onClosed(this);
    });
    this.#http.setTimeout(options.idleMs ?? IDLE_MS, () => this.destroy());
  }

  /** For how long the server has sent nothing although it owes responses, even to requests cancelled since. */
  silentMs(nowMs: number): number {
    return this.#owingSinceMs === 0 ? 0 : nowMs - this.#owingSinceMs;
  }

  /** Whether it has broken or never came to be: what becomes of its streams is known when it is closed. */
  get broken(): boolean {
    return this.#http.destroyed || !this.open;
  }

  /** Posts one message; null when the session cannot take it. */
  request(path: string, body: Buffer): ClientHttp2Stream | null {
    if (this.retiring || this.#http.closed || this.#http.destroyed) return null;
    const stream = this.#http.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_ACCEPT]: 'application/dns-message',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/dns-message',
      [constants.HTTP2_HEADER_CONTENT_LENGTH]: body.length,
    });
    if (this.#owingSinceMs === 0) this.#owingSinceMs = this.#clock.nowMs;
    stream.once('response', () => {
      this.#clock.refresh();
      this.#owingSinceMs = 0;
      this.answered++;
    });
    stream.end(body);
    return stream;
  }

  /** Takes no more requests, closes when the last one is done. */
  retire(): void {
    if (this.retiring) return;
    this.retiring = true;
    this.#http.close();
  }

  /** Closes at once. */
  destroy(): void {
    this.retiring = true;
    this.#http.destroy();
  }

  #break(reason: FailureReason, text: string): void {
    if (this.text === '') {
      this.reason = reason;
      this.text = text;
    }
    this.destroy();
  }
}
