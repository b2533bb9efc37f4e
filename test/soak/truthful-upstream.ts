// An upstream that tells the truth (truth.ts) over UDP and TCP, and commits one fault at a time
// when it is told to.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { DnsServer, type Reply } from '../kit/dns-server.ts';
import { questionEnd, truthOf, writeTrueAnswer } from './truth.ts';

export type Behavior =
  | 'sound'
  | 'silent'
  | 'loses a third'
  | 'late'
  | 'flaps'
  | 'SERVFAIL'
  | 'wrong ID'
  | 'garbage'
  | 'TCP refused'
  | 'sends back';

const LATE_MS = 300;
const FLAP_MS = 500;
const MAX_CONNECTIONS = 500;
/** Queries of the loop that wait for the server; older ones go. */
const MAX_SENT_BACK = 2000;
const UDP_LIMIT = 1232;
const PLAIN_UDP_LIMIT = 512;
const TCP_LIMIT = 65535;
/** No true address has it. */
const FALSE_BYTE = 0xcb;

export class TruthfulUpstream {
  behavior: Behavior = 'sound';
  queries = 0;
  #server!: DnsServer;
  /** Sends queries back to the server under test. */
  #backward: UdpSocket | null = null;
  readonly #sentBack = new Map<number, { id: number; reply: Reply }>();
  #nextId = 0;
  #serverPort = 0;

  /** Listens on this port, 0: one of the kernel's choice. Rejects with the system's error. */
  static async start(address: string, port: number): Promise<TruthfulUpstream> {
    const upstream = new TruthfulUpstream();
    upstream.#server = await DnsServer.open((query, reply) => upstream.#take(query, reply), {
      address,
      port,
      onConnection: (connection) => {
        if (upstream.#server.connectionsOpen > MAX_CONNECTIONS) connection.destroy();
      },
    });
    return upstream;
  }

  get address(): string {
    return this.#server.address;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Where looping queries go. */
  sendBackTo(port: number): void {
    this.#serverPort = port;
  }

  async behave(behavior: Behavior): Promise<void> {
    const before = this.behavior;
    this.behavior = behavior;
    if (behavior === 'TCP refused') await this.#server.refuseTcp();
    else if (before === 'TCP refused') await this.#server.acceptTcp();
    if (behavior === 'sends back') this.#openBackward();
    else if (before === 'sends back') this.#closeBackward();
  }

  close(): void {
    void this.#server.close();
    this.#closeBackward();
  }

  #take(query: Buffer, reply: Reply): void {
    if (reply.socket !== null) this.#answer(query, TCP_LIMIT, reply.send);
    else if (this.behavior === 'sends back') this.#sendBack(query, reply);
    else this.#answer(query, UDP_LIMIT, reply.send);
  }

  #answer(query: Buffer, sizeLimit: number, send: (answer: Buffer) => void): void {
    this.queries++;
    const end = questionEnd(query, query.length);
    if (end < 0) return;
    const withOpt = query.readUInt16BE(10) > 0;
    const truth = truthOf(query, query.length);
    // The server's own questions: probes, and whether an upstream is back.
    if (truth === null) {
      send(withRcode(query, end, 3));
      return;
    }
    const isDatagram = sizeLimit === UDP_LIMIT;
    const limit = isDatagram && !withOpt ? PLAIN_UDP_LIMIT : sizeLimit;
    const answer = writeTrueAnswer(query, truth, limit, withOpt);
    switch (this.behavior) {
      case 'silent':
        return;
      case 'loses a third':
        if (!isDatagram || Math.random() > 1 / 3) send(answer);
        return;
      case 'late':
        setTimeout(send, LATE_MS, answer);
        return;
      case 'flaps':
        if (Math.floor(Date.now() / FLAP_MS) % 2 === 0) send(answer);
        return;
      case 'SERVFAIL':
        send(withRcode(query, end, 2));
        return;
      case 'wrong ID':
        if (isDatagram) send(forged(answer, end));
        else send(answer);
        return;
      case 'garbage':
        if (isDatagram) send(garbage(query));
        else send(answer);
        return;
      default:
        send(answer);
    }
  }

  // -------------------------------------------- the loop: queries go back to where they came from

  #openBackward(): void {
    const socket = createSocket('udp4');
    this.#backward = socket;
    socket.on('error', () => {});
    socket.on('message', (reply) => {
      const waiting = this.#sentBack.get(reply.readUInt16BE(0));
      if (waiting === undefined) return;
      this.#sentBack.delete(reply.readUInt16BE(0));
      reply.writeUInt16BE(waiting.id, 0);
      waiting.reply.send(reply);
    });
  }

  #closeBackward(): void {
    this.#backward?.close();
    this.#backward = null;
    this.#sentBack.clear();
  }

  #sendBack(query: Buffer, reply: Reply): void {
    if (this.#sentBack.size >= MAX_SENT_BACK) this.#sentBack.delete(this.#sentBack.keys().next().value!);
    this.#nextId = (this.#nextId + 1) & 0xffff;
    this.#sentBack.set(this.#nextId, { id: query.readUInt16BE(0), reply });
    const copy = Buffer.from(query);
    copy.writeUInt16BE(this.#nextId, 0);
    this.#backward!.send(copy, this.#serverPort, '127.0.0.1');
  }
}

function withRcode(query: Buffer, end: number, rcode: number): Buffer {
  const reply = Buffer.from(query.subarray(0, end));
  reply.writeUInt16BE(0x8180 | rcode, 2);
  reply.fill(0, 6, 12);
  return reply;
}

/** A lie of somebody who guesses IDs: were it believed, the checker would see it. */
function forged(answer: Buffer, end: number): Buffer {
  const lie = Buffer.from(answer);
  lie.writeUInt16BE((lie.readUInt16BE(0) + 1) & 0xffff, 0);
  lie.fill(FALSE_BYTE, end + 12, Math.min(end + 16, lie.length));
  return lie;
}

function garbage(query: Buffer): Buffer {
  const bytes = Buffer.alloc(200, 0xc0);
  query.copy(bytes, 0, 0, 2);
  bytes.writeUInt16BE(0x8180, 2);
  return bytes;
}
