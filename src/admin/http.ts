// The admin listener: a small HTTP server on the main thread, for probes, scrapes and people.
// Opened by server/control/admin-listener when `admin.listen` is set. Everything a client can make
// it hold is bounded.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { UnloopError } from '../base/errors.ts';
import { nodeHttp } from '../base/lazy-node.ts';
import type { ListenAddress } from '../config/config.ts';
import { AccessPolicy } from './access.ts';
import type { AdminSource } from './admin-source.ts';
import { AdminConnections } from './connections.ts';
import { EventStreams } from './event-streams.ts';
import { pageEvent, statusEvent } from './live-event.ts';
import { RateHistory, SAMPLE_INTERVAL_MS } from './rate-history.ts';
import { RecentTop } from './recent-top.ts';
import { json, type Reply, ROUTES, type RouteContext } from './routes.ts';

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_BODY_BYTES = 1024;
const MAX_REQUESTS_PER_CONNECTION = 100;
/** For the headers, and for the whole request. */
const REQUEST_TIMEOUT_MS = 5000;
const KEEP_ALIVE_MS = 5000;
/** A connection on which nothing moves, such as a reader that does not read, ends. */
const IDLE_TIMEOUT_MS = 10_000;
/** How long close() waits for answers under way. */
const CLOSE_GRACE_MS = 1000;

export interface AdminOptions {
  readonly listen: ListenAddress;
  /** Bearer token; empty: none, and clients beyond loopback get only probes and metrics. */
  readonly token: string;
  /** Names, besides addresses and localhost, by which a browser may address a loopback listener. */
  readonly hosts?: readonly string[];
  /** Told of what went wrong inside: a failed answer, a failing socket. */
  readonly report: (error: Error) => void;
}

/** A running admin listener. */
export interface AdminServer {
  readonly address: string;
  readonly port: number;
  /** Stops listening, lets answers under way finish for a second. Can be called again. */
  close(): Promise<void>;
}

/** Starts listening; fails with UNLOOP_ADMIN_LISTEN_FAILED when the address cannot be had. */
export async function startAdmin(options: AdminOptions, source: AdminSource): Promise<AdminServer> {
  const history = new RateHistory(source.totals, performance.now());
  const access = new AccessPolicy({
    listenHost: options.listen.host,
    token: options.token,
    hosts: options.hosts ?? [],
  });
  const connections = new AdminConnections();
  const top = new RecentTop(source);
  const events = new EventStreams({
    makers: {
      status: () => statusEvent(source.snapshot(), history, performance.now()),
      page: () => {
        const nowMs = performance.now();
        return pageEvent(source.snapshot(), history, top.lists(nowMs), nowMs);
      },
    },
    report: options.report,
  });
  const server = nodeHttp().createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node looks for overdue requests every 30 s unless told otherwise.
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      handle(
        request,
        access,
        { source, history, events, top },
        options.report,
        slotFor(connections, request, response),
      ).then(
        (reply) => {
          if (reply !== null) write(request, response, reply);
        },
        (error: Error) => options.report(error),
      );
    },
  );
  server.on('connection', (socket: Socket) => connections.accept(socket));
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.timeout = IDLE_TIMEOUT_MS;
  const { address, port } = await listen(server, options.listen);
  server.on('error', options.report);
  const sampling = setInterval(() => history.sample(performance.now()), SAMPLE_INTERVAL_MS);
  sampling.unref();
  return {
    address,
    port,
    close() {
      clearInterval(sampling);
      events.close();
      return close(server);
    },
  };
}

/**
 * Whether there is a slot to answer a request in; it is held until the answer has left, or the
 * client has.
 */
function slotFor(
  connections: AdminConnections,
  { socket }: IncomingMessage,
  response: ServerResponse,
): (isProbe: boolean) => boolean {
  return (isProbe) => {
    if (!connections.begin(socket, isProbe)) return false;
    response.once('close', () => connections.end(socket, isProbe));
    return true;
  };
}

/** The answer to a request; null when the client went away before it had asked. */
async function handle(
  request: IncomingMessage,
  access: AccessPolicy,
  context: Omit<RouteContext, 'query' | 'nowMs'>,
  report: (error: Error) => void,
  hasSlot: (isProbe: boolean) => boolean,
): Promise<Reply | null> {
  const body = await readBody(request);
  if (body === 'gone') return null;
  if (body === 'too large') {
    return json(413, { error: `a body of more than ${MAX_BODY_BYTES} bytes` }, { Connection: 'close' });
  }
  // RFC 9112 §3.2. A check of one of them would say nothing of the other.
  if ((request.headersDistinct.host ?? []).length > 1)
    return json(400, { error: 'more than one Host header' }, { Connection: 'close' });
  const target = request.url ?? '';
  // The absolute form would carry a host of its own past the check of the Host header.
  if (!target.startsWith('/')) return json(400, { error: 'the request target must be a path' });
  const [path] = target.split('?', 1);
  const route = ROUTES.get(path!);
  if (!hasSlot(route?.openness === 'probe')) {
    return json(503, { error: 'too many requests at once; probes only' }, { Connection: 'close' });
  }
  const refusal = access.refuse(request, route?.openness ?? 'private');
  if (refusal !== null) {
    return json(refusal.status, { error: refusal.error, remedy: refusal.remedy }, refusal.headers);
  }
  if (route === undefined) {
    return json(404, { error: 'no such path', remedy: `There are ${[...ROUTES.keys()].join(', ')}.` });
  }
  if (request.method !== route.method && !(route.method === 'GET' && request.method === 'HEAD')) {
    const allow = route.method === 'GET' ? 'GET, HEAD' : route.method;
    const remedy =
      route.method === 'POST'
        ? `Send POST ${path}: GET only reads, and this asks servers or changes the cache.`
        : `Send GET ${path}.`;
    return json(405, { error: `${path} takes ${allow}`, remedy }, { Allow: allow });
  }
  // For this answer only: Node.js sets it back for the next request.
  if (route.takesMs !== undefined) request.socket.setTimeout(route.takesMs);
  try {
    const query = new URLSearchParams(target.slice(path!.length + 1));
    return await route.answer({ ...context, query, nowMs: performance.now() });
  } catch (error) {
    report(error instanceof Error ? error : new Error(String(error)));
    return json(500, { error: 'the answer could not be made; the log says why' });
  }
}

/**
 * No route takes a body, but one that is sent must be taken off the connection, up to the limit.
 */
function readBody(request: IncomingMessage): Promise<'read' | 'too large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return Promise.resolve('too large');
  return new Promise((resolve) => {
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) {
        request.pause();
        resolve('too large');
      }
    });
    request.on('end', () => resolve('read'));
    request.on('close', () => resolve('gone'));
  });
}

function write(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const body = Buffer.from(reply.body, 'utf8');
  response.writeHead(reply.status, {
    'Content-Type': reply.contentType,
    ...(reply.stream === undefined ? { 'Content-Length': body.length } : {}),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    ...reply.headers,
  });
  if (reply.stream !== undefined && request.method !== 'HEAD') reply.stream(response);
  else response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { host, port }: ListenAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new UnloopError(
          'UNLOOP_ADMIN_LISTEN_FAILED',
          `cannot listen for admin requests on ${host} port ${port}: ${error.message}`,
          remedyFor(error.code),
          { cause: error },
        ),
      );
    });
    // Without a host, Node.js listens on [::], or on 0.0.0.0 where the kernel has no IPv6.
    server.listen(host === '::' ? { port } : { host, port }, () => {
      server.removeAllListeners('error');
      resolve(server.address() as AddressInfo);
    });
  });
}

function remedyFor(code: string | undefined): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'Another program has this port: set admin.listen (--admin ADDR:PORT) to a free one, or to "off".';
    case 'EACCES':
      return 'Ports below 1024 need CAP_NET_BIND_SERVICE: set admin.listen (--admin ADDR:PORT) to a higher one.';
    case 'EADDRNOTAVAIL':
      return 'This machine has no such address: set admin.listen (--admin ADDR:PORT) to one it has.';
    default:
      return 'Set admin.listen (--admin ADDR:PORT) to an address and port of this machine, or to "off".';
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
