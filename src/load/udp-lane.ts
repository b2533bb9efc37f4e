// A connected UDP socket as a lane. Queries are written straight into the send slots, answers
// judged where they were received: no copy, no allocation, one system call for up to 64 either way.
import type { DatagramHandler, DatagramSocket, ReceiveBatch } from '../io/datagram-socket.ts';
import { openDatagramSocket } from '../io/open-socket.ts';
import { writeId } from '../wire/header.ts';
import { fingerprint, InFlightTable } from './in-flight-table.ts';
import type { Lane, LaneOptions } from './lane.ts';

/** All IDs. */
const TABLE_SIZE = 0x1_0000;
/**
 * Asked of the kernel, which may grant less: answers that wait while the tool does something else.
 */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** Opens a socket toward the target. */
export async function openUdpLane(options: LaneOptions): Promise<UdpLane> {
  const { address, port } = options.target;
  const lane = new UdpLane(options);
  const socket = await openDatagramSocket(
    {
      address: address.includes(':') ? '::' : '0.0.0.0',
      port: 0,
      connectTo: { address, port },
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    },
    lane,
  );
  lane.attach(socket);
  return lane;
}

/** A socket with its queries in flight. */
export class UdpLane implements Lane, DatagramHandler {
  readonly table = new InFlightTable(TABLE_SIZE);
  window = 0;
  readonly #options: LaneOptions;
  #socket: DatagramSocket | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  attach(socket: DatagramSocket): void {
    this.#socket = socket;
  }

  get ready(): boolean {
    return !this.table.full;
  }

  /** Answers dropped by the kernel because the tool did not take them in time. */
  get kernelDrops(): number {
    return this.#socket?.counters().kernelDrops ?? 0;
  }

  /** Queries that the kernel did not take. */
  get sendFailures(): number {
    return this.#socket?.counters().sendFailures ?? 0;
  }

  send(intendedMs: number, nowMs: number): void {
    const socket = this.#socket!;
    const out = socket.reserve();
    const length = this.#options.source.write(out, 0);
    writeId(out, this.table.take(fingerprint(out, 0), intendedMs, nowMs));
    socket.commitConnected(length);
    this.#options.tally.sent++;
  }

  /** The socket sends on its own, at the end of the turn. */
  flush(): void {}

  onBatch(batch: ReceiveBatch): void {
    const nowMs = performance.now();
    const { tally } = this.#options;
    for (let i = 0; i < batch.count; i++)
      tally.onMessage(this.table, batch.buffers[i]!, batch.lengths[i]!, nowMs);
    this.#options.onAnswers(this, nowMs);
  }

  onError(code: string): void {
    this.#options.tally.onError(code);
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }
}
