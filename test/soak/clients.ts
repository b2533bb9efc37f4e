// The soak's clients: UDP sockets and TCP connections that ask at a steady rate, check every reply
// and miss none.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader } from '../../src/io/tcp-framing.ts';
import { checkReply } from './check-reply.ts';
import type { Outcomes } from './outcomes.ts';
import { type Question, QuestionSource } from './question-source.ts';

const TICK_MS = 10;
/** What the tool itself missed by being late is made up for, this much at once at most. */
const MAX_BURST_TICKS = 10;
/** Far beyond forward.deadline (1.8 s): what has no reply by then is lost, not late. */
const PATIENCE_MS = 8000;
const UDP_SOCKETS = 16;
const TCP_CONNECTIONS = 4;
const TCP_SHARE = 0.1;
/** A connection is ended after this many queries and another one opened. */
const QUERIES_PER_CONNECTION = 100;
const MAX_ENDINGS = 3;
const TCP_LIMIT = 65535;

interface Waiting {
  readonly question: Question;
  /**
   * What was on when the question was first asked, and when that was: before `sentMs` where it had
   * to be asked again.
   */
  readonly fault: string;
  readonly askedMs: number;
  readonly sentMs: number;
  /** Connections that ended before the reply to this question. */
  readonly endings: number;
}

export class Clients {
  readonly #outcomes: Outcomes;
  readonly #qps: number;
  readonly #port: number;
  readonly #source = new QuestionSource();
  readonly #lanes: Lane[] = [];
  readonly #connections: TcpLane[] = [];
  #timer: NodeJS.Timeout | null = null;
  #startedMs = 0;
  #due = 0;

  constructor(port: number, qps: number, outcomes: Outcomes) {
    this.#port = port;
    this.#qps = qps;
    this.#outcomes = outcomes;
  }

  async start(): Promise<void> {
    for (let i = 0; i < UDP_SOCKETS; i++) this.#lanes.push(await UdpLane.open(this.#port, this));
    for (let i = 0; i < TCP_CONNECTIONS; i++) this.#connections.push(new TcpLane(this.#port, this));
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Asks nothing more, waits for what is in flight, and closes. */
  async stop(): Promise<void> {
    clearInterval(this.#timer!);
    const endMs = performance.now() + PATIENCE_MS + 1000;
    const lanes = [...this.#lanes, ...this.#connections];
    while (lanes.some((lane) => lane.waiting.size > 0) && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      this.#expire();
    }
    for (const lane of lanes) lane.close();
  }

  /** Judges a reply that came in on this lane. */
  judge(lane: Lane, reply: Buffer, sizeLimit: (question: Question) => number): void {
    const id = reply.length >= 12 ? reply.readUInt16BE(0) : -1;
    const waiting = lane.waiting.get(id);
    if (waiting === undefined) {
      this.#outcomes.of(this.#outcomes.current).unexpected++;
      return;
    }
    lane.waiting.delete(id);
    const { question, fault } = waiting;
    const outcome = this.#outcomes.of(fault);
    const verdict = checkReply(question.query, question.hasOpt, sizeLimit(question), reply);
    if (typeof verdict !== 'string') {
      this.#outcomes.addWrong(
        fault,
        `${verdict.wrong} (${reply.subarray(0, 200).toString('hex')})`,
        question.query,
      );
    } else if (verdict === 'truncated') {
      outcome.truncated++;
      this.#send(pick(this.#connections), waiting);
    } else if (verdict === 'error') {
      this.#outcomes.addError(fault, waiting.askedMs, reply);
    } else outcome[verdict]++;
  }

  /** The connection ended: its queries go out again (RFC 7766 §6.2.4), not forever. */
  askAgain(lane: Lane, orphans: readonly Waiting[]): void {
    for (const waiting of orphans) {
      if (waiting.endings === MAX_ENDINGS) this.#addLost(waiting);
      else {
        this.#outcomes.of(waiting.fault).askedAgain++;
        this.#send(lane, { ...waiting, endings: waiting.endings + 1 });
      }
    }
  }

  #tick(): void {
    const wanted = ((performance.now() - this.#startedMs) / 1000) * this.#qps;
    const burst = Math.min(wanted - this.#due, (MAX_BURST_TICKS * TICK_MS * this.#qps) / 1000);
    this.#due = wanted;
    const count = Math.floor(burst + Math.random());
    for (let i = 0; i < count; i++) {
      const lane = Math.random() < TCP_SHARE ? pick(this.#connections) : pick(this.#lanes);
      const fault = this.#outcomes.current;
      this.#outcomes.of(fault).sent++;
      const askedMs = performance.now();
      this.#send(lane, { question: this.#source.next(), fault, askedMs, endings: 0 });
    }
    this.#expire();
  }

  #send(lane: Lane, asked: Omit<Waiting, 'sentMs'>): void {
    const id = lane.freeId();
    const query = Buffer.from(asked.question.query);
    query.writeUInt16BE(id, 0);
    const question = { ...asked.question, query };
    lane.waiting.set(id, { ...asked, question, sentMs: performance.now() });
    lane.send(query);
  }

  #addLost({ fault, askedMs, sentMs, question }: Waiting): void {
    this.#outcomes.addLost(fault, askedMs, sentMs, question.query);
  }

  #expire(): void {
    const longAgoMs = performance.now() - PATIENCE_MS;
    for (const lane of [...this.#lanes, ...this.#connections]) {
      // In the order of sending: the first that is young ends the search.
      for (const [id, waiting] of lane.waiting) {
        if (waiting.sentMs > longAgoMs) break;
        lane.waiting.delete(id);
        this.#addLost(waiting);
      }
    }
  }
}

/** A way to the server that carries many queries at a time. */
abstract class Lane {
  readonly waiting = new Map<number, Waiting>();
  #id = Math.floor(Math.random() * 65536);

  freeId(): number {
    do this.#id = (this.#id + 1) & 0xffff;
    while (this.waiting.has(this.#id));
    return this.#id;
  }

  abstract send(query: Buffer): void;
  abstract close(): void;
}

class UdpLane extends Lane {
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket, clients: Clients) {
    super();
    this.#socket = socket;
    socket.on('message', (reply) => clients.judge(this, reply, (question) => question.udpLimit));
    // Port unreachable: the queries count as lost.
    socket.on('error', () => {});
  }

  static async open(port: number, clients: Clients): Promise<UdpLane> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new UdpLane(socket, clients);
  }

  send(query: Buffer): void {
    this.#socket.send(query);
  }

  close(): void {
    this.#socket.close();
  }
}

class TcpLane extends Lane {
  readonly #port: number;
  readonly #clients: Clients;
  #socket: Socket | null = null;
  #asked = 0;
  #closed = false;

  constructor(port: number, clients: Clients) {
    super();
    this.#port = port;
    this.#clients = clients;
  }

  send(query: Buffer): void {
    const frame = Buffer.alloc(2 + query.length);
    frame.writeUInt16BE(query.length);
    query.copy(frame, 2);
    this.#socket ??= this.#open();
    this.#socket.write(frame);
    this.#asked++;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    this.#asked = 0;
    socket.setNoDelay(true);
    const reader = new FrameReader({
      onMessage: (bytes, length) => {
        this.#clients.judge(this, Buffer.from(bytes.subarray(0, length)), () => TCP_LIMIT);
        if (this.#asked >= QUERIES_PER_CONNECTION && this.waiting.size === 0) this.#leave(socket);
      },
      onFramingError: () => socket.destroy(),
    });
    socket.on('data', (chunk) => reader.push(chunk));
    socket.on('error', () => {});
    // The server hands the connections of its former life over, or ends them: then we end ours too.
    socket.on('close', () => {
      if (this.#socket === socket) this.#leave(socket);
    });
    return socket;
  }

  #leave(socket: Socket): void {
    this.#socket = null;
    socket.destroy();
    if (this.#closed) return;
    const orphans = [...this.waiting.values()];
    this.waiting.clear();
    this.#clients.askAgain(this, orphans);
  }
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)]!;
}
