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
import { openDatagramSocket } from '../io/open-socket.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { type Exchange, FailureReason, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { IdTable } from './id-table.ts';
import { compareQuestions, QuestionMatch } from './question-match.ts';
import { UdpChannel, type UdpChannelOwner } from './udp-channel.ts';

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
/**
 * No two replacements within this time, whatever happens. Also the pause before opening is tried
 * again.
 */
const REPLACE_PAUSE_MS = 500;

/** Errors of opening a socket that say nothing of the way to the server. */
const OWN_SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE', 'EAGAIN']);

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
export class UdpExchange implements Exchange, UdpChannelOwner {
  /** What went wrong last, for the log; '' if nothing did. */
  lastError = '';
  readonly #options: UdpExchangeOptions;
  readonly #random: RandomPool;
  readonly #clock: Clock;
  readonly #counterValues: Float64Array;
  readonly #ids: IdTable;
  readonly #failures = new FailureQueue(this);
  readonly #poolSize: number;
  /**
   * By index; null where free. Twice the pool, so that a whole generation can drain while the next
   * one works.
   */
  readonly #channels: (UdpChannel | null)[];
  /** Those that are sent by. */
  readonly #active: UdpChannel[] = [];
  /** By which this turn's sends leave; null until the turn's first. */
  #turnChannel: UdpChannel | null = null;
  #sending = false;
  /**
   * ID whose owner is being called; −1 when none is, or the owner has already taken the query away.
   */
  #deliveringId = -1;
  #searchesLeft = MAX_SEARCHES;
  #searchPeriodEndMs = 0;
  #opening = false;
  /** Why there is no socket, while there is none. */
  #openFailure: FailureReason = FailureReason.overload;
  #nextOpenMs = 0;
  #closing = false;
  #forced = false;
  #closed: (() => void) | null = null;
  #closedPromise: Promise<void> | null = null;

  private constructor(options: UdpExchangeOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#clock = options.clock;
    this.#counterValues = options.counters.values;
    this.#ids = new IdTable(options.random);
    this.#poolSize = options.sockets ?? 16;
    this.#channels = new Array<UdpChannel | null>(this.#poolSize * 2).fill(null);
  }

  /**
   * An exchange that can send: its first socket is open, the others open in the background. It
   * never fails: where no socket can be had now, queries fail until one can: as `overload` if this
   * host has none left, as `unreachable` if there is no way to the server.
   */
  static async open(options: UdpExchangeOptions): Promise<UdpExchange> {
    const exchange = new UdpExchange(options);
    await exchange.#openChannels(1);
    void exchange.#openChannels(exchange.#poolSize);
    return exchange;
  }

  get inFlight(): number {
    return this.#ids.inFlight + this.#failures.length;
  }

  /** Adds what its sockets lost to the counters; called about once a second. */
  publishCounters(): void {
    for (const channel of this.#channels) channel?.publishCounters(this.#counterValues);
  }

  /** Local ports that queries leave by now. */
  localPorts(): number[] {
    return this.#active.map((channel) => channel.socket!.localPort);
  }

  send(query: UpstreamQuery): void {
    if (query.exchange !== null) query.exchange.cancel(query);
    const channel = this.#turnChannel ?? this.#beginTurn();
    if (channel === null || this.#closing) {
      this.#failures.push(query, this.#closing ? FailureReason.closed : this.#openFailure);
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
    this.lastError = code;
    // Any other error than a closed port may come of this socket's own address being gone: the next
    // one gets another.
    if (code !== 'ECONNREFUSED' && !channel.retired) this.#replace(channel);
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
    for (const channel of [...this.#active]) this.#retire(channel);
    this.#finishClosing();
    return this.#closedPromise;
  }

  /** Draws the channel of this turn's sends, and has old ones replaced. */
  #beginTurn(): UdpChannel | null {
    const count = this.#active.length;
    if (count < this.#poolSize) this.#openMore();
    if (count === 0) return null;
    const channel = this.#active[this.#random.below(count)]!;
    if (channel.isWorn(this.#clock.nowMs)) this.#replace(channel);
    this.#turnChannel = channel;
    queueMicrotask(this.#endTurn);
    return channel;
  }

  readonly #endTurn = (): void => {
    this.#turnChannel = null;
  };

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

  /** Frees a query's ID and its place on its channel. */
  #release(query: UpstreamQuery): void {
    this.#ids.release(query);
    const channel = this.#channels[query.channel]!;
    channel.inFlight--;
    if (channel.retired && channel.inFlight === 0) this.#closeChannel(channel);
  }

  #openMore(): void {
    if (this.#opening || this.#closing || this.#clock.nowMs < this.#nextOpenMs) return;
    void this.#openChannels(this.#poolSize);
  }

  /** Opens sockets, one after the other, until `wanted` are in use. Never rejects. */
  async #openChannels(wanted: number): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    while (!this.#closing && this.#active.length < wanted) {
      if (!(await this.#openChannel())) break;
    }
    this.#opening = false;
    if (this.#closing) this.#finishClosing();
  }

  /** Opens one socket on a port of the kernel's choosing and puts it to use. */
  async #openChannel(): Promise<boolean> {
    const index = this.#channels.indexOf(null);
    if (index < 0) return false; // all are draining: the next turn tries again
    const channel = new UdpChannel(this, index, this.#clock.nowMs, this.#random);
    this.#channels[index] = channel;
    const { host, port } = this.#options;
    try {
      channel.socket = await openDatagramSocket(
        { address: host.includes(':') ? '::' : '0.0.0.0', port: 0, connectTo: { address: host, port } },
        channel,
      );
    } catch (error) {
      this.#channels[index] = null;
      const { code = String(error) } = error as NodeJS.ErrnoException;
      this.lastError = code;
      this.#openFailure = OWN_SHORTAGES.has(code) ? FailureReason.overload : FailureReason.unreachable;
      this.#nextOpenMs = this.#clock.nowMs + REPLACE_PAUSE_MS;
      return false;
    }
    if (this.#closing) {
      channel.retired = true;
      this.#closeChannel(channel);
      return false;
    }
    this.#active.push(channel);
    return true;
  }

  /**
   * Takes an old socket out of use and opens another in its place; the last one stays until there
   * is another.
   */
  #replace(channel: UdpChannel): void {
    if (this.#opening || this.#active.length < this.#poolSize || this.#clock.nowMs < this.#nextOpenMs) return;
    this.#nextOpenMs = this.#clock.nowMs + REPLACE_PAUSE_MS;
    void this.#openChannels(this.#active.length + 1).then(() => {
      if (this.#active.length > this.#poolSize && !channel.retired) this.#retire(channel);
    });
  }

  #retire(channel: UdpChannel): void {
    channel.retired = true;
    this.#active.splice(this.#active.indexOf(channel), 1);
    if (this.#turnChannel === channel) this.#turnChannel = null;
    if (channel.inFlight === 0) this.#closeChannel(channel);
  }

  #closeChannel(channel: UdpChannel): void {
    channel.publishCounters(this.#counterValues);
    // Its place is free only when the socket is closed: a late datagram must not count for another
    // channel.
    void channel.socket!.close().then(() => {
      this.#channels[channel.index] = null;
      if (this.#closing) this.#finishClosing();
    });
  }

  /** Resolves close() when nothing is left open. */
  #finishClosing(): void {
    if (this.#opening || this.#channels.some((channel) => channel !== null)) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else this.#closed?.();
  }
}
