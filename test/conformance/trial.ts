// One requirement put to one forwarder over one transport: how to ask it, and names of one's own
// upstream.
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Script } from '../kit/actions.ts';
import {
  type Answer,
  type Question,
  queryBytes,
  readAnswer,
  TcpClient,
  UdpClient,
} from '../kit/dns-client.ts';
import { DENIED_CLIENT, type Forwarder } from './forwarder.ts';
import { rcodeName } from './rcode-names.ts';
import { Shortfall } from './shortfall.ts';
import { address, type Domain, reply, type Stage, type Zone } from './stage.ts';

export const TRANSPORTS = ['UDP', 'TCP'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Patience with an answer that must come. */
const PATIENCE_MS = 9_000;
/** How long silence is listened to, where it is right. */
const SILENCE_MS = 400;

/** The upstream is waited for at least so long before a stale answer is given. */
const STALE_AFTER_MS = 1000;
/** Stale Answer, Stale NXDOMAIN Answer (RFC 8914 §4.4, §4.20). */
const STALE_EDE = [3, 19];

export class Trial {
  readonly forwarder: Forwarder;
  readonly transport: Transport;
  readonly #stage: Stage;
  readonly #clients: (UdpClient | TcpClient)[] = [];

  constructor(forwarder: Forwarder, transport: Transport, stage: Stage) {
    this.forwarder = forwarder;
    this.transport = transport;
    this.#stage = stage;
  }

  /** A domain whose queries the script answers; without one, everything in it has an address. */
  domain(script: Script = (query) => reply(query, { answers: [address()] }), zone: Zone = 'plain'): Domain {
    return this.#stage.domain(script, zone);
  }

  /** Asks by a client of its own; no answer is a shortfall. */
  async ask(question: Question | Buffer, withinMs = PATIENCE_MS): Promise<Answer> {
    const client = await this.client();
    const query = Buffer.isBuffer(question) ? question : queryBytes(question);
    client.send(query);
    const answer = await receive(client, withinMs);
    if (answer.id !== query.readUInt16BE(0)) throw new Shortfall('another ID');
    // Some forwarders serve few connections at once.
    client.close();
    this.#clients.splice(this.#clients.indexOf(client), 1);
    return answer;
  }

  /** Asks what cannot be read; the answer need be no more than a header with that RCODE. */
  async mustRefuse(question: Buffer, rcode: number): Promise<void> {
    const client = await this.client();
    client.send(question);
    const bytes = await client.receive(PATIENCE_MS).catch(() => null);
    if (bytes === null || bytes.length < 12) throw new Shortfall('no answer');
    if (bytes.readUInt16BE(0) !== question.readUInt16BE(0)) throw new Shortfall('another ID');
    if ((bytes[3]! & 15) !== rcode) throw new Shortfall(rcodeName(bytes[3]! & 15));
  }

  /** Asks where silence is right: null, or what came all the same. */
  async askInSilence(question: Buffer): Promise<Buffer | null> {
    const client = await this.client();
    client.send(question);
    return client.receive(SILENCE_MS).catch(() => null);
  }

  /**
   * Asks again, a few times, while the answer says that it is stale: on a busy machine the upstream
   * may be slow. A stale answer that nobody waited for is a shortfall.
   */
  async askUntilFresh(question: Question): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const startMs = performance.now();
      const answer = await this.ask(question);
      const isStale = answer.ede !== null && STALE_EDE.includes(answer.ede.code);
      if (isStale && performance.now() - startMs < STALE_AFTER_MS) throw new Shortfall('stale at once');
      if (!isStale || tries === 3) return answer;
      await pause(500);
    }
  }

  /**
   * Asks by a socket that takes only what comes from the address and port asked; null when that is
   * nothing.
   */
  async askConnected(question: Buffer): Promise<Buffer | null> {
    const { address, port } = this.forwarder;
    if (this.transport === 'TCP') return (await this.ask(question)).bytes;
    const socket = dgram.createSocket('udp4');
    socket.on('error', () => {});
    try {
      socket.connect(port, address);
      await once(socket, 'connect');
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
      socket.send(question);
      const [bytes] = (await answer.catch(() => [null])) as [Buffer | null];
      return bytes;
    } finally {
      socket.close();
    }
  }

  /** Asks from an address that is not to be served; null when there is no answer. */
  async askAsOtherClient(question: Buffer): Promise<Buffer | null> {
    const { address, port } = this.forwarder;
    const open = this.transport === 'UDP' ? UdpClient.open : TcpClient.connect;
    const client = await open(port, address, DENIED_CLIENT).catch(() => null);
    if (client === null) return null;
    this.#clients.push(client);
    client.send(question);
    return client.receive(1000).catch(() => null);
  }

  /** What the real server itself says, over TCP. */
  async askRealServer(question: Question): Promise<Answer> {
    const client = await TcpClient.connect(this.#stage.realPort);
    this.#clients.push(client);
    client.send(queryBytes(question));
    return receive(client);
  }

  /** A client that is closed with the trial: a UDP socket or a TCP connection. */
  client(): Promise<UdpClient | TcpClient> {
    return this.transport === 'UDP' ? this.udpClient() : this.tcpClient();
  }

  async udpClient(): Promise<UdpClient> {
    const client = await UdpClient.open(this.forwarder.port, this.forwarder.address);
    this.#clients.push(client);
    return client;
  }

  async tcpClient(): Promise<TcpClient> {
    const client = await TcpClient.connect(this.forwarder.port, this.forwarder.address);
    this.#clients.push(client);
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** The next answer that a client gets, read. */
export async function receive(client: UdpClient | TcpClient, withinMs = PATIENCE_MS): Promise<Answer> {
  let bytes: Buffer;
  try {
    bytes = await client.receive(withinMs);
  } catch {
    throw new Shortfall('no answer');
  }
  try {
    return readAnswer(bytes);
  } catch {
    throw new Shortfall('an answer that cannot be read');
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
