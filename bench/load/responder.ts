// A sound upstream: answers every A question at once with one address, other types with nothing. Started by the loop-storm
// scenario for the names that have nothing to do with the loop.
import { type DatagramSocket, PEER_WORDS, type ReceiveBatch } from '../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import { writeOpt } from '../../src/wire/edns.ts';
import {
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  readAdditionalCount,
  writeCounts,
  writeFlags,
} from '../../src/wire/header.ts';
import { skipName } from '../../src/wire/name.ts';
import { copyOctets, readUint16 } from '../../src/wire/octets.ts';

const HEADER_LENGTH = 12;
const UDP_SIZE = 1232;
/** Pointer to the QNAME, A, IN, 300 s, 192.0.2.1. */
const RECORD = Uint8Array.of(0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1);

/** A server for tests and scenarios. */
export class Responder {
  /** Queries answered. */
  answered = 0;
  #socket: DatagramSocket | null = null;

  static async start(address: string, port: number): Promise<Responder> {
    const responder = new Responder();
    responder.#socket = await openDatagramSocket(
      { address, port },
      { onBatch: (batch, socket) => responder.#onQueries(batch, socket), onError: () => {} },
    );
    return responder;
  }

  get port(): number {
    return this.#socket!.localPort;
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }

  #onQueries(batch: ReceiveBatch, socket: DatagramSocket): void {
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.buffers[i]!;
      const length = batch.lengths[i]!;
      if (length < HEADER_LENGTH || (bytes[2]! & 0x80) !== 0) continue;
      const nameEnd = skipName(bytes, length, HEADER_LENGTH);
      if (nameEnd < 0 || nameEnd + 4 > length) continue;
      const out = socket.reserve();
      copyOctets(bytes, 0, out, 0, nameEnd + 4);
      writeFlags(out, FLAG_QR | FLAG_RD | FLAG_RA);
      const isAddress = readUint16(bytes, nameEnd) === 1;
      writeCounts(out, 1, isAddress ? 1 : 0, 0, 0);
      let end = nameEnd + 4;
      if (isAddress) {
        copyOctets(RECORD, 0, out, end, RECORD.length);
        end += RECORD.length;
      }
      if (readAdditionalCount(bytes) > 0) end = writeOpt(out, end, UDP_SIZE, 0, false);
      socket.commit(end, batch.peers, i * PEER_WORDS);
      this.answered++;
    }
  }
}
