// A worker's UDP socket on one listen address: hands each datagram of a batch to the pipeline and
// carries answers back.
import type { Clock } from '../../base/clock.ts';
import {
  type DatagramHandler,
  type DatagramSocket,
  PEER_WORDS,
  type ReceiveBatch,
} from '../../io/datagram-socket.ts';
import { openDatagramSocket } from '../../io/open-socket.ts';
import { type Counters, Drop } from '../../metrics/counters.ts';
import type { QueryHandler, ReplySink } from '../../pipeline/reply-sink.ts';

/**
 * Receive buffer asked of the kernel: a pause of 20 ms at 100,000 q/s fills about 2,000 × 0.8 KiB
 * of bookkeeping.
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export class UdpListener implements DatagramHandler, ReplySink {
  readonly stream = false;
  readonly #pipeline: QueryHandler;
  readonly #clock: Clock;
  readonly #counters: Counters;
  #socket: DatagramSocket | null = null;
  /**
   * Sockets of other workers on this address that we read as well, by worker: it hangs, and we
   * stand in for it (server/control/stand-ins.ts). Answers leave by our own socket.
   */
  readonly #alsoRead = new Map<number, DatagramSocket>();
  /** Counters of the socket as last published. */
  #published = { oversized: 0, sourcePortZero: 0, sendFailures: 0, kernelDrops: 0 };

  private constructor(pipeline: QueryHandler, clock: Clock, counters: Counters) {
    this.#pipeline = pipeline;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Opens the socket; rejects with the system's error (EADDRINUSE, EACCES …). */
  static async open(
    pipeline: QueryHandler,
    clock: Clock,
    counters: Counters,
    options: { address: string; port: number; reusePort: boolean; claim: boolean; fd?: number },
  ): Promise<UdpListener> {
    const listener = new UdpListener(pipeline, clock, counters);
    listener.#socket = await openDatagramSocket(
      { ...options, receiveBufferBytes: RECEIVE_BUFFER_BYTES },
      listener,
    );
    return listener;
  }

  get port(): number {
    return this.#socket!.localPort;
  }

  /** The descriptor by which another thread may read the socket; −1: it cannot. */
  get fd(): number {
    return this.#socket!.fd;
  }

  onBatch(batch: ReceiveBatch): void {
    const startMs = this.#clock.refresh();
    const pipeline = this.#pipeline;
    const { buffers, lengths, peers, count } = batch;
    for (let i = 0; i < count; i++) pipeline.handle(buffers[i]!, lengths[i]!, this, peers, i * PEER_WORDS);
    pipeline.endBatch(startMs);
  }

  onError(): void {
    // Unconnected sockets report nothing worth acting on; a send that failed is in the socket's
    // counters.
  }

  reserve(): Uint8Array {
    return this.#socket!.reserve();
  }

  send(length: number, peers: Int32Array, peerOffset: number): void {
    this.#socket!.commit(length, peers, peerOffset);
  }

  /**
   * Adds what the socket counted since the last call to the worker's counters; called about once a
   * second.
   */
  publishCounters(): void {
    const now = this.#socket!.counters();
    const last = this.#published;
    this.#counters.dropMany(Drop.oversized, now.oversized - last.oversized);
    this.#counters.dropMany(Drop.source_port_zero, now.sourcePortZero - last.sourcePortZero);
    this.#counters.dropMany(Drop.send_failed, now.sendFailures - last.sendFailures);
    this.#counters.dropMany(Drop.kernel, now.kernelDrops - last.kernelDrops);
    this.#published = now;
  }

  /** Has the kernel deal queries by name. Returns the system's code when it cannot, else ''. */
  deal(program: Uint8Array): string {
    return this.#socket!.deal(program);
  }

  /** Reads another worker's socket on this address as well, first what already waits in it. */
  async readAlso(worker: number, fd: number): Promise<void> {
    await this.readNoLonger(worker);
    const own = this.#socket!;
    const { localAddress: address, localPort: port } = own;
    // That worker may have ended meanwhile: then the number stands for nothing, or for anything.
    const socket = await openDatagramSocket({ address, port, fd }, this).catch(() => null);
    if (socket === null) return;
    if (socket.localPort === port && socket.localAddress === address) this.#alsoRead.set(worker, socket);
    else await socket.close();
  }

  /** Stops reading another worker's socket. */
  async readNoLonger(worker: number): Promise<void> {
    const socket = this.#alsoRead.get(worker);
    this.#alsoRead.delete(worker);
    await socket?.close();
  }

  /**
   * Lets no new queries in where another worker or process shares the port; resolves when none
   * waits any more.
   */
  retire(): Promise<void> {
    return this.#socket!.retire();
  }

  async close(): Promise<void> {
    this.publishCounters();
    for (const worker of [...this.#alsoRead.keys()]) await this.readNoLonger(worker);
    await this.#socket!.close();
  }
}
