// What all connections toward an upstream have in common, be it framed messages (stream-connection)
// or HTTP (doh-connection): the socket's life, how many queries fit, how long the server has been
// silent. Owned by stream-exchange, which calls tick() about ten times a second and decides what
// becomes of the queries that a connection leaves unanswered.
//
//   connecting ──open()──▶ open ──retire()──▶ retiring: takes no more queries, gone when none is waited for
//       └──────── error, no connection in time, destroy(), the server closes ────────▶ gone (onClosed, once)
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { describeConnectError, describeEarlyEnd, describeOpenError, describeStall } from './connect-error.ts';
import { FailureReason, type UpstreamQuery } from './exchange.ts';
import type { PipelineDepth } from './pipeline-depth.ts';
import type { StreamConnector } from './stream-connector.ts';
import type { StreamEntry } from './stream-entry.ts';

/** Time to connect, TLS and the first HTTP frames included. */
const CONNECT_TIMEOUT_MS = 2000;
/** Without a query for this long, the connection is closed (RFC 7766 §6.2.3). */
const IDLE_MS = 10_000;
/** A server that ends connections after one answer does so within this time. */
const ENDING_MS = 200;
/** Bytes that the kernel has not taken yet: with more, no query is added. */
const MAX_QUEUED_BYTES = 256 * 1024;
/**
 * Bytes that a server may send between two answers: more is a flood of frames or headers that
 * answer nothing.
 */
const MAX_BYTES_WITHOUT_ANSWER = 1024 * 1024;

/** Who owns the connections. None of these is called from within send(). */
export interface LinkHandler {
  onOpen(link: StreamLink): void;
  /** The reply to an entry, which the connection has forgotten by now. */
  onAnswer(entry: StreamEntry, bytes: Uint8Array, length: number): void;
  /**
   * HTTPS: this one request failed, the connection lives. With `refused` the server has not looked
   * at it (RFC 9113 §8.7).
   */
  onLost(entry: StreamEntry, refused: boolean, reason: FailureReason, text: string): void;
  /**
   * It is no more. `unanswered` are the entries whose owners still wait, oldest first. Called once.
   */
  onClosed(link: StreamLink, unanswered: StreamEntry[], reason: FailureReason, text: string): void;
}

export interface LinkOptions {
  readonly connector: StreamConnector;
  /** What is known of the server, shared by its connections. */
  readonly depth: PipelineDepth;
  readonly clock: Clock;
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
}

export abstract class StreamLink {
  /** What UpstreamQuery.channel says. */
  readonly serial: number;
  /** Queries can be sent. */
  open = false;
  /** Takes no more queries. */
  retiring = false;
  /** One query has it for itself (StreamEntry.alone). */
  exclusive = false;
  /** Queries whose owners wait. */
  live = 0;
  /** Queries answered. */
  answered = 0;
  /** When the last one was. */
  answeredMs = Number.NEGATIVE_INFINITY;
  /** Given up as the server was silent for too long. */
  wasSilent = false;
  /** How long connecting took, ms. */
  connectMs = 0;
  protected readonly handler: LinkHandler;
  protected readonly depth: PipelineDepth;
  protected readonly clock: Clock;
  protected readonly socket: Socket;
  /** When the server was last heard, or first owed an answer. */
  protected heardMs: number;
  readonly #connector: StreamConnector;
  readonly #idleMs: number;
  readonly #connectTimeoutMs: number;
  readonly #beganMs: number;
  #transportReached = false;
  #usedMs: number;
  #bytesAtAnswer = 0;
  #reason: FailureReason | null = null;
  #text = '';
  #closed = false;

  constructor(serial: number, handler: LinkHandler, options: LinkOptions) {
    this.serial = serial;
    this.handler = handler;
    this.depth = options.depth;
    this.clock = options.clock;
    this.#connector = options.connector;
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#beganMs = this.clock.refresh();
    this.heardMs = this.#beganMs;
    this.#usedMs = this.#beganMs;
    const socket = options.connector.connect();
    this.socket = socket;
    socket.once('connect', () => {
      this.#transportReached = true;
    });
    socket.once(options.connector.openEvent, () => this.onTransport());
    socket.on('end', () => {
      this.retiring = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const { connector } = options;
      this.fail(
        this.#reasonNow(),
        this.open ? describeOpenError(error) : describeConnectError(error, connector),
      );
    });
    socket.on('close', () => this.#onClose());
  }

  /** Queries that the server still has to answer, as far as they take room from others. */
  abstract get load(): number;
  /**
   * Of those, the queries that its next answer may be for: about the others it has been silent
   * while it answered later ones.
   */
  protected abstract get owed(): number;
  /** How many it may have at a time, by what this connection shows. */
  protected abstract get ownLimit(): number;
  /** Whether the server is known to answer a query while another one waits. */
  abstract get canOvertake(): boolean;
  /** Sends an entry. Only while it has room. */
  abstract send(entry: StreamEntry): void;
  /** Forgets a query. */
  abstract cancel(query: UpstreamQuery): void;
  /** The entries whose owners wait, oldest first. */
  abstract entries(): StreamEntry[];
  /** TCP, and TLS, are up. */
  protected abstract onTransport(): void;
  /** Asks a server that owes answers for a sign of life, where the protocol can (HTTP/2: PING). */
  protected ping(): void {}

  /** How many queries it may have at a time. */
  get limit(): number {
    if (!this.depth.isSingle) return this.ownLimit;
    // Its end may be on the way: a query that meets it is lost.
    const mayBeEnding = this.answered > 0 && this.clock.nowMs - this.heardMs < ENDING_MS;
    return mayBeEnding ? 0 : Math.min(1, this.ownLimit);
  }

  get hasRoom(): boolean {
    return (
      this.open &&
      !this.retiring &&
      !this.exclusive &&
      this.load < this.limit &&
      this.socket.writableLength < MAX_QUEUED_BYTES
    );
  }

  /** For how long the server has been silent although it owes answers; 0 when it owes none. */
  silentMs(nowMs: number): number {
    return this.owed === 0 || !this.open ? 0 : nowMs - this.heardMs;
  }

  /** Looks at the time. */
  tick(nowMs: number): void {
    if (this.#closed) return;
    if (!this.open) {
      if (nowMs - this.#beganMs < this.#connectTimeoutMs) return;
      const stalled = describeStall(this.#transportReached, this.#connector, this.#connectTimeoutMs);
      this.destroy(this.#reasonNow(), stalled);
    } else if (this.socket.bytesRead - this.#bytesAtAnswer > MAX_BYTES_WITHOUT_ANSWER) {
      this.destroy(FailureReason.protocol, 'sent more than 1 MiB that answers nothing');
    } else if (this.live === 0 && nowMs - this.#usedMs >= this.#idleMs) {
      this.retire();
    } else if (this.live > 0) {
      this.ping();
    }
  }

  /** Takes no more queries, closes when nobody waits for an answer. */
  retire(): void {
    this.retiring = true;
    this.closeIfDrained();
  }

  /** Closes at once. What is unanswered is handed back by onClosed. */
  destroy(reason: FailureReason = FailureReason.closed, text = 'connection given up'): void {
    this.fail(reason, text);
    this.retiring = true;
    this.socket.destroy();
  }

  /** The server is silent, and others wait or nobody does. */
  giveUp(): void {
    this.wasSilent = true;
    this.destroy(FailureReason.closed, 'no answer for too long');
  }

  /** The first reason that is given is the one. */
  protected fail(reason: FailureReason, text: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#text = text;
  }

  /** Queries can be sent from now on. */
  protected opened(): void {
    if (this.#closed || this.retiring) return;
    const nowMs = this.clock.refresh();
    this.open = true;
    this.connectMs = nowMs - this.#beganMs;
    this.heardMs = nowMs;
    this.#usedMs = nowMs;
    this.handler.onOpen(this);
  }

  /** One more is on its way. */
  protected sent(entry: StreamEntry): void {
    const { nowMs } = this.clock;
    if (this.owed === 0) this.heardMs = nowMs;
    this.#usedMs = nowMs;
    entry.sinceMs = nowMs;
    this.live++;
  }

  /** One was answered. */
  protected heardAnswer(): void {
    const { nowMs } = this.clock;
    this.heardMs = nowMs;
    this.answeredMs = nowMs;
    this.#usedMs = nowMs;
    this.#bytesAtAnswer = this.socket.bytesRead;
    this.answered++;
  }

  /** Nobody waits for one any more: it was answered, lost or canceled. */
  protected left(): void {
    this.live--;
    if (this.live === 0) this.exclusive = false;
    this.closeIfDrained();
  }

  /**
   * A descriptor is kept for nothing that can still come: the server may take its time to close its
   * end (FIN-WAIT-2).
   */
  protected closeIfDrained(): void {
    if (this.retiring && this.live === 0) this.socket.destroy();
  }

  /** What an error means, by how far the connection has come. */
  #reasonNow(): FailureReason {
    if (this.open) return FailureReason.closed;
    return this.#connector.encrypted && this.#transportReached
      ? FailureReason.tls
      : FailureReason.unreachable;
  }

  #onClose(): void {
    this.#closed = true;
    this.retiring = true;
    this.clock.refresh();
    this.fail(
      this.#reasonNow(),
      this.open ? 'the server closed the connection' : describeEarlyEnd(this.#connector),
    );
    const unanswered = this.entries();
    if (unanswered.length > 0 && !this.wasSilent) this.depth.closedEarly(this.answered);
    this.handler.onClosed(this, unanswered, this.#reason!, this.#text);
  }
}
