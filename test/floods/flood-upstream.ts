// An upstream for millions of queries: answers each A with the address that its name tells, keeps
// nothing, and leaves names under silent.example without an answer.
import dgram from 'node:dgram';

/** TYPE A, CLASS IN, TTL 300, RDLENGTH 4, behind a pointer to QNAME. */
const RECORD_HEAD = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
const SILENT = Buffer.from('\x06silent\x07example\0', 'latin1');

export class FloodUpstream {
  readonly #socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  asked = 0;
  /** ms before each answer. */
  delayMs = 0;

  static async open(): Promise<FloodUpstream> {
    const upstream = new FloodUpstream();
    upstream.#socket.on('message', (query, { port, address }) => upstream.#answer(query, port, address));
    upstream.#socket.on('error', () => {});
    await new Promise<void>((resolve) => upstream.#socket.bind(0, '127.0.0.1', resolve));
    return upstream;
  }

  get text(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  #answer(query: Buffer, port: number, address: string): void {
    this.asked++;
    let end = 12;
    while (query[end]! > 0) end += query[end]! + 1;
    const qname = Buffer.from(
      query
        .subarray(12, end + 1)
        .toString('latin1')
        .toLowerCase(),
      'latin1',
    );
    if (qname.subarray(-SILENT.length).equals(SILENT)) return;
    const message = Buffer.concat([query.subarray(0, end + 5), RECORD_HEAD, addressFor(qname)]);
    message.writeUInt16BE(0x8180, 2);
    message.writeUInt16BE(1, 6);
    message.writeUInt32BE(0, 8);
    const send = () => this.#socket.send(message, port, address);
    if (this.delayMs === 0) send();
    else setTimeout(send, this.delayMs);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

/** The true address of a name, told by all of its bytes (in lower case). */
export function addressFor(qname: Uint8Array): Buffer {
  let hash = 0;
  for (const byte of qname) hash = (Math.imul(hash, 31) + byte) | 0;
  const address = Buffer.alloc(4);
  address.writeInt32BE(hash);
  return address;
}
