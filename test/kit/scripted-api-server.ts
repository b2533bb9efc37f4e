// A Kubernetes API server as far as pods are concerned: lists in pages and watches over HTTPS, with
// a certificate of its own, and does what a real one does seldom when it is told to.
//
//   const api = await ScriptedApiServer.start();
//   api.put('shop', 'cart-1', { ips: ['10.1.2.3'] });
//   api.env, api.folder   what the pod's environment and service account would be
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { createTestCertificate, type TestCertificate } from './certificates.ts';
import { scratchDirectory } from './scratch-directory.ts';

export interface ScriptedPod {
  readonly ips?: readonly string[];
  readonly node?: string;
  readonly hostNetwork?: boolean;
  readonly phase?: string;
}

/** An answer in place of the true one. */
export type Fault =
  | { readonly kind: 'status'; readonly code: number; readonly message: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'text'; readonly text: string };

interface WatchStream {
  readonly response: ServerResponse;
  readonly node: string;
}

interface StoredPod {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  readonly spec: { readonly nodeName: string; readonly hostNetwork?: boolean };
  readonly status: object;
}

/** One for all of a file: making it takes long. */
let certificate: Promise<TestCertificate> | null = null;

export class ScriptedApiServer {
  /** Has token and ca.crt. */
  readonly folder = join(scratchDirectory(), 'serviceaccount');
  port = 0;
  /** The queries asked so far: `/api/v1/pods?…`, and the token of each. */
  readonly requests: { readonly query: URLSearchParams; readonly token: string }[] = [];
  /** Asked for the next requests, first come, first served. */
  readonly faults: Fault[] = [];
  /** Asked for every request, while set. */
  fault: Fault | null = null;
  token = 'token-1';
  readonly #pods = new Map<string, StoredPod>();
  readonly #events: { readonly version: number; readonly type: string; readonly object: StoredPod }[] = [];
  readonly #watches = new Set<WatchStream>();
  readonly #sockets = new Set<Duplex>();
  #version = 100;
  /** What happened up to this version is forgotten. */
  #forgotten = 0;
  #server!: Server;

  static async start(): Promise<ScriptedApiServer> {
    const api = new ScriptedApiServer();
    certificate ??= createTestCertificate(['kubernetes.default.svc'], ['127.0.0.1']);
    const { key, cert } = await certificate;
    mkdirSync(api.folder, { recursive: true });
    writeFileSync(join(api.folder, 'ca.crt'), cert);
    api.rotateToken(api.token);
    api.#server = createServer({ key, cert }, (request, response) => api.#serve(request, response));
    api.#server.on('connection', (socket) => {
      api.#sockets.add(socket);
      socket.on('close', () => api.#sockets.delete(socket));
    });
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    api.port = (api.#server.address() as AddressInfo).port;
    onTestFinished(() => api.close());
    return api;
  }

  get env(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(this.port) };
  }

  /** Lists that were asked for, without their further pages. */
  get lists(): number {
    return this.requests.filter(({ query }) => !query.has('watch') && !query.has('continue')).length;
  }

  get watches(): number {
    return this.requests.filter(({ query }) => query.has('watch')).length;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** The service account's token is another from now on; the one before is refused. */
  rotateToken(token: string): void {
    this.token = token;
    writeFileSync(join(this.folder, 'token'), `${token}\n`);
  }

  removeToken(): void {
    rmSync(join(this.folder, 'token'));
  }

  put(namespace: string, name: string, pod: ScriptedPod): void {
    const id = `${namespace}/${name}`;
    const { ips = [], node = 'node-1', hostNetwork, phase = 'Running' } = pod;
    const stored = {
      metadata: { namespace, name, resourceVersion: String(++this.#version) },
      spec: { nodeName: node, ...(hostNetwork === undefined ? {} : { hostNetwork }) },
      status: { phase, ...(ips.length === 0 ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }) },
    };
    this.#happened(this.#pods.has(id) ? 'MODIFIED' : 'ADDED', stored);
    this.#pods.set(id, stored);
  }

  remove(namespace: string, name: string): void {
    const stored = this.#pods.get(`${namespace}/${name}`)!;
    this.#pods.delete(`${namespace}/${name}`);
    const resourceVersion = String(++this.#version);
    this.#happened('DELETED', { ...stored, metadata: { ...stored.metadata, resourceVersion } });
  }

  /** Says to all watches how far they are. */
  bookmark(): void {
    const object = { kind: 'Pod', metadata: { resourceVersion: String(++this.#version) } };
    for (const { response } of this.#watches)
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Sends every watch these bytes. */
  say(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  /** No watch can go on from a version before now. */
  forget(): void {
    this.#forgotten = ++this.#version;
  }

  /** Ends the watches as the API server does after timeoutSeconds. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  /** Breaks all connections. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.dropConnections();
    await closed;
  }

  #happened(type: string, object: StoredPod): void {
    this.#events.push({ version: this.#version, type, object });
    for (const { response, node } of this.#watches)
      if (node === '' || node === object.spec.nodeName)
        response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url!, 'https://kubernetes');
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    this.requests.push({ query, token });
    const fault = this.faults.shift() ?? this.fault;
    if (fault?.kind === 'reset') request.socket.destroy();
    else if (fault?.kind === 'status') refuse(response, fault.code, fault.message);
    else if (fault?.kind === 'text') response.end(fault.text);
    else if (request.method !== 'GET' || pathname !== '/api/v1/pods') refuse(response, 404, 'not found');
    else if (token !== this.token) refuse(response, 401, 'Unauthorized');
    else if (query.has('watch')) this.#watch(query, response);
    else this.#list(query, response);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const node = nodeOf(query);
    const from = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? Number.POSITIVE_INFINITY);
    const all = [...this.#pods.values()].filter(({ spec }) => node === '' || spec.nodeName === node);
    const items = all.slice(from, from + limit);
    const rest = from + limit < all.length ? { continue: String(from + limit) } : {};
    const metadata = { resourceVersion: String(this.#version), ...rest };
    // A nil slice of Go.
    response.end(JSON.stringify({ kind: 'PodList', metadata, items: items.length === 0 ? null : items }));
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const since = Number(query.get('resourceVersion'));
    const node = nodeOf(query);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    if (since < this.#forgotten) {
      const object = { kind: 'Status', code: 410, reason: 'Expired' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const stream = { response, node };
    this.#watches.add(stream);
    response.on('close', () => this.#watches.delete(stream));
    for (const { version, type, object } of this.#events)
      if (version > since && (node === '' || node === object.spec.nodeName))
        response.write(`${JSON.stringify({ type, object })}\n`);
  }
}

function refuse(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }));
}

function nodeOf(query: URLSearchParams): string {
  return /^spec\.nodeName=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}
