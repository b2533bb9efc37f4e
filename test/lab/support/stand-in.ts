// A server with faults that can be chosen and changed under way: it answers itself, or sends
// queries back where they came from: in another case, over TCP, without options, with CD, or losing
// the first of them. It counts what it was asked. For the laboratory's agent, and on loopback for
// the scenarios.
import dgram from 'node:dgram';
import type { TestCertificate } from '../../kit/certificates.ts';
import { TcpClient } from '../../kit/dns-client.ts';
import { DnsServer } from '../../kit/dns-server.ts';

export interface StandInOptions {
  readonly address: string;
  /** UDP and TCP. Default 53; 0: the kernel's choice. */
  readonly port?: number;
  /** Serves TLS, too, at tlsPort. */
  readonly certificate?: TestCertificate;
  /** Where queries are sent on to, HOST or HOST:PORT; '' (the default): it answers them itself. */
  readonly target?: string;
  /**
   * Queries for other names than those under this suffix are answered. '' (the default): all are
   * sent on.
   */
  readonly targetSuffix?: string;
  /** Draws each letter's case again in what is sent on. */
  readonly scrambleCase?: boolean;
  /** Leaves the OPT record off what is sent on. */
  readonly dropOptions?: boolean;
  /** Sends on with CD set, as validating forwarders do. */
  readonly setsCd?: boolean;
  /** Sends a question on once at a time: who asks it meanwhile gets the same answer. */
  readonly mergesEqual?: boolean;
  /** Sends on from this address. */
  readonly sendsFrom?: string;
  /** Sends on over TCP. */
  readonly viaTcp?: boolean;
  /** How many messages are lost before one is served. */
  readonly loseFirst?: number;
  /** NXDOMAIN to upper case, SERVFAIL to EDNS options, or to EDNS at all. */
  readonly stumblesOver?: 'case' | 'options' | 'edns';
  /** Waits before it answers. */
  readonly delayMs?: number;
}

export interface StandInCounts {
  queries: number;
  /** Of them HINFO: probes. */
  probes: number;
  /** Of them over TCP. */
  overTcp: number;
}

const SERVFAIL = 2;
const NXDOMAIN = 3;
const TYPE_A = 1;
const TYPE_HINFO = 13;

type Reply = (message: Buffer) => void;

export class StandIn {
  readonly counts: StandInCounts = { queries: 0, probes: 0, overTcp: 0 };
  #options: StandInOptions;
  #server!: DnsServer;
  /** Toward the target; its IDs are those of the queries it sent on. */
  readonly #outward = dgram.createSocket('udp4');
  /** With mergesEqual: who waits for a question that was sent on. */
  readonly #merged = new Map<string, { query: Buffer; end: number; reply: Reply }[]>();
  readonly #pending = new Map<number, Reply>();
  #lastId = Math.floor(Math.random() * 65536);

  private constructor(options: StandInOptions) {
    this.#options = options;
    if (options.sendsFrom !== undefined) this.#outward.bind(0, options.sendsFrom);
    this.#outward.on('error', () => {});
    this.#outward.on('message', (answer) => this.#relay(answer));
  }

  static async open(options: StandInOptions): Promise<StandIn> {
    const { address, port = 53, certificate } = options;
    const standIn = new StandIn(options);
    standIn.#server = await DnsServer.open(
      (query, reply) => {
        if (reply.socket !== null) standIn.counts.overTcp++;
        standIn.#take(query, reply.send);
      },
      {
        address,
        port,
        tlsPort: port === 53 ? 853 : 0,
        ...(certificate === undefined ? {} : { certificate }),
      },
    );
    return standIn;
  }

  get port(): number {
    return this.#server.port;
  }

  get tlsPort(): number {
    return this.#server.tlsPort;
  }

  change(options: Partial<StandInOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  #take(query: Buffer, reply: Reply): void {
    const { target = '', targetSuffix = '', loseFirst = 0, delayMs = 0 } = this.#options;
    const { end, text } = questionOf(query);
    this.counts.queries++;
    if (query.readUInt16BE(end - 4) === TYPE_HINFO) this.counts.probes++;
    if (this.counts.queries <= loseFirst) return;
    const rcode = stumble(query, end, this.#options.stumblesOver);
    if (rcode !== 0) {
      reply(errorTo(query, end, rcode));
      return;
    }
    if (target !== '' && `.${text}`.endsWith(targetSuffix === '' ? '' : `.${targetSuffix}`)) {
      this.#sendOn(query, end, target, reply);
    } else if (delayMs > 0) {
      setTimeout(() => reply(answerTo(query, end)), delayMs);
    } else {
      reply(answerTo(query, end));
    }
  }

  #sendOn(query: Buffer, end: number, target: string, reply: Reply): void {
    const { scrambleCase = false, dropOptions = false, viaTcp = false } = this.#options;
    const { setsCd = false, mergesEqual = false } = this.#options;
    const key = query.toString('latin1', 12, end).toLowerCase();
    const waiting = this.#merged.get(key);
    if (mergesEqual && waiting !== undefined) {
      waiting.push({ query, end, reply });
      return;
    }
    if (mergesEqual) this.#merged.set(key, []);
    this.#lastId = (this.#lastId + 1) & 0xffff;
    const id = this.#lastId;
    const copy = Buffer.from(dropOptions ? query.subarray(0, end) : query);
    copy.writeUInt16BE(id, 0);
    if (dropOptions) copy.writeUInt16BE(0, 10);
    if (setsCd) copy[3]! |= 0x10;
    if (scrambleCase) {
      for (let i = 12; i < end - 4; i++) {
        const letter = copy[i]! | 0x20;
        if (letter >= 0x61 && letter <= 0x7a) copy[i] = Math.random() < 0.5 ? letter : letter & ~0x20;
      }
    }
    const give: Reply = (answer) => {
      const others = this.#merged.get(key) ?? [];
      this.#merged.delete(key);
      for (const one of [{ query, end, reply }, ...others]) {
        const own = Buffer.from(answer);
        own.writeUInt16BE(one.query.readUInt16BE(0), 0);
        // As a forwarder does: the question as it was asked.
        one.query.copy(own, 12, 12, one.end);
        one.reply(own);
      }
    };
    const [host, port] = target.split(':') as [string, string?];
    if (viaTcp) {
      void askOverTcp(copy, host, Number(port ?? 53)).then(give, () => this.#merged.delete(key));
      return;
    }
    this.#pending.set(id, give);
    this.#outward.send(copy, Number(port ?? 53), host);
  }

  #relay(answer: Buffer): void {
    const pending = this.#pending.get(answer.readUInt16BE(0));
    if (pending === undefined) return;
    this.#pending.delete(answer.readUInt16BE(0));
    pending(answer);
  }

  async close(): Promise<void> {
    this.#outward.close();
    await this.#server.close();
  }
}

async function askOverTcp(query: Buffer, server: string, port: number): Promise<Buffer> {
  const client = await TcpClient.connect(port, server);
  try {
    client.send(query);
    return await client.receive();
  } finally {
    client.close();
  }
}

/** Where the question ends, and its name in lower case. */
function questionOf(query: Buffer): { end: number; text: string } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length !== 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { end: at + 5, text: labels.join('.') };
}

/** The RCODE of a server that does not take a mark; 0: the query has none of it. */
function stumble(query: Buffer, end: number, over: StandInOptions['stumblesOver']): number {
  const hasOpt = query.readUInt16BE(10) > 0;
  if (over === 'case') return /[A-Z]/.test(query.toString('latin1', 12, end - 4)) ? NXDOMAIN : 0;
  if (over === 'edns') return hasOpt ? SERVFAIL : 0;
  // The length of OPT's data, behind its empty name, type, class and TTL.
  return over === 'options' && hasOpt && query.readUInt16BE(end + 9) > 0 ? SERVFAIL : 0;
}

/** The question back, without OPT. */
function errorTo(query: Buffer, end: number, rcode: number): Buffer {
  const answer = Buffer.from(query.subarray(0, end));
  answer.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x0100) | rcode, 2);
  answer.fill(0, 6, 12);
  return answer;
}

/** A: 192.0.2.1 for 30 s; for other types no data. With OPT where the query had it. */
function answerTo(query: Buffer, end: number): Buffer {
  const isA = query.readUInt16BE(end - 4) === TYPE_A;
  const hasOpt = query.readUInt16BE(10) > 0;
  const record = isA ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1]) : Buffer.alloc(0);
  const opt = hasOpt ? Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0);
  const answer = Buffer.concat([query.subarray(0, end), record, opt]);
  answer.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x0100), 2);
  answer.writeUInt16BE(1, 4);
  answer.writeUInt16BE(isA ? 1 : 0, 6);
  answer.writeUInt16BE(0, 8);
  answer.writeUInt16BE(hasOpt ? 1 : 0, 10);
  return answer;
}
