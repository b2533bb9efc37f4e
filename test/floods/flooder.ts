// A client that asks at a rate and never waits: names come from a function, each answer is checked
// against the truth.
import dgram from 'node:dgram';
import { nameBytes, queryBytes } from '../kit/dns-client.ts';
import { addressFor } from './flood-upstream.ts';

const STEP_MS = 10;
/**
 * A step that comes late makes good no more than this: a burst of seconds' worth would fill the
 * kernel's buffers, and others would lose their datagrams.
 */
const MOST_STEPS_AT_ONCE = 5;

export class Flooder {
  readonly #socket: dgram.Socket;
  readonly #port: number;
  readonly #nameOf: (i: number) => string;
  /** Names by ID: what is older than 65,536 queries is forgotten. */
  readonly #names: string[] = [];
  #timer: NodeJS.Timeout | null = null;
  sent = 0;
  answered = 0;
  wrong = 0;
  /** Answers with the true address. */
  rightAnswers = 0;
  /** Answers by RCODE. */
  readonly rcodes: Record<number, number> = {};

  private constructor(socket: dgram.Socket, port: number, nameOf: (i: number) => string) {
    this.#socket = socket;
    this.#port = port;
    this.#nameOf = nameOf;
    socket.on('message', (bytes) => this.#read(bytes));
    socket.on('error', () => {});
  }

  /** `from`: its address. */
  static async open(port: number, nameOf: (i: number) => string, from = '127.0.0.1'): Promise<Flooder> {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 8 * 1024 * 1024 });
    await new Promise<void>((resolve) => socket.bind(0, from, resolve));
    return new Flooder(socket, port, nameOf);
  }

  start(queriesPerSecond: number): void {
    let lastMs = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      due += (Math.min(nowMs - lastMs, MOST_STEPS_AT_ONCE * STEP_MS) / 1000) * queriesPerSecond;
      lastMs = nowMs;
      this.send(Math.floor(due));
      due -= Math.floor(due);
    }, STEP_MS);
  }

  /** So many at once. */
  send(count: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.sent & 0xffff;
      const name = this.#nameOf(this.sent++);
      this.#names[id] = name;
      this.#socket.send(queryBytes({ name, id }), this.#port, '127.0.0.1');
    }
  }

  #read(bytes: Buffer): void {
    this.answered++;
    const rcode = bytes[3]! & 15;
    this.rcodes[rcode] = (this.rcodes[rcode] ?? 0) + 1;
    const qname = nameBytes(this.#names[bytes.readUInt16BE(0)] ?? '');
    const question = bytes.subarray(12, 12 + qname.length);
    const hasAddress = endsWithAddress(bytes, qname);
    if (hasAddress) this.rightAnswers++;
    const isRight = question.equals(qname) && (rcode !== 0 || hasAddress || isTruncated(bytes));
    if (!isRight) this.wrong++;
  }

  /** Ends it; how many were sent. */
  stop(): number {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    return this.sent;
  }

  close(): void {
    this.stop();
    this.#socket.close();
  }
}

/** "Come again over TCP", which says nothing that could be wrong. */
function isTruncated(bytes: Buffer): boolean {
  return (bytes[2]! & 0x02) !== 0 && bytes.readUInt16BE(6) === 0;
}

/** Header, question, one record of 16 bytes with a pointer for its owner. */
function endsWithAddress(bytes: Buffer, qname: Buffer): boolean {
  const recordOffset = 12 + qname.length + 4;
  return (
    bytes.readUInt16BE(6) === 1 &&
    bytes.subarray(recordOffset + 12, recordOffset + 16).equals(addressFor(qname))
  );
}
