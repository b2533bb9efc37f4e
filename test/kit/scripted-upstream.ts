// A DNS server on loopback that does what a test tells it to, query by query, over UDP, TCP, TLS
// and HTTPS. The well-behaved and the ill-behaved upstream of every test above the wire layer.
//
//   const upstream = await startScriptedUpstream((query) => answer(query));
//   upstream.script = (query) => [later(50, withId(answer(query), 7)), later(60, answer(query))];
//   upstream.queries[0]?.name
import dgram from 'node:dgram';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import dnsPacket from 'dns-packet';
import { generate } from 'selfsigned';

/** One query as the server got it. */
export interface ReceivedQuery {
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  /** The whole message, without TCP's length. */
  readonly bytes: Buffer;
  readonly id: number;
  /** QNAME as it was spelt, no trailing dot ('.' for the root); '' where it cannot be read. */
  readonly name: string;
  /** "A", "NS", "TYPE65280" …; '' where it cannot be read. */
  readonly type: string;
  readonly hasOpt: boolean;
  /** The client's port. */
  readonly remotePort: number;
  /** Which of the server's connections it came by, from 0; −1 for UDP. */
  readonly connection: number;
  /** Position among all queries of this server, from 0. */
  readonly index: number;
}

/** Something that the server does. Builders are below. */
export type Action =
  | {
      readonly kind: 'send';
      readonly bytes: Buffer;
      readonly delayMs: number;
      readonly fromOtherPort: boolean;
    }
  /** TCP, TLS: bytes without a length before them. */
  | { readonly kind: 'raw'; readonly bytes: Buffer; readonly delayMs: number }
  /**
   * Ends the connection (https: resets the stream); with `reset` it breaks (https: the whole
   * session).
   */
  | { readonly kind: 'close'; readonly reset: boolean; readonly delayMs: number }
  /** https: resets the stream with REFUSED_STREAM. */
  | { readonly kind: 'refuse'; readonly delayMs: number }
  /**
   * https: GOAWAY, as a server sends that is about to restart; what it has taken is answered. The
   * socket stays open.
   */
  | { readonly kind: 'goaway'; readonly delayMs: number }
  /** https: answers with this status and content type. */
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly contentType: string;
      readonly bytes: Buffer;
      readonly delayMs: number;
    };

/** What to do on a query; nothing: let it wait forever. */
export type Script = (query: ReceivedQuery) => Action | readonly Action[] | undefined;

export interface ScriptedUpstreamOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** UDP and TCP port. Default: the kernel's choice. */
  readonly port?: number;
  /** false: nobody listens for TCP. */
  readonly tcp?: boolean;
  /**
   * Connections are served one after the other; while one is open there is no answer to anything
   * else, over UDP neither.
   */
  readonly serial?: boolean;
  /** false: nobody listens for UDP. */
  readonly udp?: boolean;
  /** Also serve TLS and HTTPS, with this certificate. */
  readonly certificate?: TestCertificate;
  /** HTTPS: streams at a time. Default: no limit. */
  readonly maxStreams?: number;
  /** HTTPS: HTTP/1.1 and nothing else. */
  readonly http1Only?: boolean;
}

export interface ScriptedUpstream {
  readonly address: string;
  /** UDP and TCP. */
  readonly port: number;
  /** 0 without certificate. */
  readonly tlsPort: number;
  readonly httpsPort: number;
  /** Every query so far, oldest first. */
  readonly queries: readonly ReceivedQuery[];
  /** TCP, TLS and HTTPS connections accepted so far, and those open now. */
  readonly connectionsAccepted: number;
  readonly connectionsOpen: number;
  /** TLS connections that resumed an earlier session. */
  readonly sessionsResumed: number;
  /** May be replaced at any time. */
  script: Script;
  /** Resolves when `count` queries have come, counted from the start. */
  received(count: number): Promise<void>;
  /** Does something more about an earlier query. */
  act(query: ReceivedQuery, action: Action): void;
  /** Breaks every open connection. */
  dropConnections(): void;
  close(): Promise<void>;
}

// --------------------------------------------------------------------------------------- builders

export interface AnswerOptions {
  /** A or AAAA answers with this address. Default 192.0.2.1 (2001:db8::1 for AAAA). */
  readonly address?: string;
  readonly ttl?: number;
  readonly rcode?: number;
  readonly answers?: dnsPacket.Answer[];
  readonly authorities?: dnsPacket.Answer[];
  readonly additionals?: dnsPacket.Answer[];
  /** false: no OPT, whatever the query had. */
  readonly opt?: boolean;
}

/**
 * A good answer: A and AAAA get an address, TXT and the rest get a TXT record, unless other records
 * are given.
 */
export function answer(query: ReceivedQuery, options: AnswerOptions = {}): SendAction {
  const rcode = options.rcode ?? 0;
  const additionals: dnsPacket.Answer[] = [...(options.additionals ?? [])];
  if (query.hasOpt && options.opt !== false) additionals.push(optRecord());
  const bytes = dnsPacket.encode({
    type: 'response',
    id: query.id,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (rcode & 15),
    questions: [{ type: 'A', name: '' }],
    answers: [],
    additionals: [],
  });
  const question = query.bytes.subarray(12, questionEnd(query.bytes));
  const records = dnsPacket
    .encode({
      type: 'response',
      answers: options.answers ?? (rcode === 0 ? defaultAnswers(query, options) : []),
      authorities: options.authorities ?? [],
      additionals,
    })
    .subarray(0);
  // The question goes back byte for byte; dns-packet never compresses, so that records may follow
  // any question.
  const message = Buffer.concat([bytes.subarray(0, 12), question, records.subarray(12)]);
  message.writeUInt16BE(question.length > 0 ? 1 : 0, 4);
  records.copy(message, 6, 6, 12);
  return send(message);
}

/** An answer without records. */
export function errorAnswer(query: ReceivedQuery, rcode: number): SendAction {
  return answer(query, { rcode, answers: [] });
}

/** SERVFAIL. */
export function servfail(query: ReceivedQuery): SendAction {
  return errorAnswer(query, 2);
}

/** TC and no records: ask again over TCP. */
export function truncated(query: ReceivedQuery): SendAction {
  return withFlags(answer(query, { answers: [] }), (flags) => flags | 0x0200);
}

/** NXDOMAIN with an SOA. */
export function nxdomain(query: ReceivedQuery, minimum = 300): SendAction {
  return answer(query, {
    rcode: 3,
    answers: [],
    authorities: [
      {
        type: 'SOA',
        name: 'example',
        ttl: minimum,
        data: {
          mname: 'ns.example',
          rname: 'host.example',
          serial: 1,
          refresh: 1,
          retry: 1,
          expire: 1,
          minimum,
        },
      },
    ],
  });
}

/** FORMERR for a query with OPT, as servers from before EDNS do; a good answer for others. */
export function formerrOnEdns(query: ReceivedQuery): SendAction {
  return query.hasOpt ? answer(query, { rcode: 1, answers: [], opt: false }) : answer(query);
}

export type SendAction = Extract<Action, { kind: 'send' }>;

/** Sends any bytes as a message. */
export function send(bytes: Uint8Array): SendAction {
  return { kind: 'send', bytes: Buffer.from(bytes), delayMs: 0, fromOtherPort: false };
}

/** Bytes on a stream without a length before them. */
export function raw(bytes: Uint8Array): Action {
  return { kind: 'raw', bytes: Buffer.from(bytes), delayMs: 0 };
}

/** Ends the connection. */
export function closeConnection(): Action {
  return { kind: 'close', reset: false, delayMs: 0 };
}

/** Breaks the connection. */
export function resetConnection(): Action {
  return { kind: 'close', reset: true, delayMs: 0 };
}

/** https: the server has not looked at the request (RFC 9113 §8.7). */
export function refuseStream(): Action {
  return { kind: 'refuse', delayMs: 0 };
}

/** https: the server takes no more requests on this session. */
export function goAway(): Action {
  return { kind: 'goaway', delayMs: 0 };
}

export function httpAnswer(status: number, contentType: string, bytes: Uint8Array = Buffer.alloc(0)): Action {
  return { kind: 'http', status, contentType, bytes: Buffer.from(bytes), delayMs: 0 };
}

/** The same a while later, counted from the query. */
export function later<A extends Action>(delayMs: number, action: A): A {
  return { ...action, delayMs };
}

/** UDP: from a port that was not asked. */
export function fromOtherPort(action: SendAction): SendAction {
  return { ...action, fromOtherPort: true };
}

export function withId(action: SendAction, id: number): SendAction {
  return changed(action, (bytes) => bytes.writeUInt16BE(id & 0xffff, 0));
}

export function withFlags(action: SendAction, change: (flags: number) => number): SendAction {
  return changed(action, (bytes) => bytes.writeUInt16BE(change(bytes.readUInt16BE(2)), 2));
}

/** QR=0: not a reply at all. */
export function asQuery(action: SendAction): SendAction {
  return withFlags(action, (flags) => flags & 0x7fff);
}

/** The question's name with its first letter turned into another one. */
export function withOtherName(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    bytes[13] = bytes[13] === 0x78 ? 0x79 : 0x78;
  });
}

/** The question with another QTYPE. */
export function withOtherType(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    const at = questionEnd(bytes) - 4;
    bytes.writeUInt16BE(bytes.readUInt16BE(at) ^ 1, at);
  });
}

/** The question's letters all in the other case. */
export function withOtherCase(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    for (let i = 12; i < questionEnd(bytes) - 4; i++) {
      const folded = bytes[i]! | 0x20;
      if (folded >= 0x61 && folded <= 0x7a) bytes[i]! ^= 0x20;
    }
  });
}

/** The question in lower case, whatever it was asked in. */
export function withLowerCase(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    for (let i = 12; i < questionEnd(bytes) - 4; i++) {
      if (bytes[i]! >= 0x41 && bytes[i]! <= 0x5a) bytes[i]! |= 0x20;
    }
  });
}

/** The header alone, QDCOUNT 0. */
export function withoutQuestion(action: SendAction): SendAction {
  const bytes = Buffer.from(action.bytes.subarray(0, 12));
  bytes.fill(0, 4);
  return { ...action, bytes };
}

/** The first bytes only. */
export function cutTo(action: SendAction, length: number): SendAction {
  return { ...action, bytes: action.bytes.subarray(0, length) };
}

function changed(action: SendAction, change: (bytes: Buffer) => void): SendAction {
  const bytes = Buffer.from(action.bytes);
  change(bytes);
  return { ...action, bytes };
}

function optRecord(): dnsPacket.Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as dnsPacket.Answer;
}

function defaultAnswers(query: ReceivedQuery, options: AnswerOptions): dnsPacket.Answer[] {
  const ttl = options.ttl ?? 300;
  const { name } = query;
  if (query.type === 'A') return [{ type: 'A', name, ttl, data: options.address ?? '192.0.2.1' }];
  if (query.type === 'AAAA') return [{ type: 'AAAA', name, ttl, data: options.address ?? '2001:db8::1' }];
  if (query.type === 'NS') return [{ type: 'NS', name, ttl, data: 'ns.example' }];
  return [{ type: 'TXT', name, ttl, data: [query.name] }];
}

/** Whether a query's OPT record, the first record behind the question, has options. */
export function hasOptions({ hasOpt, bytes }: ReceivedQuery): boolean {
  return hasOpt && bytes.readUInt16BE(questionEnd(bytes) + 9) > 0;
}

/** Whether QNAME has an upper-case letter. */
export function isMixed({ name }: ReceivedQuery): boolean {
  return name !== name.toLowerCase();
}

/** First byte after the question of an uncompressed message; 12 when it cannot be read. */
export function questionEnd(bytes: Uint8Array): number {
  let offset = 12;
  for (;;) {
    const label = bytes[offset];
    if (label === undefined || label > 63) return 12;
    offset += label + 1;
    if (label === 0) break;
  }
  return offset + 4 <= bytes.length ? offset + 4 : 12;
}

// ----------------------------------------------------------------------------------- certificates

export interface TestCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate that vouches for these names and addresses, signed by itself: pass `cert` as `ca`
 * to whoever shall trust it.
 */
export async function createTestCertificate(
  names: readonly string[],
  addresses: readonly string[] = [],
): Promise<TestCertificate> {
  const pems = await generate([{ name: 'commonName', value: names[0] ?? 'test' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { key: pems.private, cert: pems.cert };
}

// ----------------------------------------------------------------------------------------- server

/** Starts the server; it serves when the promise resolves. */
export async function startScriptedUpstream(
  script: Script,
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const server = new Server(script, options);
  await server.start();
  return server;
}

/** How a stream, datagram or connection carries out actions. */
interface Channel {
  act(action: Action): void;
}

class Server implements ScriptedUpstream {
  script: Script;
  readonly address: string;
  port = 0;
  tlsPort = 0;
  httpsPort = 0;
  readonly queries: ReceivedQuery[] = [];
  connectionsAccepted = 0;
  connectionsOpen = 0;
  sessionsResumed = 0;
  readonly #options: ScriptedUpstreamOptions;
  readonly #channels = new WeakMap<ReceivedQuery, Channel>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #connections = new Set<net.Socket>();
  /** By the client's port: HTTP/2 does not let go of a session's socket. */
  readonly #secureSockets = new Map<number, net.Socket>();
  readonly #servers: net.Server[] = [];
  #udp: dgram.Socket | null = null;
  #otherUdp: dgram.Socket | null = null;
  #waiting: { count: number; resolve: () => void }[] = [];
  /** `serial`: when nothing is served any more. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(script: Script, options: ScriptedUpstreamOptions) {
    this.script = script;
    this.#options = options;
    this.address = options.address ?? '127.0.0.1';
  }

  async start(): Promise<void> {
    // UDP and TCP share a port number: where the kernel's choice for one is taken for the other,
    // ask again.
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#listenPlain();
        break;
      } catch (error) {
        if (attempt === 20 || this.#options.port !== undefined) throw error;
      }
    }
    const { certificate } = this.#options;
    if (certificate !== undefined) {
      const tlsServer = tls.createServer({ ...certificate, ALPNProtocols: ['dot'] }, (socket) => {
        if (socket.isSessionReused()) this.sessionsResumed++;
        this.#takeConnection(socket, 'tls');
      });
      tlsServer.on('tlsClientError', () => {});
      this.tlsPort = await this.#listen(tlsServer, 0);
      this.httpsPort = await this.#listen(this.#createHttpsServer(certificate), 0);
    }
  }

  #createHttpsServer(certificate: TestCertificate): net.Server {
    const { http1Only = false, maxStreams } = this.#options;
    if (http1Only) {
      const server = createHttpsServer({ ...certificate, ALPNProtocols: ['http/1.1'] }, (request, response) =>
        this.#serveRequest(request, response),
      );
      server.on('secureConnection', (socket) => this.#addConnection(socket));
      server.on('tlsClientError', () => {});
      return server;
    }
    const settings = maxStreams === undefined ? {} : { settings: { maxConcurrentStreams: maxStreams } };
    const server = createSecureServer({ ...certificate, ...settings });
    server.on('secureConnection', (socket) => this.#secureSockets.set(socket.remotePort ?? 0, socket));
    server.on('session', (session) => this.#serveSession(session));
    server.on('tlsClientError', () => {});
    return server;
  }

  received(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.queries.length >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }

  act(query: ReceivedQuery, action: Action): void {
    this.#channels.get(query)?.act(action);
  }

  dropConnections(): void {
    for (const socket of this.#secureSockets.values()) socket.destroy();
    for (const socket of this.#connections) socket.destroy();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const closing = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.dropConnections();
    for (const socket of [this.#udp, this.#otherUdp]) {
      if (socket !== null) closing.push(new Promise((resolve) => socket.close(resolve)));
    }
    // A question that still waits its turn finds nobody to answer by.
    this.#udp = null;
    this.#otherUdp = null;
    await Promise.all(closing);
  }

  async #listenPlain(): Promise<void> {
    const { tcp = true, udp = true, port = 0 } = this.#options;
    const family = net.isIPv6(this.address) ? 'udp6' : 'udp4';
    if (udp) {
      this.#udp = await bindUdp(family, port, this.address);
      this.#udp.on('message', (bytes, remote) => {
        const handle = () =>
          this.#handle('udp', bytes, remote.port, -1, {
            act: (action) => {
              if (action.kind !== 'send') return;
              const socket = action.fromOtherPort ? this.#otherUdp : this.#udp;
              socket?.send(action.bytes, remote.port, remote.address, () => {});
            },
          });
        if (this.#options.serial === true) void this.#turn.then(handle);
        else handle();
      });
      this.port = this.#udp.address().port;
    }
    if (tcp) {
      const server = net.createServer((socket) => this.#takeConnection(socket, 'tcp'));
      try {
        this.port = await this.#listen(server, this.port === 0 ? port : this.port);
      } catch (error) {
        this.#udp?.close();
        this.port = 0;
        throw error;
      }
    }
    this.#otherUdp = await bindUdp(family, 0, this.address);
  }

  async #listen(server: net.Server, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.address, resolve);
    });
    this.#servers.push(server);
    return (server.address() as net.AddressInfo).port;
  }

  #takeConnection(socket: net.Socket, transport: 'tcp' | 'tls'): void {
    const connection = this.#addConnection(socket);
    if (this.#options.serial !== true) {
      this.#serveStream(socket, transport, connection);
      return;
    }
    this.#turn = this.#turn.then(
      () =>
        new Promise((resolve) => {
          if (socket.destroyed) {
            resolve();
            return;
          }
          socket.once('close', () => resolve());
          this.#serveStream(socket, transport, connection);
        }),
    );
  }

  #serveStream(socket: net.Socket, transport: 'tcp' | 'tls', connection: number): void {
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        const bytes = Buffer.from(pending.subarray(2, 2 + length));
        pending = pending.subarray(2 + length);
        this.#handle(transport, bytes, socket.remotePort ?? 0, connection, {
          act: (action) => actOnStream(socket, action),
        });
      }
    });
  }

  #serveSession(session: ServerHttp2Session): void {
    const connection = this.connectionsAccepted++;
    this.connectionsOpen++;
    const remotePort = session.socket.remotePort ?? 0;
    session.on('error', () => {});
    session.on('close', () => {
      this.#secureSockets.delete(remotePort);
      this.connectionsOpen--;
    });
    // A second GOAWAY may not name a later stream than the first (RFC 9113 §6.8).
    let isLeaving = false;
    session.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const wellFormed =
          headers[':method'] === 'POST' &&
          headers['content-type'] === 'application/dns-message' &&
          headers[':path'] === '/dns-query';
        if (!wellFormed) {
          stream.respond({ ':status': 400 }, { endStream: true });
          return;
        }
        this.#handle('https', Buffer.concat(chunks), remotePort, connection, {
          act: (action) => {
            if (stream.destroyed) return;
            if (action.kind === 'close') {
              if (action.reset) this.#secureSockets.get(remotePort)?.destroy();
              else stream.close(2);
              return;
            }
            if (action.kind === 'refuse') {
              stream.close(7);
              return;
            }
            if (action.kind === 'goaway') {
              if (!isLeaving) session.goaway(0, stream.id ?? 0);
              isLeaving = true;
              return;
            }
            const status = action.kind === 'http' ? action.status : 200;
            const contentType = action.kind === 'http' ? action.contentType : 'application/dns-message';
            stream.respond({ ':status': status, 'content-type': contentType });
            stream.end(action.bytes);
          },
        });
      });
    });
  }

  #serveRequest(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.#handle('https', Buffer.concat(chunks), request.socket.remotePort ?? 0, 0, {
        act: (action) => {
          if (action.kind === 'close') request.socket.destroy();
          if (action.kind !== 'send' && action.kind !== 'http') return;
          const status = action.kind === 'http' ? action.status : 200;
          const contentType = action.kind === 'http' ? action.contentType : 'application/dns-message';
          response.writeHead(status, { 'content-type': contentType }).end(action.bytes);
        },
      });
    });
  }

  #addConnection(socket: net.Socket): number {
    this.#connections.add(socket);
    this.connectionsOpen++;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.connectionsOpen--;
    });
    return this.connectionsAccepted++;
  }

  #handle(
    transport: ReceivedQuery['transport'],
    bytes: Buffer,
    remotePort: number,
    connection: number,
    channel: Channel,
  ): void {
    const query = describe(transport, Buffer.from(bytes), remotePort, connection, this.queries.length);
    this.queries.push(query);
    this.#channels.set(query, channel);
    const actions = this.script(query) ?? [];
    for (const action of Array.isArray(actions) ? (actions as Action[]) : [actions as Action]) {
      if (action.delayMs === 0) {
        channel.act(action);
        continue;
      }
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        channel.act(action);
      }, action.delayMs);
      this.#timers.add(timer);
    }
    const reached = this.#waiting.filter((waiter) => waiter.count <= this.queries.length);
    this.#waiting = this.#waiting.filter((waiter) => waiter.count > this.queries.length);
    for (const waiter of reached) waiter.resolve();
  }
}

function actOnStream(socket: net.Socket, action: Action): void {
  if (socket.destroyed) return;
  if (action.kind === 'raw') socket.write(action.bytes);
  if (action.kind === 'close') {
    if (!action.reset) socket.end();
    else if (socket instanceof tls.TLSSocket) socket.destroy();
    else socket.resetAndDestroy();
  }
  if (action.kind === 'send') {
    const framed = Buffer.alloc(action.bytes.length + 2);
    framed.writeUInt16BE(action.bytes.length, 0);
    action.bytes.copy(framed, 2);
    socket.write(framed);
  }
}

function bindUdp(family: 'udp4' | 'udp6', port: number, address: string): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    // By default some 270 small queries fill it.
    const socket = dgram.createSocket({ type: family, recvBufferSize: 4 * 1024 * 1024 });
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function describe(
  transport: ReceivedQuery['transport'],
  bytes: Buffer,
  remotePort: number,
  connection: number,
  index: number,
): ReceivedQuery {
  const base = {
    transport,
    bytes,
    remotePort,
    connection,
    index,
    id: bytes.length < 2 ? 0 : bytes.readUInt16BE(0),
  };
  try {
    const packet = dnsPacket.decode(bytes);
    const question = packet.questions?.[0];
    const type = String(question?.type ?? '').replace(/^UNKNOWN_/, 'TYPE');
    const hasOpt = packet.additionals?.some((record) => record.type === 'OPT') ?? false;
    return { ...base, name: question?.name ?? '', type, hasOpt };
  } catch {
    return { ...base, name: '', type: '', hasOpt: false };
  }
}
