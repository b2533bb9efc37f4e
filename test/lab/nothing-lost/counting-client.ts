// 5,000 queries a second, each sent once by one of many sockets, and of each whether an answer
// came: for what is lost while unloop changes, ends or dies.
import dgram from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { queryBytes } from '../../kit/dns-client.ts';

export const QUERIES_PER_SECOND = 5000;
/** The kernel chooses the worker by the source port: so many are spread evenly enough. */
const SOCKETS = 32;
/** Far beyond the deadline. */
const PATIENCE_MS = 5000;

/** Queries by when they were sent, answered or not. */
export interface Counted {
  readonly sent: number;
  readonly lost: number;
  /** Answered, but with an error. */
  readonly failed: number;
  /** From the first lost one to the last, ms. */
  readonly gapMs: number;
}

export class CountingClient {
  readonly #sockets: dgram.Socket[];
  readonly #timer: NodeJS.Timeout;
  readonly #beganMs = performance.now();
  /** By number: when it was sent. */
  readonly #sentMs: number[] = [];
  /** By number: RCODE of the answer. */
  readonly #rcodes: (number | undefined)[] = [];
  #answered = 0;
  #ended = false;

  /** Starts at once; ends with the test at the latest. */
  constructor(port: number) {
    this.#sockets = Array.from({ length: SOCKETS }, (_, index) => {
      const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
      socket.on('error', () => {});
      // IDs count up: each socket sends far fewer than 65,536.
      socket.on('message', (bytes) => this.#receive(bytes.readUInt16BE(0) * SOCKETS + index, bytes[3]! & 15));
      return socket;
    });
    this.#timer = setInterval(() => this.#sendDue(port), 2);
    onTestFinished(() => this.close());
  }

  get sent(): number {
    return this.#sentMs.length;
  }

  get answered(): number {
    return this.#answered;
  }

  /** Goes on for so long. */
  async forMs(ms: number): Promise<void> {
    await sleep(ms);
  }

  /** Until so many more have been answered. */
  async answers(count: number): Promise<void> {
    for (const goal = this.#answered + count; this.#answered < goal; ) await sleep(5);
  }

  /** Sends no more and waits for what is under way. */
  async end(): Promise<void> {
    this.#ended = true;
    clearInterval(this.#timer);
    for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; ) {
      if (this.#answered === this.sent) return;
      await sleep(20);
    }
  }

  /** Of the queries numbered from `from` to `to` (by default of all); after end(). */
  count(from = 0, to = this.sent): Counted {
    const lost: number[] = [];
    let failed = 0;
    for (let number = from; number < to; number++) {
      const rcode = this.#rcodes[number];
      if (rcode === undefined) lost.push(number);
      else if (rcode !== 0) failed++;
    }
    const gapMs = lost.length === 0 ? 0 : this.#sentMs[lost.at(-1)!]! - this.#sentMs[lost[0]!]!;
    return { sent: to - from, lost: lost.length, failed, gapMs: Math.round(gapMs) };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  #sendDue(port: number): void {
    if (this.#ended) return;
    const nowMs = performance.now();
    const due = Math.floor(((nowMs - this.#beganMs) / 1000) * QUERIES_PER_SECOND);
    // A stall of this machine is not made up for at once: no burst that a buffer could not hold.
    for (let left = 100; this.sent < due && left > 0; left--) {
      const number = this.sent;
      const id = Math.floor(number / SOCKETS) & 0xffff;
      this.#sentMs.push(nowMs);
      this.#sockets[number % SOCKETS]!.send(
        queryBytes({ name: `q${number}.example`, id, edns: false }),
        port,
        '127.0.0.1',
      );
    }
  }

  #receive(number: number, rcode: number): void {
    if (this.#rcodes[number] !== undefined) return;
    this.#rcodes[number] = rcode;
    this.#answered++;
  }
}
