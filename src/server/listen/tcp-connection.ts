// One client's TCP connection (RFC 7766): pipelined queries, answers in any order, split and joined
// reads, half-close. tcp-listener.ts makes it. Its bounds stand here: queries in flight, unread
// answers, idle time, lifetime.
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { TimerWheel, WheelTimer } from '../../base/timer-wheel.ts';
import { copyBytes, WordBytes } from '../../base/word-bytes.ts';
import { PEER_WORDS } from '../../io/datagram-socket.ts';
import { writePeer } from '../../io/peer.ts';
import { FrameReader } from '../../io/tcp-framing.ts';
import { type Counters, Drop } from '../../metrics/counters.ts';
import type { ReplySink } from '../../pipeline/reply-sink.ts';

/**
 * Queries of one connection that may be in flight at once; beyond, we stop reading (RFC 7766
 * §6.2.1.1 wants pipelining, not floods).
 */
const MAX_PIPELINED = 256;
/** Bytes of answers that a client may leave unread; beyond, we stop reading. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** A connection is closed after this long, however busy it is. */
const LIFETIME_MS = 2 * 60 * 60 * 1000;
/** The idle time while the server drains. */
const DRAIN_IDLE_MS = 1000;

const MAX_MESSAGE_BYTES = 65_535;
const FRAME_HEADER_BYTES = 2;
/**
 * Answers are built here, one at a time in a thread. The message starts on a word, with its length
 * before it. Length and message leave together (RFC 7766 §8), as a copy: the socket may hold it
 * until the client reads.
 */
const replyMemory = new ArrayBuffer(4 + MAX_MESSAGE_BYTES);
const replyMessage = new WordBytes(replyMemory, 4);
const replyFrame = Buffer.from(replyMemory, 4 - FRAME_HEADER_BYTES);
/**
 * Answers to what one read brought, which leave in one write: a system call each would cost more
 * than all else. One read at a time in a thread.
 */
const gathered = Buffer.allocUnsafeSlow(16 * 1024);

/** What a connection needs of its listener. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  readonly idleMs: number;
  readonly draining: boolean;
  /** Takes a whole query; true: exactly one send() will follow (or has). */
  handle(bytes: Uint8Array, length: number, connection: TcpConnection): boolean;
  /** The queries of one read, begun at startMs, have been handled. */
  endBatch(startMs: number): void;
  onClosed(connection: TcpConnection): void;
}

export class TcpConnection implements ReplySink, WheelTimer {
  readonly stream = true;
  keepaliveAsked = false;
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  /** The client's address and port as peer words (io/datagram-socket.ts). */
  readonly peer = new Int32Array(PEER_WORDS);

  /** The client's address as text, to tell its connections from others'. */
  readonly client: string;

  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #reader = new FrameReader(this);
  readonly #openedMs: number;
  #inFlight = 0;
  /** The last whole query came, or the last answer left, at this time. */
  #activeMs: number;
  /**
   * The client sent FIN, or we drain: no more queries are read, what is in flight is still answered
   * (RFC 7766 §6.2.4).
   */
  #ending = false;
  #closed = false;
  #paused = false;
  /** The queries of one read are being handled: answers are gathered. */
  #reading = false;
  #gatheredBytes = 0;
  /** Its lifetime is over: only queries in flight are still answered. */
  #expired = false;

  constructor(owner: ConnectionOwner, socket: Socket) {
    this.client = socket.remoteAddress ?? '';
    this.#owner = owner;
    this.#socket = socket;
    this.#openedMs = owner.clock.refresh();
    this.#activeMs = this.#openedMs;
    writePeer(socket.remoteAddress ?? '', socket.remotePort ?? 0, this.peer, 0);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#endWhenAnswered());
    socket.on('drain', () => this.#onDrain());
    // A reset is the client's right; 'close' follows and cleans up.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
    owner.wheel.arm(this, this.#openedMs + owner.idleMs);
  }

  /** Nothing would be lost by closing it now. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && !this.#reader.partial && this.#socket.writableLength === 0;
  }

  /**
   * For how long it is kept without a query, as clients are told (RFC 7828 §3.3.2); 0 when it is
   * about to end.
   */
  get keepaliveTenths(): number {
    if (this.#ending || this.#owner.draining) return 0;
    return Math.min(Math.floor(this.#owner.idleMs / 100), 0xffff);
  }

  #onData(chunk: Buffer): void {
    const startMs = this.#owner.clock.refresh();
    this.#reading = true;
    const taken = this.#reader.push(chunk);
    this.#reading = false;
    this.#writeGathered();
    this.#owner.endBatch(startMs);
    this.#endOrResume();
    // What there was no room for is read again later: one chunk may ask for a hundred megabytes of
    // answers.
    if (taken < chunk.length && !this.#socket.destroyed) this.#socket.unshift(chunk.subarray(taken));
  }

  /** FrameReader: one whole message. */
  onMessage(bytes: Uint8Array, length: number): void {
    if (this.#closed) return;
    // Only a whole message counts as life (RFC 7766 §6.2.3): dripping bytes does not keep a
    // connection open.
    this.#activeMs = this.#owner.clock.nowMs;
    this.#inFlight++;
    if (!this.#owner.handle(bytes, length, this)) this.#settle();
    this.#pauseWhenFull();
  }

  /** FrameReader: a length that no DNS message has. */
  onFramingError(): void {
    this.#owner.counters.drop(Drop.tcp_framing);
    this.#writeGathered();
    this.#socket.destroy();
  }

  reserve(): Uint8Array {
    return replyMessage;
  }

  send(length: number): void {
    if (this.#closed || !this.#socket.writable) {
      this.#owner.counters.drop(Drop.client_gone);
    } else {
      replyFrame[0] = length >> 8;
      replyFrame[1] = length & 0xff;
      this.#give(FRAME_HEADER_BYTES + length);
    }
    this.#settle();
  }

  /** Sends the answer in replyFrame, or gathers it. */
  #give(frameLength: number): void {
    if (this.#gatheredBytes + frameLength > gathered.length) this.#writeGathered();
    if (!this.#reading || frameLength > gathered.length) {
      this.#write(replyFrame, frameLength);
      return;
    }
    copyBytes(replyFrame, 0, gathered, this.#gatheredBytes, frameLength);
    this.#gatheredBytes += frameLength;
  }

  #writeGathered(): void {
    if (this.#gatheredBytes === 0) return;
    const length = this.#gatheredBytes;
    this.#gatheredBytes = 0;
    this.#write(gathered, length);
  }

  #write(frames: Buffer, length: number): void {
    this.#socket.write(Buffer.from(frames.subarray(0, length)));
    if (this.#socket.writableLength === 0) this.#activeMs = this.#owner.clock.nowMs;
  }

  /** One query less in flight. */
  #settle(): void {
    this.#inFlight--;
    if (!this.#reading) this.#endOrResume();
  }

  #endOrResume(): void {
    if (this.#ending && this.#inFlight === 0) this.#socket.end();
    else if (this.#paused) this.#resumeWhenRoom();
  }

  /** Lets in-flight queries be answered, then closes our side. */
  #endWhenAnswered(): void {
    this.#ending = true;
    if (this.#inFlight === 0) this.#socket.end();
  }

  #onDrain(): void {
    this.#activeMs = this.#owner.clock.refresh();
    this.#resumeWhenRoom();
  }

  #isFull(): boolean {
    const unreadBytes = this.#socket.writableLength + this.#gatheredBytes;
    return this.#inFlight >= MAX_PIPELINED || unreadBytes >= MAX_UNREAD_BYTES;
  }

  #pauseWhenFull(): void {
    if (this.#paused || this.#closed || !this.#isFull()) return;
    this.#paused = true;
    this.#reader.hold();
    this.#socket.pause();
  }

  #resumeWhenRoom(): void {
    if (!this.#paused || this.#closed || this.#expired || this.#isFull()) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /**
   * The idle time is over, or was when the timer was set: connections are looked at once per idle
   * time, not armed per query.
   */
  onTimer(nowMs: number): void {
    const idleMs = this.#owner.draining ? Math.min(DRAIN_IDLE_MS, this.#owner.idleMs) : this.#owner.idleMs;
    const dueMs = Math.min(this.#activeMs + idleMs, this.#openedMs + LIFETIME_MS);
    if (nowMs < dueMs) {
      this.#owner.wheel.arm(this, dueMs);
    } else if (this.#inFlight === 0 || this.#expired || this.#socket.writableLength >= MAX_UNREAD_BYTES) {
      this.#socket.destroy();
    } else {
      if (nowMs - this.#openedMs >= LIFETIME_MS) this.#expire();
      this.#owner.wheel.arm(this, nowMs + idleMs);
    }
  }

  /**
   * Reads nothing more, so that the connection ends with what is in flight, however busy it was.
   */
  #expire(): void {
    this.#expired = true;
    this.#paused = true;
    this.#socket.pause();
    this.#endWhenAnswered();
  }

  /** Reads no more queries and closes once those in flight are answered. */
  drain(): void {
    // In the next turn: queries that have come already are read first.
    setImmediate(() => this.#endWhenAnswered());
    this.#owner.wheel.arm(this, this.#owner.clock.nowMs + DRAIN_IDLE_MS);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.wheel.cancel(this);
    this.#owner.onClosed(this);
  }
}
