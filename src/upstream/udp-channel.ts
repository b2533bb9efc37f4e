// One connected UDP socket of an exchange's pool: how much is in flight by it, and when it has
// served long enough for its port to be worth guessing at. Belongs to udp-exchange.
import type { RandomPool } from '../base/random.ts';
import type { DatagramHandler, DatagramSocket, ReceiveBatch } from '../io/datagram-socket.ts';
import { Counter } from '../metrics/counters.ts';

/** A socket is replaced after 30–60 s … */
const LIFE_MIN_MS = 30_000;
/** … or after 16–32 thousand queries, whichever comes first … */
const LIFE_MIN_QUERIES = 16_384;
/** … or after this many stray replies: somebody may be guessing at its port. */
const LIFE_STRAYS = 256;

/** What the exchange does with what arrives. */
export interface UdpChannelOwner {
  /** A batch is about to come. */
  onWake(): void;
  receive(channel: UdpChannel, bytes: Uint8Array, length: number): void;
  failChannel(channel: UdpChannel, code: string): void;
}

export class UdpChannel implements DatagramHandler {
  /** What UpstreamQuery.channel says: position in the exchange's list. */
  readonly index: number;
  /** Null until it is open. */
  socket: DatagramSocket | null = null;
  inFlight = 0;
  sent = 0;
  /** Replies that matched no query. */
  strays = 0;
  /** No longer sent by: closes when drained. */
  retired = false;
  readonly #owner: UdpChannelOwner;
  /** The socket's counters as last published. */
  #published = { sendFailures: 0, kernelDrops: 0 };
  readonly #lifeEndsMs: number;
  readonly #lifeQueries: number;

  constructor(owner: UdpChannelOwner, index: number, nowMs: number, random: RandomPool) {
    this.#owner = owner;
    this.index = index;
    this.#lifeEndsMs = nowMs + LIFE_MIN_MS + random.below(LIFE_MIN_MS);
    this.#lifeQueries = LIFE_MIN_QUERIES + random.below(LIFE_MIN_QUERIES);
  }

  /** Whether another port should take its place. */
  isWorn(nowMs: number): boolean {
    return this.sent > this.#lifeQueries || this.strays > LIFE_STRAYS || nowMs > this.#lifeEndsMs;
  }

  /**
   * Adds what this host lost of its datagrams since the last call. `values`: the thread's counters.
   */
  publishCounters(values: Float64Array): void {
    if (this.socket === null) return;
    const now = this.socket.counters();
    values[Counter.upstreamSendFailures]! += now.sendFailures - this.#published.sendFailures;
    values[Counter.upstreamKernelDrops]! += now.kernelDrops - this.#published.kernelDrops;
    this.#published = now;
  }

  onBatch(batch: ReceiveBatch): void {
    this.#owner.onWake();
    for (let i = 0; i < batch.count; i++) this.#owner.receive(this, batch.buffers[i]!, batch.lengths[i]!);
  }

  onError(code: string): void {
    this.#owner.onWake();
    this.#owner.failChannel(this, code);
  }
}
