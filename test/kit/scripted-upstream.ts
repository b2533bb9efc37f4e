// A DNS server on loopback that does what a test tells it to, query by query, over UDP, TCP, TLS
// and HTTPS. The well-behaved and the ill-behaved upstream of every test above the wire layer.
//
//   const upstream = await startScriptedUpstream((query) => answer(query));
//   upstream.script = (query) => [later(50, withId(answer(query), 7)), later(60, answer(query))];
//   upstream.queries[0]?.name
//
// Actions are built in actions.ts and answers.ts, and spoiled in altered-answers.ts.
import { once } from 'node:events';
import type net from 'node:net';
import tls from 'node:tls';
import type { Action, Script } from './actions.ts';
import type { TestCertificate } from './certificates.ts';
import { DnsServer, type Reply } from './dns-server.ts';
import { HttpsListener } from './https-listener.ts';
import { type ReceivedQuery, readQuery } from './received-query.ts';

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
  /** ADDRESS:PORT, as unloop's configuration names it. */
  readonly text: string;
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
  /** Resolves when `count` different names have been asked: no repetition counts, and no check. */
  receivedNames(count: number): Promise<void>;
  /** Does something more about an earlier query. */
  act(query: ReceivedQuery, action: Action): void;
  /** Breaks every open connection. */
  dropConnections(): void;
  close(): Promise<void>;
}

/** Starts the server; it serves when the promise resolves. */
export async function startScriptedUpstream(
  script: Script,
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const upstream = new Upstream(script);
  await upstream.open(options);
  return upstream;
}

/** Carries out actions on the way that a query came by. */
type Act = (action: Action) => void;

class Upstream implements ScriptedUpstream {
  script: Script;
  readonly queries: ReceivedQuery[] = [];
  readonly #acts = new WeakMap<ReceivedQuery, Act>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #names = new Set<string>();
  #waiting: { isSo: () => boolean; resolve: () => void }[] = [];
  #server!: DnsServer;
  #https: HttpsListener | null = null;
  #isClosed = false;

  constructor(script: Script) {
    this.script = script;
  }

  async open(options: ScriptedUpstreamOptions): Promise<void> {
    const { serial = false, maxStreams, http1Only, ...serverOptions } = options;
    const turns = serial ? new Turns() : null;
    const onQuery = (bytes: Buffer, reply: Reply) => {
      const take = () => this.#take(reply, bytes, (action) => actOn(reply, action));
      if (turns === null) take();
      else void turns.of(reply).then(take);
    };
    this.#server = await DnsServer.open(onQuery, {
      ...serverOptions,
      ...(turns === null ? {} : { onConnection: (socket: net.Socket) => turns.add(socket) }),
    });
    const { certificate } = options;
    if (certificate === undefined) return;
    this.#https = await HttpsListener.open(
      ({ query, act, ...from }) => this.#take({ ...from, transport: 'https' }, query, act),
      { address: this.address, certificate, maxStreams, http1Only },
    );
  }

  get address(): string {
    return this.#server.address;
  }

  get port(): number {
    return this.#server.port;
  }

  get text(): string {
    return this.#server.text;
  }

  get tlsPort(): number {
    return this.#server.tlsPort;
  }

  get httpsPort(): number {
    return this.#https?.port ?? 0;
  }

  get connectionsAccepted(): number {
    return this.#server.connectionsAccepted + (this.#https?.connectionsAccepted ?? 0);
  }

  get connectionsOpen(): number {
    return this.#server.connectionsOpen + (this.#https?.connectionsOpen ?? 0);
  }

  get sessionsResumed(): number {
    return this.#server.sessionsResumed;
  }

  received(count: number): Promise<void> {
    return this.#until(() => this.queries.length >= count);
  }

  receivedNames(count: number): Promise<void> {
    return this.#until(() => this.#names.size >= count);
  }

  act(query: ReceivedQuery, action: Action): void {
    this.#acts.get(query)?.(action);
  }

  dropConnections(): void {
    this.#server.dropConnections();
    this.#https?.dropConnections();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([this.#server.close(), this.#https?.close()]);
  }

  #take(from: Pick<ReceivedQuery, 'transport' | 'remotePort' | 'connection'>, bytes: Buffer, act: Act): void {
    const { transport, remotePort, connection } = from;
    const index = this.queries.length;
    const query = readQuery({ transport, remotePort, connection, bytes, index });
    this.queries.push(query);
    // The root: a health check.
    if (query.name !== '.') this.#names.add(query.name.toLowerCase());
    this.#acts.set(query, act);
    for (const action of [this.script(query) ?? []].flat() as Action[]) this.#schedule(action, act);
    const reached = this.#waiting.filter(({ isSo }) => isSo());
    this.#waiting = this.#waiting.filter((waiter) => !reached.includes(waiter));
    for (const waiter of reached) waiter.resolve();
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (isSo()) resolve();
      else this.#waiting.push({ isSo, resolve });
    });
  }

  #schedule(action: Action, act: Act): void {
    if (action.delayMs === 0) {
      act(action);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act(action);
    }, action.delayMs);
    this.#timers.add(timer);
  }
}

/** The order of a `serial` server: a connection is served when all before it are closed. */
class Turns {
  readonly #starts = new WeakMap<net.Socket, Promise<unknown>>();
  #lastEnds: Promise<unknown> = Promise.resolve();

  add(socket: net.Socket): void {
    const starts = this.#lastEnds;
    const closed = once(socket, 'close');
    closed.catch(() => {});
    this.#starts.set(socket, starts);
    this.#lastEnds = starts.then(() => closed).catch(() => {});
  }

  /** Never for what came by a connection that closed before its turn. */
  async of({ socket }: Reply): Promise<void> {
    if (socket === null) {
      await this.#lastEnds;
      return;
    }
    await this.#starts.get(socket);
    if (socket.destroyed) await new Promise(() => {});
  }
}

function actOn({ send, forge, socket, remotePort }: Reply, action: Action): void {
  if (action.kind === 'send' && action.fromOtherPort) forge(action.bytes, remotePort, true);
  else if (action.kind === 'send') send(action.bytes);
  if (socket === null || socket.destroyed) return;
  if (action.kind === 'raw') socket.write(action.bytes);
  if (action.kind !== 'close') return;
  if (!action.reset) socket.end();
  else if (socket instanceof tls.TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
