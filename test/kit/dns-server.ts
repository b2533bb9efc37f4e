// The sockets of every scripted DNS server of the tests: UDP, TCP and TLS on one address. It takes
// whole messages off the wire and sends whole messages back; what they say is the handler's affair.
//
//   const server = await DnsServer.open((query, reply) => reply.send(answerTo(query)));
//   server.text  // 127.0.0.1:40123
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { TestCertificate } from './certificates.ts';
import { framed } from './dns-client.ts';

/** Where a query came from, and the way back. */
export interface Reply {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly remotePort: number;
  /** Counts the server's connections from 0; −1 for UDP. */
  readonly connection: number;
  /** null for UDP. */
  readonly socket: net.Socket | null;
  /** Does nothing once the server is closed. */
  send(message: Uint8Array): void;
  /** UDP: to another port of the client, or from another port of the server. */
  forge(message: Uint8Array, toPort: number, fromOtherPort: boolean): void;
}

export type QueryHandler = (query: Buffer, reply: Reply) => void;

export interface DnsServerOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** UDP and TCP. Default 0: the kernel's choice, the same for both. */
  readonly port?: number;
  /** false: nobody listens for UDP. */
  readonly udp?: boolean;
  /** false: nobody listens for TCP. */
  readonly tcp?: boolean;
  /** Serves TLS too, with this certificate. */
  readonly certificate?: TestCertificate;
  /** Default 0: the kernel's choice. */
  readonly tlsPort?: number;
  /** Called before anything of the connection is read. */
  readonly onConnection?: (socket: net.Socket, connection: number) => void;
}

/** The default takes some 270 small queries. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** How often the kernel may choose a UDP port that is taken for TCP. */
const MAX_PORT_TRIALS = 20;

export class DnsServer {
  readonly address: string;
  /** UDP and TCP. */
  port = 0;
  /** 0 without a certificate. */
  tlsPort = 0;
  connectionsAccepted = 0;
  /** TLS connections that resumed an earlier session. */
  sessionsResumed = 0;
  readonly #onQuery: QueryHandler;
  readonly #options: DnsServerOptions;
  readonly #connections = new Set<net.Socket>();
  readonly #listeners: net.Server[] = [];
  #tcp: net.Server | null = null;
  #udp: dgram.Socket | null = null;
  #otherUdp: dgram.Socket | null = null;
  #isClosed = false;

  private constructor(onQuery: QueryHandler, options: DnsServerOptions) {
    this.#onQuery = onQuery;
    this.#options = options;
    this.address = options.address ?? '127.0.0.1';
  }

  /** Serves when the promise resolves; rejects with the system's error. */
  static async open(onQuery: QueryHandler, options: DnsServerOptions = {}): Promise<DnsServer> {
    const server = new DnsServer(onQuery, options);
    try {
      await server.#listenForUdpAndTcp();
      if (options.certificate !== undefined) await server.#listenForTls(options.certificate);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** As unloop's configuration names it. */
  get text(): string {
    return net.isIPv6(this.address) ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`;
  }

  get connectionsOpen(): number {
    return this.#connections.size;
  }

  /** Sends to any port of any host, by the port that queries come to. */
  sendTo(message: Uint8Array, port: number, address: string): void {
    this.#udp?.send(message, port, address, () => {});
  }

  /** Breaks every open connection. */
  dropConnections(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  /** From now on TCP connections are refused; those that are open break. */
  async refuseTcp(): Promise<void> {
    const tcp = this.#tcp;
    if (tcp === null) return;
    this.#tcp = null;
    this.#listeners.splice(this.#listeners.indexOf(tcp), 1);
    const closed = once(tcp, 'close');
    tcp.close();
    this.dropConnections();
    await closed;
  }

  /** Takes TCP connections again, at the same port. */
  async acceptTcp(): Promise<void> {
    if (this.#tcp === null) await this.#listenForTcp(this.port);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closing: Promise<unknown>[] = this.#listeners.map(
      (listener) => new Promise((resolve) => listener.close(resolve)),
    );
    this.dropConnections();
    for (const socket of [this.#udp, this.#otherUdp]) {
      if (socket !== null) closing.push(closeUdp(socket));
    }
    this.#udp = null;
    this.#otherUdp = null;
    await Promise.all(closing);
  }

  async #listenForUdpAndTcp(): Promise<void> {
    const { udp = true, tcp = true, port = 0 } = this.#options;
    for (let trial = 1; ; trial++) {
      if (udp) this.#udp = await this.#bind(port);
      this.port = this.#udp?.address().port ?? port;
      try {
        if (tcp) await this.#listenForTcp(this.port);
        break;
      } catch (error) {
        // Waited for: some tests count what is open.
        if (this.#udp !== null) await closeUdp(this.#udp);
        this.#udp = null;
        if (trial === MAX_PORT_TRIALS || port !== 0) throw error;
      }
    }
    this.#udp?.on('message', (query, from) => this.#takeDatagram(query, from));
    if (udp) this.#otherUdp = await this.#bind(0);
  }

  async #listenForTcp(port: number): Promise<void> {
    const server = net.createServer((socket) => this.#takeConnection(socket, 'tcp'));
    this.port = await this.#listen(server, port);
    this.#tcp = server;
  }

  async #listenForTls(certificate: TestCertificate): Promise<void> {
    const server = tls.createServer({ ...certificate, ALPNProtocols: ['dot'] }, (socket) => {
      if (socket.isSessionReused()) this.sessionsResumed++;
      this.#takeConnection(socket, 'tls');
    });
    server.on('tlsClientError', () => {});
    this.tlsPort = await this.#listen(server, this.#options.tlsPort ?? 0);
  }

  async #listen(server: net.Server, port: number): Promise<number> {
    server.listen(port, this.address);
    await once(server, 'listening');
    this.#listeners.push(server);
    return (server.address() as net.AddressInfo).port;
  }

  async #bind(port: number): Promise<dgram.Socket> {
    const type = net.isIPv6(this.address) ? 'udp6' : 'udp4';
    const socket = dgram.createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES });
    socket.bind(port, this.address);
    await once(socket, 'listening');
    socket.on('error', () => {});
    return socket;
  }

  #takeDatagram(query: Buffer, { port, address }: dgram.RemoteInfo): void {
    this.#onQuery(query, {
      transport: 'udp',
      remotePort: port,
      connection: -1,
      socket: null,
      send: (message) => this.sendTo(message, port, address),
      forge: (message, toPort, fromOtherPort) => {
        const socket = fromOtherPort ? this.#otherUdp : this.#udp;
        socket?.send(message, toPort, address, () => {});
      },
    });
  }

  #takeConnection(socket: net.Socket, transport: 'tcp' | 'tls'): void {
    const connection = this.connectionsAccepted++;
    this.#connections.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(socket));
    this.#options.onConnection?.(socket, connection);
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const query = Buffer.from(pending.subarray(2, end));
        pending = pending.subarray(end);
        this.#onQuery(query, {
          transport,
          remotePort: socket.remotePort ?? 0,
          connection,
          socket,
          send: (message) => {
            if (!socket.destroyed) socket.write(framed(message));
          },
          forge() {},
        });
      }
    });
  }
}

function closeUdp(socket: dgram.Socket): Promise<void> {
  return new Promise((resolve) => socket.close(resolve));
}
