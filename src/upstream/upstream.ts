// One upstream server as one thread talks to it: the exchanges of its transport behind one send().
// Opened by the worker (and by the main thread for its health checks) from a spec that the main
// thread resolved.
import type { Clock } from '../base/clock.ts';
import {
  type Endpoint,
  endpointKey,
  type FoundUpstream,
  formatUpstream,
  type Transport,
} from '../base/endpoint.ts';
import type { RandomPool } from '../base/random.ts';
import { parsePeer } from '../io/peer.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Exchange, FailureReason, UpstreamQuery } from './exchange.ts';
import { type ExchangeOptions, openDohExchange, openStreamExchange } from './open-exchange.ts';
import { isPublicAddress, mayKnowPrivateNames } from './public-address.ts';
import { createTcpConnector, createTlsConnector } from './stream-connector.ts';
import type { StreamExchange } from './stream-exchange.ts';
import { UdpExchange } from './udp-exchange.ts';

/**
 * What a thread needs to know to talk to an upstream. Plain data: it travels to workers in
 * messages.
 */
export interface UpstreamSpec {
  /** Its slot in the shared state and in the counters: the registry gives it. */
  readonly slot: number;
  /** endpointKey() of the endpoint. */
  readonly key: string;
  /** How people see it, in logs and metrics: "10.0.0.2:53". */
  readonly text: string;
  /** Its host is an address: names have been resolved. */
  readonly endpoint: Endpoint;
}

/** The spec of an upstream that has this slot. */
export function specFor(slot: number, upstream: FoundUpstream): UpstreamSpec {
  const { endpoint } = upstream;
  return { slot, key: endpointKey(endpoint), text: formatUpstream(upstream), endpoint };
}

export interface UpstreamOptions {
  readonly random: RandomPool;
  readonly clock: Clock;
  readonly counters: Counters;
  /** UDP sockets in use at a time. Default 16. */
  readonly sockets?: number;
  /** Certificates (PEM) to trust instead of Node's. */
  readonly ca?: string;
  /** Told why a connection toward it, or a query over one, failed: what people are to read. */
  readonly onFault?: (spec: UpstreamSpec, reason: FailureReason, text: string) => void;
}

/** An exchange that remembers what went wrong. */
interface UpstreamExchange extends Exchange {
  readonly lastError: string;
  /** Of datagrams only. */
  publishCounters?(): void;
}

/** Addresses that a server shares with everything else on its machine. */
const SHARED_ADDRESSES = new Set(['127.0.0.1', '::1']);

/**
 * How long a udp:// server's TCP connection is kept after its last answer, ms: enough for a burst
 * of truncated answers. A server that serves one connection at a time (dnsmasq --no-daemon)
 * answers nobody else meanwhile, not even over UDP.
 */
const ASIDE_IDLE_MS = 50;

/** One upstream in one thread. */
export class Upstream {
  readonly spec: UpstreamSpec;
  readonly slot: number;
  readonly text: string;
  readonly transport: Transport;
  /** Whether the server is on the public Internet. */
  readonly isPublic: boolean;
  /** Whether it may know names of a private network. */
  readonly mayKnowPrivateNames: boolean;
  /**
   * Its address as a peer record (io/peer.ts), to know queries that come from it; null where that
   * says nothing, as every local client asks from there.
   */
  readonly peer: Int32Array | null;
  readonly #main: UpstreamExchange;
  /**
   * udp://: TCP for what does not fit a datagram, or is not believed of one. Else the same as
   * #main.
   */
  readonly #stream: UpstreamExchange;

  private constructor(spec: UpstreamSpec, main: UpstreamExchange, stream: UpstreamExchange) {
    this.spec = spec;
    this.slot = spec.slot;
    this.text = spec.text;
    const { transport, host, port } = spec.endpoint;
    this.transport = transport;
    this.isPublic = isPublicAddress(host);
    this.mayKnowPrivateNames = mayKnowPrivateNames(host);
    this.peer = SHARED_ADDRESSES.has(host) ? null : parsePeer(host, port);
    this.#main = main;
    this.#stream = stream;
  }

  /**
   * Never fails: where nothing can be opened now, queries fail until it can. Streams are opened by
   * the first query.
   */
  static async open(spec: UpstreamSpec, options: UpstreamOptions): Promise<Upstream> {
    const { transport, host, port } = spec.endpoint;
    if (transport === 'udp') {
      const datagrams = await UdpExchange.open({ ...options, host, port });
      const connector = createTcpConnector(host, port);
      const aside = openStreamExchange(connector, options.random, {
        ...exchangeOptions(spec, options),
        idleMs: ASIDE_IDLE_MS,
      });
      return new Upstream(spec, datagrams, aside);
    }
    const exchange = openExchange(spec, options);
    return new Upstream(spec, exchange, exchange);
  }

  get inFlight(): number {
    return this.#main.inFlight + (this.#stream === this.#main ? 0 : this.#stream.inFlight);
  }

  /** What went wrong last, for the log; '' if nothing did. */
  get lastError(): string {
    return this.#main.lastError || this.#stream.lastError;
  }

  /** The same of one way only: of datagrams, or of connections. */
  lastErrorOver(stream: boolean): string {
    return (stream ? this.#stream : this.#main).lastError;
  }

  /**
   * Sends a query by the upstream's transport; overStream asks a udp:// server over TCP (after TC,
   * or on suspicion).
   */
  send(query: UpstreamQuery, overStream: boolean): void {
    if (overStream) this.#stream.send(query);
    else this.#main.send(query);
  }

  /** Forgets a query, whichever way it went. */
  cancel(query: UpstreamQuery): void {
    query.exchange?.cancel(query);
  }

  /**
   * Brings the thread's counters up to date with what its sockets counted; called about once a
   * second.
   */
  publishCounters(): void {
    this.#main.publishCounters?.();
  }

  /**
   * Takes no more queries; resolves when nothing is in flight or open. With force at once: what is
   * in flight fails as `closed`.
   */
  async close(force: boolean): Promise<void> {
    await Promise.all([this.#main.close(force), this.#stream.close(force)]);
  }
}

/** tcp, tls, https. */
function openExchange(spec: UpstreamSpec, options: UpstreamOptions): StreamExchange {
  const { endpoint } = spec;
  const { transport, host, port, serverName } = endpoint;
  const common = exchangeOptions(spec, options);
  const ca = options.ca === undefined ? {} : { ca: options.ca };
  if (transport === 'https') return openDohExchange({ ...common, ...ca, endpoint });
  const connector =
    transport === 'tls'
      ? createTlsConnector({ ...ca, host, port, serverName, protocols: ['dot'] })
      : createTcpConnector(host, port);
  return openStreamExchange(connector, options.random, common);
}

function exchangeOptions(spec: UpstreamSpec, { clock, counters, onFault }: UpstreamOptions): ExchangeOptions {
  if (onFault === undefined) return { clock, counters };
  return { clock, counters, onFault: (reason, text) => onFault(spec, reason, text) };
}
