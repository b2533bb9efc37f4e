// One TCP or TLS connection toward an upstream: pipelined queries, replies in any order (RFC 7766 §6.2.1, §7). Belongs to
// stream-exchange, which decides what happens to the queries that a connection leaves unanswered.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { RandomPool } from '../base/random.ts';
import { FrameReader } from '../io/tcp-framing.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { FailureReason, type UpstreamQuery } from './exchange.ts';
import { compareQuestions, QuestionMatch } from './question-match.ts';
import type { StreamConnector } from './stream-connector.ts';

/** Octets of the length before each message. */
export const FRAME_HEADER_LENGTH = 2;
const HEADER_LENGTH = 12;
/** QR and OPCODE in header octet 2; a reply to a QUERY has only QR of them. */
const QR_AND_OPCODE = 0xf8;
const QR = 0x80;
const RCODE = 0x0f;

/** Unanswered queries on one connection, cancelled ones included. */
const MAX_PIPELINED = 1024;
/** Cancelled queries that the server never answered: with more, the connection is given up. */
const MAX_ABANDONED = 256;
/** Octets that the kernel has not taken yet. */
const MAX_QUEUED_BYTES = 256 * 1024;
/** Messages that match no query before the server is taken for broken. */
const MAX_STRAYS = 16;
/** Time to connect, TLS included. */
const CONNECT_TIMEOUT_MS = 2000;
/** Without traffic for this long, the connection is closed (RFC 7766 §6.2.3). */
const IDLE_MS = 10_000;

/** A query as a stream holds it: with its own copy of the message, so that it can be sent again. */
export interface StreamEntry {
  /** Null once cancelled: the entry then only keeps its ID taken until the reply has come. */
  query: UpstreamQuery | null;
  /** Length, then the message. */
  readonly frame: Buffer;
  readonly questionLength: number;
  /** Connections that it was lost with so far. */
  retries: number;
}

/** Who owns the connection. */
export interface StreamConnectionHandler {
  onOpen(connection: StreamConnection): void;
  /** The reply to an entry, which the connection has forgotten by now. */
  onAnswer(entry: StreamEntry, bytes: Uint8Array, length: number): void;
  /** It is no more. `unanswered` are the entries whose owners still wait. Called once, never from within send(). */
  onClosed(
    connection: StreamConnection,
    unanswered: StreamEntry[],
    reason: FailureReason,
    text: string,
  ): void;
}

export interface StreamConnectionOptions {
  readonly connector: StreamConnector;
  readonly random: RandomPool;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
}

/** See the head of the file. Connects at once. */
export class StreamConnection {
  /** What UpstreamQuery.channel says. */
  readonly serial: number;
  /** Can be written to. */
  open = false;
  /** Takes no more queries. */
  retiring = false;
  /** Queries whose owners wait. */
  live = 0;
  /** Messages answered. */
  answered = 0;
  /** Ended from here, not by the server. */
  givenUp = false;
  readonly #handler: StreamConnectionHandler;
  readonly #random: RandomPool;
  readonly #clock: Clock;
  readonly #counterValues: Float64Array;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  /** By ID, oldest first. */
  readonly #pending = new Map<number, StreamEntry>();
  readonly #connectTimer: NodeJS.Timeout;
  readonly #encrypted: boolean;
  #transportReached = false;
  #strays = 0;
  #corked = false;
  #waitingSinceMs = 0;
  #reason: FailureReason | null = null;
  #text = '';

  constructor(serial: number, handler: StreamConnectionHandler, options: StreamConnectionOptions) {
    this.serial = serial;
    this.#handler = handler;
    this.#random = options.random;
    this.#clock = options.clock;
    this.#counterValues = options.counters.values;
    this.#encrypted = options.connector.encrypted;
    this.#waitingSinceMs = this.#clock.nowMs;
    this.#reader = new FrameReader({
      onMessage: (bytes, length) => this.#onMessage(bytes, length),
      onFramingError: () => this.#break(FailureReason.protocol, 'not DNS: a message too short to be one'),
    });
    const socket = options.connector.connect();
    this.#socket = socket;
    this.#connectTimer = setTimeout(
      () => this.#break(FailureReason.unreachable, 'no connection in time'),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    socket.once('connect', () => {
      this.#transportReached = true;
    });
    socket.once(options.connector.openEvent, () => this.#onOpen());
    socket.on('data', (chunk: Buffer) => {
      this.#clock.refresh();
      this.#reader.push(chunk);
    });
    socket.on('end', () => {
      this.retiring = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= this.#reasonOf();
      if (this.#text === '') this.#text = describeError(error);
    });
    socket.on('close', () => this.#onClose());
    socket.setTimeout(options.idleMs ?? IDLE_MS, () => this.#onIdle());
  }

  /** Whether one more query may go this way. */
  get usable(): boolean {
    return (
      !this.retiring && this.#pending.size < MAX_PIPELINED && this.#socket.writableLength < MAX_QUEUED_BYTES
    );
  }

  /** Unanswered queries, cancelled ones included. */
  get unanswered(): number {
    return this.#pending.size;
  }

  /** For how long the server has been silent although it owes replies; 0 when it owes none. */
  silentMs(nowMs: number): number {
    return this.#pending.size === 0 || !this.open ? 0 : nowMs - this.#waitingSinceMs;
  }

  /** Sends an entry under a free random ID, now or as soon as the connection is open. Only while usable. */
  send(entry: StreamEntry): void {
    const query = entry.query!;
    let id = this.#random.uint16();
    while (this.#pending.has(id)) id = this.#random.uint16(); // at most 1 in 64 is taken
    entry.frame[FRAME_HEADER_LENGTH] = id >>> 8;
    entry.frame[FRAME_HEADER_LENGTH + 1] = id & 0xff;
    if (this.#pending.size === 0) this.#waitingSinceMs = this.#clock.nowMs;
    this.#pending.set(id, entry);
    this.live++;
    query.id = id;
    query.channel = this.serial;
    if (this.open) this.#write(entry);
  }

  /** Forgets a query. Its ID stays taken until its reply has come, so that no other query can get it. */
  cancel(query: UpstreamQuery): void {
    const entry = this.#pending.get(query.id);
    if (entry?.query !== query) return;
    entry.query = null;
    this.live--;
    if (!this.open) this.#pending.delete(query.id);
    else if (this.#pending.size - this.live > MAX_ABANDONED) this.retire();
    this.#closeIfDrained();
  }

  /** Takes no more queries, closes when the last one is answered. */
  retire(): void {
    this.retiring = true;
    this.#closeIfDrained();
  }

  /** Closes at once. What is unanswered is handed back by onClosed. */
  destroy(): void {
    this.#break(FailureReason.closed, 'connection given up');
  }

  #onOpen(): void {
    clearTimeout(this.#connectTimer);
    this.open = true;
    this.#clock.refresh();
    this.#waitingSinceMs = this.#clock.nowMs;
    for (const entry of this.#pending.values()) this.#write(entry);
    this.#handler.onOpen(this);
  }

  /** Writes a frame; those of one turn leave together. */
  #write(entry: StreamEntry): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(entry.frame);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  #onMessage(bytes: Uint8Array, length: number): void {
    this.#waitingSinceMs = this.#clock.nowMs;
    const id = (bytes[0]! << 8) | bytes[1]!;
    const entry = this.#pending.get(id);
    if (entry === undefined || !this.#matches(entry, bytes, length)) {
      this.#counterValues[Counter.upstreamMismatches]!++;
      if (++this.#strays > MAX_STRAYS) this.#break(FailureReason.protocol, 'replies that match no query');
      return;
    }
    this.#pending.delete(id);
    this.answered++;
    if (entry.query !== null) {
      this.live--;
      this.#handler.onAnswer(entry, bytes, length);
    }
    this.#closeIfDrained();
  }

  /** Over a stream nobody forges, so that an error without a question is believed, and so is any case. */
  #matches(entry: StreamEntry, bytes: Uint8Array, length: number): boolean {
    if ((bytes[2]! & QR_AND_OPCODE) !== QR) return false;
    const at = FRAME_HEADER_LENGTH + HEADER_LENGTH;
    switch (compareQuestions(entry.frame, at, entry.questionLength, bytes, length)) {
      case QuestionMatch.exact:
        return true;
      case QuestionMatch.caseDiffers:
        if (entry.query?.matchCase) this.#counterValues[Counter.upstreamCaseMismatches]!++;
        return true;
      case QuestionMatch.absent:
        return (bytes[3]! & RCODE) !== 0;
      default:
        return false;
    }
  }

  #onIdle(): void {
    if (this.live === 0) this.retire();
    else this.#break(FailureReason.closed, 'no reply for too long');
  }

  #closeIfDrained(): void {
    if (this.retiring && this.live === 0) this.#socket.destroySoon();
  }

  #break(reason: FailureReason, text: string): void {
    this.givenUp = true;
    this.retiring = true;
    this.#reason ??= reason;
    if (this.#text === '') this.#text = text;
    this.#reader.stop();
    this.#socket.destroy();
  }

  /** What an error of the socket means, by how far the connection has come. */
  #reasonOf(): FailureReason {
    if (this.open) return FailureReason.closed;
    return this.#encrypted && this.#transportReached ? FailureReason.tls : FailureReason.unreachable;
  }

  #onClose(): void {
    clearTimeout(this.#connectTimer);
    this.#clock.refresh();
    this.retiring = true;
    const unanswered = [...this.#pending.values()].filter((entry) => entry.query !== null);
    this.#pending.clear();
    this.live = 0;
    const text = this.#text === '' ? 'closed by the server' : this.#text;
    this.#handler.onClosed(this, unanswered, this.#reason ?? this.#reasonOf(), text);
  }
}

/** "ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:853", without saying the code twice. */
export function describeError(error: NodeJS.ErrnoException): string {
  const { code, message } = error;
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}
