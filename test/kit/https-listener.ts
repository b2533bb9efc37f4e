// The HTTPS side of the scripted upstream: DNS over HTTP/2, or over HTTP/1.1 alone (RFC 8484).
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:https';
import type net from 'node:net';
import type { Action } from './actions.ts';
import type { TestCertificate } from './certificates.ts';

export interface HttpsRequest {
  readonly query: Buffer;
  readonly remotePort: number;
  /** Counts sessions from 0. */
  readonly connection: number;
  act(action: Action): void;
}

export interface HttpsListenerOptions {
  readonly address: string;
  readonly certificate: TestCertificate;
  /** Streams at a time. Default: no limit. */
  readonly maxStreams?: number | undefined;
  /** HTTP/1.1 and nothing else. */
  readonly http1Only?: boolean | undefined;
}

const MEDIA_TYPE = 'application/dns-message';
const INTERNAL_ERROR = 2;
const REFUSED_STREAM = 7;

export class HttpsListener {
  port = 0;
  connectionsAccepted = 0;
  connectionsOpen = 0;
  readonly #onRequest: (request: HttpsRequest) => void;
  /** By the client's port: HTTP/2 does not let go of a session's socket. */
  readonly #sockets = new Map<number, net.Socket>();
  readonly #server: net.Server;

  private constructor(onRequest: (request: HttpsRequest) => void, options: HttpsListenerOptions) {
    this.#onRequest = onRequest;
    this.#server = options.http1Only === true ? this.#createHttp1(options) : this.#createHttp2(options);
    this.#server.on('secureConnection', (socket: net.Socket) => {
      const remotePort = socket.remotePort ?? 0;
      this.#sockets.set(remotePort, socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(remotePort));
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async open(
    onRequest: (request: HttpsRequest) => void,
    options: HttpsListenerOptions,
  ): Promise<HttpsListener> {
    const listener = new HttpsListener(onRequest, options);
    listener.#server.listen(0, options.address);
    await once(listener.#server, 'listening');
    listener.port = (listener.#server.address() as net.AddressInfo).port;
    return listener;
  }

  /** Breaks every open connection. */
  dropConnections(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.dropConnections();
    await closed;
  }

  #createHttp1({ certificate }: HttpsListenerOptions): net.Server {
    const server = createServer({ ...certificate, ALPNProtocols: ['http/1.1'] }, (request, response) =>
      this.#serveRequest(request, response),
    );
    server.on('secureConnection', (socket) => this.#count(socket));
    return server;
  }

  #createHttp2({ certificate, maxStreams }: HttpsListenerOptions): net.Server {
    const settings = maxStreams === undefined ? {} : { settings: { maxConcurrentStreams: maxStreams } };
    const server = createSecureServer({ ...certificate, ...settings });
    server.on('session', (session) => this.#serveSession(session));
    return server;
  }

  #count(connection: { on(event: 'close', listener: () => void): unknown }): number {
    this.connectionsOpen++;
    connection.on('close', () => {
      this.connectionsOpen--;
    });
    return this.connectionsAccepted++;
  }

  #serveSession(session: ServerHttp2Session): void {
    const connection = this.#count(session);
    const remotePort = session.socket.remotePort ?? 0;
    session.on('error', () => {});
    // A second GOAWAY may not name a later stream than the first (RFC 9113 §6.8).
    let isLeaving = false;
    const leave = (lastStream: number) => {
      if (!isLeaving) session.goaway(0, lastStream);
      isLeaving = true;
    };
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      const isWellFormed =
        headers[':method'] === 'POST' &&
        headers['content-type'] === MEDIA_TYPE &&
        headers[':path'] === '/dns-query';
      collect(stream, (query) => {
        if (!isWellFormed) {
          stream.respond({ ':status': 400 }, { endStream: true });
          return;
        }
        const act = (action: Action) => {
          if (stream.destroyed) return;
          if (action.kind === 'close' && action.reset) this.#sockets.get(remotePort)?.destroy();
          else if (action.kind === 'goaway') leave(stream.id ?? 0);
          else actOnStream(stream, action);
        };
        this.#onRequest({ query, remotePort, connection, act });
      });
    });
  }

  #serveRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    collect(request, (query) => {
      const act = (action: Action) => {
        if (action.kind === 'close') socket.destroy();
        if (action.kind !== 'send' && action.kind !== 'http') return;
        const { status, contentType } = headersOf(action);
        response.writeHead(status, { 'content-type': contentType }).end(action.bytes);
      };
      this.#onRequest({ query, remotePort: socket.remotePort ?? 0, connection: 0, act });
    });
  }
}

function actOnStream(stream: ServerHttp2Stream, action: Action): void {
  if (action.kind === 'close') stream.close(INTERNAL_ERROR);
  if (action.kind === 'refuse') stream.close(REFUSED_STREAM);
  if (action.kind !== 'send' && action.kind !== 'http') return;
  const { status, contentType } = headersOf(action);
  stream.respond({ ':status': status, 'content-type': contentType });
  stream.end(action.bytes);
}

function headersOf(action: Action): { status: number; contentType: string } {
  return action.kind === 'http' ? action : { status: 200, contentType: MEDIA_TYPE };
}

function collect(readable: NodeJS.ReadableStream, onEnd: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = [];
  readable.on('data', (chunk: Buffer) => chunks.push(chunk));
  readable.on('end', () => onEnd(Buffer.concat(chunks)));
}
