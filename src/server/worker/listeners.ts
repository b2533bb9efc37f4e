// A worker's sockets toward clients: UDP and TCP on each listen address. Opened, retired and closed
// by data-plane.
import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { Counters } from '../../metrics/counters.ts';
import type { QueryHandler } from '../../pipeline/reply-sink.ts';
import { TcpListener } from '../listen/tcp-listener.ts';
import { UdpListener } from '../listen/udp-listener.ts';
import type { BoundAddress, WorkerStart } from './worker-channel.ts';

/** Ports of the kernel's choice that are tried until one is free for UDP and TCP. */
const PORT_ATTEMPTS = 20;

export class Listeners {
  /** Where it listens, ports settled. */
  readonly bound: BoundAddress[] = [];
  /**
   * Why queries are not dealt by name on some address, the system's code; '': they are; null: not
   * known, as this worker is the first on some address.
   */
  undealt: string | null = null;
  readonly #start: WorkerStart;
  readonly #queries: QueryHandler;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #counters: Counters;
  readonly #udp: UdpListener[] = [];
  readonly #tcp: TcpListener[] = [];

  constructor(
    start: WorkerStart,
    queries: QueryHandler,
    clock: Clock,
    wheel: TimerWheel,
    counters: Counters,
  ) {
    this.#start = start;
    this.#queries = queries;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#counters = counters;
  }

  /** Rejects with the system's error when an address cannot be listened on. */
  async open(): Promise<void> {
    for (const address of this.#start.listen) {
      for (let attempt = 1; ; attempt++) {
        try {
          this.bound.push({ ...address, port: await this.#listenOn(address), claim: false });
          break;
        } catch (error) {
          // The kernel's choice for UDP may be taken for TCP: then it may choose again.
          const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
          if (address.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
        }
      }
    }
    // Who claims an address is alone on it yet: the next worker forms the group, and does this.
    if (!this.#start.listen.some(({ claim }) => claim)) this.dealAgain();
  }

  /** The UDP sockets' descriptors, as `bound`; −1: none of this worker's own. */
  get descriptors(): number[] {
    return this.#udp.map(({ fd }, i) => ((this.#start.listen[i]!.udpFd ?? -1) < 0 ? fd : -1));
  }

  /** UDP and TCP on one port, which it resolves with. */
  async #listenOn(address: BoundAddress): Promise<number> {
    const { config, listen, reusePort, workers } = this.#start;
    const { host, port, udpFd = -1, tcpFd = -1, claim = false } = address;
    const udp = await UdpListener.open(this.#queries, this.#clock, this.#counters, {
      address: host,
      port,
      reusePort,
      claim,
      ...(udpFd < 0 ? {} : { fd: udpFd }),
    });
    try {
      const tcp = await TcpListener.open(this.#queries, this.#clock, this.#wheel, this.#counters, {
        address: host,
        port: udp.port,
        reusePort,
        claim,
        fd: tcpFd,
        maxConnections: Math.ceil(config.limits.tcpConnections / (workers * listen.length)),
        idleMs: config.limits.tcpIdleMs,
      });
      this.#tcp.push(tcp);
    } catch (error) {
      await udp.close();
      throw error;
    }
    this.#udp.push(udp);
    return udp.port;
  }

  /** Attaches the program that deals queries by name, in place of any other. */
  dealAgain(): void {
    const { deal } = this.#start;
    if (deal === null) return;
    this.undealt = '';
    for (const listener of this.#udp) this.undealt = listener.deal(deal) || this.undealt;
  }

  /** Reads another worker's sockets too; none: leaves them to it. */
  async readAlso(worker: number, descriptors: readonly number[]): Promise<void> {
    for (const [i, listener] of this.#udp.entries()) {
      const fd = descriptors[i] ?? -1;
      if (fd < 0) await listener.readNoLonger(worker);
      else await listener.readAlso(worker, fd);
    }
  }

  /**
   * Lets no new datagrams in; resolves when none waits any more. The sockets leave their groups
   * before it returns.
   */
  async retire(): Promise<void> {
    await Promise.all(this.#udp.map((listener) => listener.retire()));
  }

  /** Accepts no more connections; resolves when all are closed. */
  async drainConnections(): Promise<void> {
    await Promise.all(this.#tcp.map((listener) => listener.drain()));
  }

  publishCounters(): void {
    for (const listener of this.#udp) listener.publishCounters();
  }

  async close(): Promise<void> {
    for (const listener of this.#tcp) listener.destroy();
    await Promise.all(this.#udp.map((listener) => listener.close()));
  }
}
