// A worker's TCP listener on one address: accepts connections up to the limit and feeds their
// queries to the pipeline.
import type { Server, Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { listenTcp } from '../../io/listen-tcp.ts';
import { Counter, type Counters } from '../../metrics/counters.ts';
import type { QueryHandler } from '../../pipeline/reply-sink.ts';
import { type ConnectionOwner, TcpConnection } from './tcp-connection.ts';

export interface TcpListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly claim: boolean;
  /** A listening socket inherited from the service manager, or −1. */
  readonly fd: number;
  /** Connections open at a time; further ones are closed at once. */
  readonly maxConnections: number;
  /** A connection without a whole query for this long is closed. */
  readonly idleMs: number;
}

export class TcpListener implements ConnectionOwner {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  readonly idleMs: number;
  draining = false;
  readonly #pipeline: QueryHandler;
  readonly #maxConnections: number;
  /** Oldest first. */
  readonly #connections = new Set<TcpConnection>();
  #server: Server | null = null;

  private constructor(
    pipeline: QueryHandler,
    clock: Clock,
    wheel: TimerWheel,
    counters: Counters,
    options: TcpListenerOptions,
  ) {
    this.#pipeline = pipeline;
    this.clock = clock;
    this.wheel = wheel;
    this.counters = counters;
    this.idleMs = options.idleMs;
    this.#maxConnections = options.maxConnections;
  }

  /** Opens the listener; rejects with the system's error (EADDRINUSE, EACCES …). */
  static async open(
    pipeline: QueryHandler,
    clock: Clock,
    wheel: TimerWheel,
    counters: Counters,
    options: TcpListenerOptions,
  ): Promise<TcpListener> {
    const listener = new TcpListener(pipeline, clock, wheel, counters, options);
    listener.#server = await listenTcp(
      {
        address: options.address,
        port: options.port,
        reusePort: options.reusePort,
        claim: options.claim,
        ...(options.fd < 0 ? {} : { fd: options.fd }),
      },
      (socket) => listener.#onConnection(socket),
    );
    // Accepting can fail if there are no descriptors left: Node continues to listen, and clients
    // try again.
    listener.#server.on('error', () => counters.increment(Counter.tcpConnectionsRefused));
    return listener;
  }

  /** The bound port. */
  get port(): number {
    const address = this.#server!.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  #onConnection(socket: Socket): void {
    // Source port 0 cannot be answered; a connection beyond the limit is closed before it costs
    // anything.
    const hasRoom = this.#connections.size < this.#maxConnections || this.#makeRoom(socket.remoteAddress);
    if (!hasRoom || !socket.remotePort) {
      this.counters.increment(Counter.tcpConnectionsRefused);
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#connections.add(new TcpConnection(this, socket));
    this.counters.values[Counter.tcpConnections]!++;
  }

  /**
   * All slots are taken: the client that has most of them loses its oldest idle connection, even to
   * a new one of its own (RFC 7766 §6.2.3 allows that at any time). It loses a busy one only to a
   * client with fewer. So one client may use all slots, and still keeps nobody out.
   */
  #makeRoom(newcomer = ''): boolean {
    const counts = new Map<string, number>();
    let greediest = '';
    for (const { client } of this.#connections) {
      counts.set(client, (counts.get(client) ?? 0) + 1);
      if (counts.get(client)! > (counts.get(greediest) ?? 0)) greediest = client;
    }
    let oldest: TcpConnection | null = null;
    let oldestIdle: TcpConnection | null = null;
    for (const connection of this.#connections) {
      if (connection.client !== greediest) continue;
      oldest ??= connection;
      if (!connection.isIdle) continue;
      oldestIdle = connection;
      break;
    }
    const hasFewer = (counts.get(newcomer) ?? 0) + 1 < (counts.get(greediest) ?? 0);
    const victim = oldestIdle ?? (hasFewer ? oldest : null);
    if (victim === null) return false;
    victim.destroy();
    // Its slot is free at once; that it has closed is heard of later.
    this.onClosed(victim);
    return true;
  }

  handle(bytes: Uint8Array, length: number, connection: TcpConnection): boolean {
    return this.#pipeline.handle(bytes, length, connection, connection.peer, 0);
  }

  endBatch(startMs: number): void {
    this.#pipeline.endBatch(startMs);
  }

  onClosed(connection: TcpConnection): void {
    if (this.#connections.delete(connection)) this.counters.values[Counter.tcpConnections]!--;
  }

  /**
   * Accepts no more; open connections end as their queries are answered. Resolves when all are
   * closed.
   */
  async drain(): Promise<void> {
    this.draining = true;
    const closed = new Promise<void>((resolve) => this.#server!.close(() => resolve()));
    for (const connection of this.#connections) connection.drain();
    await closed;
  }

  /** Closes everything at once. */
  destroy(): void {
    this.#server!.close();
    for (const connection of this.#connections) connection.destroy();
  }
}
