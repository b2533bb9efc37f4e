// A healthy upstream: answers every A question at once with one address, other types with nothing.
// Started by the loop-storm scenario for the names that have nothing to do with the loop.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { copyBytes } from '../base/word-bytes.ts';
import { type DatagramSocket, PEER_WORDS, type ReceiveBatch } from '../io/datagram-socket.ts';
import { FRAME_HEADER_LENGTH, FrameReader, writeFrameHeader } from '../io/tcp-framing.ts';
import { readUint16 } from '../wire/bytes.ts';
import { writeOpt } from '../wire/edns.ts';
import {
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  HEADER_LENGTH,
  readAdditionalCount,
  writeCounts,
  writeFlags,
} from '../wire/header.ts';
import { skipName } from '../wire/name.ts';
import { openSamePort } from './same-port.ts';

const OPT_LENGTH = 11;
const UDP_SIZE = 1232;
/** More than any server opens that keeps its connections. */
const MAX_CONNECTIONS = 1000;
/** Pointer to the QNAME, A, IN, 300 s, 192.0.2.1. */
const RECORD = Uint8Array.of(0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1);

/** A server for tests and scenarios. */
export class Responder {
  /** Queries answered. */
  answered = 0;
  #socket: DatagramSocket | null = null;
  #stream: Server | null = null;
  readonly #connections = new Set<Socket>();

  static async start(address: string, port: number): Promise<Responder> {
    const responder = new Responder();
    const handler = {
      onBatch: (batch: ReceiveBatch, socket: DatagramSocket) => responder.#onQueries(batch, socket),
      onError: () => {},
    };
    [responder.#socket, responder.#stream] = await openSamePort(address, port, handler, (samePort) =>
      responder.#listen(address, samePort),
    );
    return responder;
  }

  get port(): number {
    return this.#socket!.localPort;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#stream?.close();
    await this.#socket?.close();
  }

  async #listen(address: string, port: number): Promise<Server> {
    const server = createServer((connection) => this.#accept(connection));
    server.maxConnections = MAX_CONNECTIONS;
    server.listen(port, address);
    await once(server, 'listening');
    return server;
  }

  #accept(connection: Socket): void {
    this.#connections.add(connection);
    connection.setNoDelay(true);
    connection.on('error', () => {});
    connection.on('close', () => this.#connections.delete(connection));
    const reader = new FrameReader({
      onMessage: (bytes, length) => {
        const out = new Uint8Array(FRAME_HEADER_LENGTH + length + RECORD.length + OPT_LENGTH);
        const answer = out.subarray(FRAME_HEADER_LENGTH);
        const answerLength = this.#answer(bytes, length, answer);
        writeFrameHeader(out, 0, answerLength);
        if (answerLength > 0) connection.write(out.subarray(0, FRAME_HEADER_LENGTH + answerLength));
      },
      onFramingError: () => connection.destroy(),
    });
    connection.on('data', (chunk) => reader.push(chunk));
  }

  #onQueries(batch: ReceiveBatch, socket: DatagramSocket): void {
    for (let i = 0; i < batch.count; i++) {
      const length = this.#answer(batch.buffers[i]!, batch.lengths[i]!, socket.reserve());
      if (length > 0) socket.commit(length, batch.peers, i * PEER_WORDS);
    }
  }

  /** Writes the answer to a query; returns its length, 0 where there is nothing to answer. */
  #answer(bytes: Uint8Array, length: number, out: Uint8Array): number {
    if (length < HEADER_LENGTH || (bytes[2]! & 0x80) !== 0) return 0;
    const nameEnd = skipName(bytes, length, HEADER_LENGTH);
    if (nameEnd < 0 || nameEnd + 4 > length) return 0;
    copyBytes(bytes, 0, out, 0, nameEnd + 4);
    writeFlags(out, FLAG_QR | FLAG_RD | FLAG_RA);
    const isAddress = readUint16(bytes, nameEnd) === 1;
    writeCounts(out, 1, isAddress ? 1 : 0, 0, 0);
    let end = nameEnd + 4;
    if (isAddress) {
      copyBytes(RECORD, 0, out, end, RECORD.length);
      end += RECORD.length;
    }
    if (readAdditionalCount(bytes) > 0) end = writeOpt(out, end, UDP_SIZE, 0, false);
    this.answered++;
    return end;
  }
}
