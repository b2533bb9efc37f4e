// The sockets toward one upstream: opened one after the other, drawn at random for each turn's
// sends, replaced after a while, closed when nothing is in flight by them. Belongs to udp-exchange.
import type { Clock } from '../base/clock.ts';
import type { RandomPool } from '../base/random.ts';
import { openDatagramSocket } from '../io/open-socket.ts';
import { FailureReason } from './exchange.ts';
import { UdpChannel, type UdpChannelOwner } from './udp-channel.ts';

/**
 * No two replacements within this time, whatever happens. Also the pause before opening is tried
 * again.
 */
const REPLACE_PAUSE_MS = 500;

/** Errors of opening a socket that say nothing of the way to the server. */
const OWN_SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE', 'EAGAIN']);

/** Who sends by the sockets: UdpExchange. */
export interface UdpChannelPoolOwner extends UdpChannelOwner {
  /** The pool is closing, and nothing is left open. */
  onPoolClosed(): void;
}

export interface UdpChannelPoolOptions {
  /** IP literal, zone kept. */
  readonly host: string;
  readonly port: number;
  /** Sockets in use at a time. */
  readonly size: number;
  readonly random: RandomPool;
  readonly clock: Clock;
  /** The thread's counters. */
  readonly counterValues: Float64Array;
}

export class UdpChannelPool {
  /** By which this turn's sends leave; null until the turn's first. */
  current: UdpChannel | null = null;
  /** What went wrong last, for the log; '' if nothing did. */
  lastError = '';
  /** Why there is no socket, while there is none. */
  openFailure: FailureReason = FailureReason.overload;
  readonly #owner: UdpChannelPoolOwner;
  readonly #options: UdpChannelPoolOptions;
  readonly #random: RandomPool;
  readonly #clock: Clock;
  readonly #size: number;
  /**
   * By index; null where free. Twice the size, so that a whole generation can drain while the next
   * one works.
   */
  readonly #channels: (UdpChannel | null)[];
  /** Those that are sent by. */
  readonly #active: UdpChannel[] = [];
  #opening = false;
  #nextOpenMs = 0;
  #closing = false;

  constructor(options: UdpChannelPoolOptions, owner: UdpChannelPoolOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#random = options.random;
    this.#clock = options.clock;
    this.#size = options.size;
    this.#channels = new Array<UdpChannel | null>(options.size * 2).fill(null);
  }

  /** Resolves when one socket is open, or cannot be had now; the others open in the background. */
  async open(): Promise<void> {
    await this.#openUntil(1);
    void this.#openUntil(this.#size);
  }

  /** Nothing is open, and nothing is being opened. */
  get isEmpty(): boolean {
    return !this.#opening && this.#channels.every((channel) => channel === null);
  }

  publishCounters(): void {
    for (const channel of this.#channels) channel?.publishCounters(this.#options.counterValues);
  }

  /** Local ports that queries leave by now. */
  localPorts(): number[] {
    return this.#active.map((channel) => channel.socket!.localPort);
  }

  /** Draws the channel of this turn's sends, and has old ones replaced. */
  beginTurn(): UdpChannel | null {
    const count = this.#active.length;
    if (count < this.#size) this.#openMore();
    if (count === 0) return null;
    const channel = this.#active[this.#random.below(count)]!;
    if (channel.isWorn(this.#clock.nowMs)) this.replace(channel);
    this.current = channel;
    queueMicrotask(this.#endTurn);
    return channel;
  }

  readonly #endTurn = (): void => {
    this.current = null;
  };

  /** A query that left by this channel is in flight no more. */
  release(index: number): void {
    const channel = this.#channels[index]!;
    channel.inFlight--;
    if (channel.retired && channel.inFlight === 0) this.#close(channel);
  }

  /**
   * Takes an old socket out of use and opens another in its place; the last one stays until there
   * is another.
   */
  replace(channel: UdpChannel): void {
    if (this.#opening || this.#active.length < this.#size || this.#clock.nowMs < this.#nextOpenMs) return;
    this.#nextOpenMs = this.#clock.nowMs + REPLACE_PAUSE_MS;
    void this.#openUntil(this.#active.length + 1).then(() => {
      if (this.#active.length > this.#size && !channel.retired) this.#retire(channel);
    });
  }

  /** Closes each socket when nothing is in flight by it; opens no more. */
  close(): void {
    this.#closing = true;
    for (const channel of [...this.#active]) this.#retire(channel);
  }

  #openMore(): void {
    if (this.#opening || this.#closing || this.#clock.nowMs < this.#nextOpenMs) return;
    void this.#openUntil(this.#size);
  }

  /** Opens sockets, one after the other, until `wanted` are in use. Never rejects. */
  async #openUntil(wanted: number): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    while (!this.#closing && this.#active.length < wanted) {
      if (!(await this.#openOne())) break;
    }
    this.#opening = false;
    this.#tellIfClosed();
  }

  /** Opens one socket on a port of the kernel's choosing and puts it to use. */
  async #openOne(): Promise<boolean> {
    const index = this.#channels.indexOf(null);
    if (index < 0) return false; // all are draining: the next turn tries again
    const channel = new UdpChannel(this.#owner, index, this.#clock.nowMs, this.#random);
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
      this.openFailure = OWN_SHORTAGES.has(code) ? FailureReason.overload : FailureReason.unreachable;
      this.#nextOpenMs = this.#clock.nowMs + REPLACE_PAUSE_MS;
      return false;
    }
    if (this.#closing) {
      channel.retired = true;
      this.#close(channel);
      return false;
    }
    this.#active.push(channel);
    return true;
  }

  #retire(channel: UdpChannel): void {
    channel.retired = true;
    this.#active.splice(this.#active.indexOf(channel), 1);
    if (this.current === channel) this.current = null;
    if (channel.inFlight === 0) this.#close(channel);
  }

  #close(channel: UdpChannel): void {
    channel.publishCounters(this.#options.counterValues);
    // Its slot is free only when the socket is closed: a late datagram must not count for another
    // channel.
    void channel.socket!.close().then(() => {
      this.#channels[channel.index] = null;
      this.#tellIfClosed();
    });
  }

  #tellIfClosed(): void {
    if (this.#closing && this.isEmpty) this.#owner.onPoolClosed();
  }
}
