// The other half of a DNS loop: a forwarder that sends every query back to the server it came from,
// as a stub on loopback does in a pod. Started by the loop-storm scenario. It neither caches nor
// merges, and loops on for as long as the server does.
//
//   server ─query─▶ [front socket] reflector [back socket] ─query─▶ server
//   server ◀reply── [front socket] reflector [back socket] ◀─reply─ server
import { copyBytes } from '../base/word-bytes.ts';
import { type DatagramSocket, PEER_WORDS, type ReceiveBatch } from '../io/datagram-socket.ts';
import { openDatagramSocket } from '../io/open-socket.ts';
import { copyPeer } from '../io/peer.ts';
import { HEADER_LENGTH, readId, writeId } from '../wire/header.ts';
import { openSamePort } from './same-port.ts';
import { StreamReflector } from './stream-reflector.ts';

const IDS = 0x1_0000;
const QR = 0x80;

/** Sends back what comes. */
export class Reflector {
  /** Queries that came from the server. */
  received = 0;
  #stream: StreamReflector | null = null;
  #front: DatagramSocket | null = null;
  #back: DatagramSocket | null = null;
  #nextId = 0;
  /**
   * By the ID of the reflected query: the ID it came with, and from where. Overwritten after 65,536
   * queries.
   */
  readonly #ids = new Uint16Array(IDS);
  readonly #peers = new Int32Array(IDS * PEER_WORDS);

  /**
   * Begins to listen, over UDP and TCP; until reflectTo() is called, what comes is only counted.
   */
  static async start(address: string, port: number): Promise<Reflector> {
    const reflector = new Reflector();
    const handler = { onBatch: (batch: ReceiveBatch) => reflector.#onQueries(batch), onError: () => {} };
    [reflector.#front, reflector.#stream] = await openSamePort(address, port, handler, (samePort) =>
      StreamReflector.start(address, samePort, () => reflector.received++),
    );
    return reflector;
  }

  get port(): number {
    return this.#front!.localPort;
  }

  /** Names the server that gets everything back. */
  async reflectTo(address: string, port: number): Promise<void> {
    this.#stream?.reflectTo(address, port);
    this.#back = await openDatagramSocket(
      { address: address.includes(':') ? '::' : '0.0.0.0', port: 0, connectTo: { address, port } },
      { onBatch: (batch) => this.#onReplies(batch), onError: () => {} },
    );
  }

  /** Ends the loop. */
  async close(): Promise<void> {
    await this.#stream?.close();
    await this.#back?.close();
    await this.#front?.close();
  }

  #onQueries(batch: ReceiveBatch): void {
    this.received += batch.count;
    if (this.#back === null) return;
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.buffers[i]!;
      const length = batch.lengths[i]!;
      if (length < HEADER_LENGTH || (bytes[2]! & QR) !== 0) continue;
      const id = this.#nextId;
      this.#nextId = (id + 1) & (IDS - 1);
      this.#ids[id] = readId(bytes);
      copyPeer(batch.peers, i * PEER_WORDS, this.#peers, id * PEER_WORDS);
      const out = this.#back.reserve();
      copyBytes(bytes, 0, out, 0, length);
      writeId(out, id);
      this.#back.commitConnected(length);
    }
  }

  #onReplies(batch: ReceiveBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.buffers[i]!;
      const length = batch.lengths[i]!;
      if (length < HEADER_LENGTH) continue;
      const id = readId(bytes);
      const out = this.#front!.reserve();
      copyBytes(bytes, 0, out, 0, length);
      writeId(out, this.#ids[id]!);
      this.#front!.commit(length, this.#peers, id * PEER_WORDS);
    }
  }
}
