// Clients that send mutated queries, over UDP and TCP, and judge whatever comes back. After each
// burst comes a question whose answer is known: when that has come, everything before it has been
// taken in.
import net from 'node:net';
import type { DatagramSocket, ReceiveBatch } from '../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { Generator } from '../fuzz/generator.ts';
import { mutate } from '../fuzz/mutate.ts';
import { framed } from '../kit/dns-client.ts';
import { trueAnswer } from './servers.ts';

const MAX_QUERY = 1400;
const BURST = 200;
/** Of the server's own limit, RFC 9715 §3.2. */
const SERVER_LIMIT = 1232;
const PATIENCE_MS = 30_000;
/** IDs from here on are those of known questions. */
const KNOWN_ID = 0xff00;

/** What the attackers saw. */
export class Findings {
  sentUdp = 0;
  sentTcp = 0;
  answered = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** The most that one UDP answer was longer than its query: times, and bytes. */
  largestFactor = 0;
  largestAnswer = 0;
  knownAsked = 0;
  knownRight = 0;
  /** Everything that must not be, as text; the first hundred. */
  readonly faults: string[] = [];

  fault(what: string, bytes: Uint8Array): void {
    if (this.faults.length < 100)
      this.faults.push(`${what}: ${Buffer.from(bytes.subarray(0, 200)).toString('hex')}`);
  }
}

/** One mutated query, with that ID. Returns its length in `out`. */
function nextQuery(random: Generator, seeds: readonly Uint8Array[], out: Uint8Array, id: number): number {
  const length = mutate(random, random.pick(seeds), random.pick(seeds), out, MAX_QUERY);
  if (length >= 2) {
    out[0] = id >>> 8;
    out[1] = id;
  }
  return length;
}

/** Sends over one UDP socket. */
export class UdpAttacker {
  readonly #findings: Findings;
  readonly #seeds: readonly Uint8Array[];
  readonly #known: readonly Uint8Array[];
  readonly #random: Generator;
  readonly #target: Int32Array;
  #socket!: DatagramSocket;
  /** By ID: the most that the answer may have, bytes; 0: there must be none. */
  readonly #allowed = new Uint16Array(0x1_0000);
  readonly #queryLength = new Uint16Array(0x1_0000);
  readonly #answers = new Uint8Array(0x1_0000);
  #nextId = 0;
  #expected: Uint8Array | null = null;
  #onKnown: () => void = () => {};
  readonly #q = new ParsedQuery();

  constructor(
    target: Int32Array,
    seed: number,
    seeds: readonly Uint8Array[],
    known: readonly Uint8Array[],
    findings: Findings,
  ) {
    this.#target = target;
    this.#random = new Generator(seed);
    this.#seeds = seeds;
    this.#known = known;
    this.#findings = findings;
  }

  async open(): Promise<void> {
    this.#socket = await openDatagramSocket(
      { address: '127.0.0.1', port: 0, receiveBufferBytes: 4 * 1024 * 1024 },
      { onBatch: (batch) => this.#onBatch(batch), onError() {} },
    );
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  async run(packets: number): Promise<void> {
    const scratch = new Uint8Array(4096);
    for (let sent = 0; sent < packets; ) {
      for (let i = 0; i < BURST && sent < packets; i++, sent++) {
        // An ID comes round again long after the deadline of the query that had it.
        const id = this.#nextId;
        this.#nextId = (id + 1) % KNOWN_ID;
        const length = nextQuery(this.#random, this.#seeds, scratch, id);
        const verdict = parseQuery(scratch, length, this.#q);
        const isAnswered = verdict !== 1 && verdict !== 2;
        this.#allowed[id] = isAnswered ? Math.min(this.#q.udpSize, SERVER_LIMIT) : 0;
        this.#queryLength[id] = length;
        this.#answers[id] = 0;
        this.#send(scratch, length);
        this.#findings.sentUdp++;
        this.#findings.bytesSent += length;
      }
      await this.#askKnown();
    }
  }

  #send(bytes: Uint8Array, length: number): void {
    this.#socket.reserve().set(bytes.subarray(0, length));
    this.#socket.commit(length, this.#target, 0);
  }

  /** Asks what the truthful server knows, and waits for the answer. */
  async #askKnown(): Promise<void> {
    const query = this.#random.pick(this.#known).slice();
    query[0] = KNOWN_ID >>> 8;
    query[1] = this.#random.below(256);
    this.#findings.knownAsked++;
    this.#expected = trueAnswer(query)!;
    this.#send(query, query.length);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#onKnown = resolve;
      }),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS);
      }),
    ]);
    clearTimeout(timer);
    if (this.#expected !== null) this.#findings.fault('no answer to a known question', query);
    this.#expected = null;
  }

  #onBatch(batch: ReceiveBatch): void {
    for (let i = 0; i < batch.count; i++) this.#judge(batch.buffers[i]!.subarray(0, batch.lengths[i]!));
  }

  #judge(answer: Uint8Array): void {
    const findings = this.#findings;
    if (answer.length < 12 || (answer[2]! & 0x80) === 0) {
      findings.fault('what came is no reply', answer);
      return;
    }
    const id = (answer[0]! << 8) | answer[1]!;
    if (id >= KNOWN_ID) {
      if (this.#expected !== null && isRight(answer, this.#expected)) findings.knownRight++;
      else findings.fault('a wrong answer to a known question', answer);
      this.#expected = null;
      this.#onKnown();
      return;
    }
    findings.answered++;
    findings.bytesReceived += answer.length;
    const allowed = this.#allowed[id]!;
    if (allowed === 0) findings.fault('an answer to what must not be answered', answer);
    else if (answer.length > allowed) findings.fault(`an answer of ${answer.length}, not ${allowed}`, answer);
    if (++this.#answers[id]! > 1) findings.fault('a second answer', answer);
    findings.largestAnswer = Math.max(findings.largestAnswer, answer.length);
    findings.largestFactor = Math.max(findings.largestFactor, answer.length / this.#queryLength[id]!);
  }
}

/** Header flags but RA and the like aside: no error, and the address that it has to be. */
export function isRight(answer: Uint8Array, expected: Uint8Array): boolean {
  if ((answer[3]! & 0x0f) !== 0 || answer[7] !== 1 || answer.length < expected.length) return false;
  // The client's spelling comes back; TTLs have aged.
  const end = expected.length - 16;
  for (let i = 12; i < end + 6; i++) if (answer[i] !== expected[i]) return false;
  for (let i = expected.length - 6; i < expected.length; i++) if (answer[i] !== expected[i]) return false;
  return true;
}

/** Sends over TCP: connections of some hundred messages, some of them out of step in the end. */
export async function attackOverTcp(
  port: number,
  seed: number,
  seeds: readonly Uint8Array[],
  known: readonly Uint8Array[],
  packets: number,
  findings: Findings,
): Promise<void> {
  const random = new Generator(seed);
  const scratch = new Uint8Array(4096);
  for (let sent = 0; sent < packets; ) {
    const frames: Buffer[] = [];
    const asked = new Set<number>();
    for (let i = 0; i < BURST / 2 && sent < packets; i++, sent++) {
      const length = nextQuery(random, seeds, scratch, i);
      // A frame under 12 bytes ends the connection: rarely, or nothing else is tried.
      if (length < 12 && random.below(20) > 0) continue;
      frames.push(framed(scratch.slice(0, length)));
      asked.add(i);
      findings.sentTcp++;
      findings.bytesSent += length;
    }
    const query = random.pick(known).slice();
    query.set([0xff, 1]);
    frames.push(framed(query));
    const isOutOfStep = frames.some((frame) => frame.length < 14);
    if (!isOutOfStep) findings.knownAsked++;
    const expected = trueAnswer(query)!;
    const right = await converse(port, Buffer.concat(frames), asked, expected, findings);
    if (right) findings.knownRight += isOutOfStep ? 0 : 1;
    else if (!isOutOfStep) findings.fault('no answer to a known question over TCP', query);
  }
}

/** Sends all of it in pieces, reads until the known answer has come or the server has closed. */
function converse(
  port: number,
  stream: Buffer,
  asked: Set<number>,
  expected: Uint8Array,
  findings: Findings,
): Promise<boolean> {
  return new Promise((resolve) => {
    let isRightOne = false;
    let rest = Buffer.alloc(0);
    const socket = net.connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(isRightOne);
    });
    socket.on('connect', () => {
      const half = stream.length >> 1;
      socket.write(stream.subarray(0, half));
      setImmediate(() => socket.write(stream.subarray(half)));
    });
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        const answer = rest.subarray(2, end);
        const id = answer.readUInt16BE(0);
        findings.answered++;
        findings.bytesReceived += answer.length;
        if ((answer[2]! & 0x80) === 0) findings.fault('what came is no reply', answer);
        else if (id === 0xff01) {
          isRightOne = isRight(answer, expected);
          if (!isRightOne) findings.fault('a wrong answer to a known question over TCP', answer);
          socket.destroy();
        } else if (!asked.has(id)) findings.fault('an answer that nobody asked for', answer);
        rest = rest.subarray(end);
      }
    });
  });
}
