// A steady stream of queries from several source ports, each sent once and never again: what is
// lost stays lost and is counted. For changes under load.
import dgram from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { queryBytes, readAnswer } from '../../kit/dns-client.ts';

const SOCKETS = 8;
const TICK_MS = 5;
/** Each tick, one query leaves by each of so many sockets. */
const PER_TICK = 4;
/** Longer than any deadline here. */
const PATIENCE_MS = 20_000;

export interface LoadResult {
  readonly sent: number;
  /** Names that got no answer. */
  readonly lost: readonly string[];
  /** Answers by what they said: an address, or "rcode 2". */
  readonly answers: ReadonlyMap<string, number>;
}

/**
 * Starts it; it ends with the test at the latest. Every name is new, so nothing comes from the
 * cache.
 */
export function startLoad(port: number, address = '127.0.0.1'): SteadyLoad {
  const load = new SteadyLoad(port, address);
  onTestFinished(() => load.close());
  return load;
}

let loads = 0;

export class SteadyLoad {
  readonly #sockets: dgram.Socket[];
  /** By socket and ID. */
  readonly #pending = new Map<string, string>();
  readonly #answers = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #label = `load${loads++}`;
  #sent = 0;
  #wake: () => void = () => {};

  constructor(port: number, address: string) {
    this.#sockets = Array.from({ length: SOCKETS }, (_, index) => {
      const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.on('message', (bytes) => this.#receive(index, bytes));
      socket.on('error', () => {});
      return socket;
    });
    this.#timer = setInterval(() => {
      for (let i = 0; i < PER_TICK; i++) this.#send(port, address);
    }, TICK_MS);
  }

  /** Queries sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Resolves once so many answers said this. */
  async seen(answer: string, count = 1): Promise<void> {
    while ((this.#answers.get(answer) ?? 0) < count)
      await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Resolves once so many more queries have been sent. */
  async more(count: number): Promise<void> {
    for (const goal = this.#sent + count; this.#sent < goal; ) await sleep(TICK_MS);
  }

  /** Sends no more, waits for what is under way, and says how it went. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    for (const endMs = Date.now() + PATIENCE_MS; this.#pending.size > 0 && Date.now() < endMs; )
      await sleep(TICK_MS);
    this.close();
    return { sent: this.#sent, lost: [...this.#pending.values()], answers: this.#answers };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  #send(port: number, address: string): void {
    const index = this.#sent % SOCKETS;
    const id = Math.floor(this.#sent / SOCKETS) & 0xffff;
    const name = `q${this.#sent++}.${this.#label}.example`;
    this.#pending.set(`${index} ${id}`, name);
    this.#sockets[index]!.send(queryBytes({ name, id }), port, address);
  }

  #receive(index: number, bytes: Buffer): void {
    const { id, rcode, answers } = readAnswer(bytes);
    if (!this.#pending.delete(`${index} ${id}`)) return;
    const record = answers[0];
    const said = record?.type === 'A' ? record.data : `rcode ${rcode}`;
    this.#answers.set(said, (this.#answers.get(said) ?? 0) + 1);
    this.#wake();
  }
}
