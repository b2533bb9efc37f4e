// Queries toward one upstream over UDP: connected sockets on random ports, random IDs, replies
// believed only when source, port, ID, question and case are right (RFC 5452 §4, §9). Called by
// upstream.ts for every forwarded query.
//
//   one turn's sends ─▶ one channel, drawn at random ─▶ sendmmsg          a batch stays a batch, its port unpredictable
//   channels: 16 active; each is replaced after a while, drains until nothing is in flight by it, then closes
import type { Clock } from '../base/clock.ts';
import type { RandomPool } from '../base/random.ts';
import { copyBytes } from '../base/word-bytes.ts';
import { SEND_SLOT_BYTES } from '../io/datagram-socket.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { type Exchange, FailureReason, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { IdTable } from './id-table.ts';
import { compareQuestions, QuestionMatch } from './question-match.ts';
import type { UdpChannel } from './udp-channel.ts';
import { UdpChannelPool, type UdpChannelPoolOwner } from './udp-channel-pool.ts';

/** QR and OPCODE in header byte 2; a reply to a QUERY has only QR of them. */
const QR_AND_OPCODE = 0xf8;
const QR = 0x80;

/**
 * Replies that miss a query's question before its owner hears of it. One may be a stray, three are
 * an attack or a broken server.
 */
const SUSPICIOUS_MISMATCHES = 3;
/**
 * Searches for the query that a reply without its ID is aimed at, in this time: a flood of guesses
 * must not cost more.
 */
const MAX_SEARCHES = 32;
const SEARCH_PERIOD_MS = 100;
const DEFAULT_SOCKETS = 16;

export interface UdpExchangeOptions {
  /** IP literal, zone kept. */
  readonly host: string;
  readonly port: number;
  /** Sockets in use at a time. Default 16. */
  readonly sockets?: number;
  readonly random: RandomPool;
  /** The thread's clock. */
  readonly clock: Clock;
  readonly counters: Counters;
}

/** The UDP side of one upstream in one thread. */
export class UdpExchange implements Exchange, UdpChannelPoolOwner {
  readonly #clock: Clock;
  readonly #counterValues: Float64Array;
  readonly #ids: IdTable;
  readonly #failures = new FailureQueue(this);
  readonly #channels: UdpChannelPool;
  #sending = false;
  /**
   * ID whose owner is being called; −1 when none is, or the owner has already taken the query away.
   */
  #deliveringId = -1;
  #searchesLeft = MAX_SEARCHES;
  #searchPeriodEndMs = 0;
  #closing = false;
  #forced = false;
  #closed: (() => void) | null = null;
  #closedPromise: Promise<void> | null = null;

  private constructor(options: UdpExchangeOptions) {
    this.#clock = options.clock;
    this.#counterValues = options.counters.values;
    this.#ids = new IdTable(options.random);
    this.#channels = new UdpChannelPool(
      {
        host: options.host,
        port: options.port,
        size: options.sockets ?? DEFAULT_SOCKETS,
        random: options.random,
        clock: options.clock,
        counterValues: options.counters.values,
      },
      this,
    );
  }

  /**
   * An exchange that can send: its first socket is open, the others open in the background. It
   * never fails: where no socket can be had now, queries fail until one can: as `overload` if this
   * host has none left, as `unreachable` if there is no way to the server.
   */
  static async open(options: UdpExchangeOptions): Promise<UdpExchange> {
    const exchange = new UdpExchange(options);
    await exchange.#channels.open();
    return exchange;
  }

  /** What went wrong last, for the log; '' if nothing did. */
  get lastError(): string {
    return this.#channels.lastError;
  }

  get inFlight(): number {
    return this.#ids.inFlight + this.#failures.length;
  }

  /** Adds what its sockets lost to the counters; called about once a second. */
  publishCounters(): void {
    this.#channels.publishCounters();
  }

  /** Local ports that queries leave by now. */
  localPorts(): number[] {
    return this.#channels.localPorts();
  }

  send(query: UpstreamQuery): void {
    if (query.exchange !== null) query.exchange.cancel(query);
    const channels = this.#channels;
    const channel = channels.current ?? channels.beginTurn();
    if (channel === null || this.#closing) {
      this.#failures.push(query, this.#closing ? FailureReason.closed : channels.openFailure);
      return;
    }
    const length = query.length;
    if (length > SEND_SLOT_BYTES) {
      this.#failures.push(query, FailureReason.protocol);
      return;
    }
    const id = this.#ids.take(query);
    if (id < 0) {
      this.#failures.push(query, FailureReason.overload);
      return;
    }
    query.exchange = this;
    query.channel = channel.index;
    channel.inFlight++;
    channel.sent++;
    this.#sending = true;
    const socket = channel.socket!;
    const slot = socket.reserve();
    copyBytes(query.bytes, 0, slot, 0, length);
    slot[0] = id >>> 8;
    slot[1] = id & 0xff;
    socket.commitConnected(length);
    this.#sending = false;
  }

  cancel(query: UpstreamQuery): void {
    if (query.exchange !== this) return;
    query.exchange = null;
    if (query.id < 0) return; // waits in the failure queue, which passes it over
    if (query.id === this.#deliveringId) this.#deliveringId = -1;
    this.#release(query);
  }

  onWake(): void {
    this.#clock.refresh();
  }

  /**
   * One datagram from the server, as the kernel sees it: address and port are right, all else is to
   * be shown.
   */
  receive(channel: UdpChannel, bytes: Uint8Array, length: number): void {
    if (length < HEADER_LENGTH || (bytes[2]! & QR_AND_OPCODE) !== QR) {
      this.#guess(channel, bytes, length);
      return;
    }
    const id = (bytes[0]! << 8) | bytes[1]!;
    const query = this.#ids.get(id);
    if (query === null || query.channel !== channel.index) {
      this.#guess(channel, bytes, length);
      return;
    }
    const questionLength = query.questionEnd - HEADER_LENGTH;
    const match = compareQuestions(query.bytes, HEADER_LENGTH, questionLength, bytes, length);
    if (match === QuestionMatch.exact || (match === QuestionMatch.caseDiffers && !query.matchCase)) {
      this.#deliver(channel, query, bytes, length);
      return;
    }
    if (match === QuestionMatch.caseDiffers) {
      this.#counterValues[Counter.upstreamCaseMismatches]!++;
      query.miscased = true;
    } else {
      this.#stray(channel);
    }
    // A wrong case, or a bare header, is how some honest servers are: the owner learns of it at
    // once.
    this.#suspect(query, match === QuestionMatch.differs ? SUSPICIOUS_MISMATCHES : 1);
  }

  /**
   * The kernel reports that nothing listens on the server's port, or that there is no route to it.
   */
  failChannel(channel: UdpChannel, code: string): void {
    if (this.#sending) {
      // The owner must not hear of it from within its own send().
      setImmediate(() => this.failChannel(channel, code));
      return;
    }
    this.#channels.lastError = code;
    // Any other error than a closed port may come of this socket's own address being gone: the next
    // one gets another.
    if (code !== 'ECONNREFUSED' && !channel.retired) this.#channels.replace(channel);
    for (const query of this.#ids.inFlightOn(channel.index)) {
      // An owner called before may have taken this one away.
      if (query.exchange !== this || query.channel !== channel.index || query.id < 0) continue;
      query.exchange = null;
      this.#release(query);
      query.owner?.onFailure(query, FailureReason.unreachable);
    }
  }

  close(force: boolean): Promise<void> {
    this.#closing = true;
    this.#closedPromise ??= new Promise((resolve) => {
      this.#closed = resolve;
    });
    if (force && !this.#forced) {
      this.#forced = true;
      for (const query of this.#ids.inFlightOn(-1)) {
        this.#release(query);
        this.#failures.push(query, FailureReason.closed);
      }
    }
    this.#channels.close();
    this.#finishClosing();
    return this.#closedPromise;
  }

  #deliver(channel: UdpChannel, query: UpstreamQuery, bytes: Uint8Array, length: number): void {
    const id = query.id;
    this.#deliveringId = id;
    const taken = query.owner === null || query.owner.onReply(query, bytes, length);
    if (this.#deliveringId !== id) return; // the owner canceled it, or sent it again
    this.#deliveringId = -1;
    if (taken) {
      query.exchange = null;
      this.#release(query);
      return;
    }
    this.#stray(channel);
    this.#suspect(query, SUSPICIOUS_MISMATCHES);
  }

  /**
   * What is no reply to any query, but repeats the question of one in flight: somebody guesses its
   * ID (RFC 5452 §4.3), or the server does not repeat IDs. A reply that comes twice is none of
   * that: its question is in flight no more.
   */
  #guess(channel: UdpChannel, bytes: Uint8Array, length: number): void {
    this.#stray(channel);
    if (length < HEADER_LENGTH || channel.inFlight === 0) return;
    const { nowMs } = this.#clock;
    if (nowMs >= this.#searchPeriodEndMs) {
      this.#searchPeriodEndMs = nowMs + SEARCH_PERIOD_MS;
      this.#searchesLeft = MAX_SEARCHES;
    }
    if (this.#searchesLeft === 0) return;
    this.#searchesLeft--;
    const query = this.#ids.findByQuestion(channel.index, bytes, length);
    if (query !== null) this.#suspect(query, SUSPICIOUS_MISMATCHES);
  }

  #stray(channel: UdpChannel): void {
    this.#counterValues[Counter.upstreamMismatches]!++;
    channel.strays++;
  }

  /** Tells the owner, once, when `enough` replies have missed its query. */
  #suspect(query: UpstreamQuery, enough: number): void {
    query.missed = true;
    if (this.#ids.addMismatch(query.id, enough)) query.owner?.onSuspicious?.(query);
  }

  /** Frees a query's ID and its slot on its channel. */
  #release(query: UpstreamQuery): void {
    this.#ids.release(query);
    this.#channels.release(query.channel);
  }

  onPoolClosed(): void {
    this.#finishClosing();
  }

  /** Resolves close() when nothing is left open. */
  #finishClosing(): void {
    if (!this.#channels.isEmpty) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else this.#closed?.();
  }
}
