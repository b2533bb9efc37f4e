// An upstream for pulses (DNSBomb): keeps the answers to names under held.example back until it is
// told to give all of them at once, each as long as a datagram may be; other names have theirs at
// once.
import dgram from 'node:dgram';
import { questionEnd } from '../kit/scripted-upstream.ts';

const HELD = '\x04held\x07example\0';
/** TXT records of 255 bytes, behind a pointer to QNAME: 4 × 268 bytes. */
const RECORDS = 4;
const TXT = Buffer.concat([
  Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 1, 0, 255]),
  Buffer.alloc(255, 0x78),
]);

export class PulseUpstream {
  readonly #socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 8 * 1024 * 1024 });
  readonly #held: (() => void)[] = [];
  #isReleased = false;

  static async open(): Promise<PulseUpstream> {
    const upstream = new PulseUpstream();
    upstream.#socket.on('message', (query, from) => upstream.#take(query, from));
    upstream.#socket.on('error', () => {});
    await new Promise<void>((resolve) => upstream.#socket.bind(0, '127.0.0.1', resolve));
    return upstream;
  }

  get text(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  #take(query: Buffer, { port, address }: dgram.RemoteInfo): void {
    const end = questionEnd(query);
    const isHeld = query.toString('latin1', 12, end).toLowerCase().includes(HELD);
    const message = Buffer.concat([
      query.subarray(0, end),
      ...Array.from({ length: isHeld ? RECORDS : 1 }, () => TXT),
    ]);
    message.writeUInt16BE(0x8180, 2);
    message.writeUInt16BE(isHeld ? RECORDS : 1, 6);
    message.writeUInt32BE(0, 8);
    const send = () => this.#socket.send(message, port, address);
    if (isHeld && !this.#isReleased) this.#held.push(send);
    else send();
  }

  /** Gives all answers that were kept back, at once, and keeps none from now on. */
  release(): void {
    this.#isReleased = true;
    for (const send of this.#held.splice(0)) send();
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
