// The exchange over connections for each transport: TCP, TLS, HTTPS. Called by upstream.ts.
import { isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../base/endpoint.ts';
import type { RandomPool } from '../base/random.ts';
import type { Counters } from '../metrics/counters.ts';
import { DohConnection } from './doh-connection.ts';
import type { FaultListener } from './fault-teller.ts';
import { PipelineDepth } from './pipeline-depth.ts';
import { StreamConnection } from './stream-connection.ts';
import { createTlsConnector, type StreamConnector } from './stream-connector.ts';
import { StreamExchange } from './stream-exchange.ts';

/** Servers should allow no fewer HTTP/2 streams (RFC 9113 §6.5.2). */
const COMMON_STREAM_LIMIT = 100;

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly counters: Counters;
  /** Close a connection without queries after this long. Default 10 s. */
  readonly idleMs?: number;
  /** Time to connect, TLS and HTTP included. Default 2 s. */
  readonly connectTimeoutMs?: number;
  /** What is known of the server already. */
  readonly depth?: PipelineDepth;
  /** Told what went wrong, in words. */
  readonly onFault?: FaultListener;
}

export interface DohOptions extends ExchangeOptions {
  readonly endpoint: Endpoint;
  /** Certificates (PEM) to trust instead of Node's. */
  readonly ca?: string;
}

/** TCP, or TLS, as the connector has it. */
export function openStreamExchange(
  connector: StreamConnector,
  random: RandomPool,
  options: ExchangeOptions,
): StreamExchange {
  const { depth = new PipelineDepth() } = options;
  const linkOptions = { ...options, connector, random, depth };
  return new StreamExchange({
    clock: options.clock,
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    encrypted: connector.encrypted,
    firstDepth: depth.limit,
    connect: (serial, handler) => new StreamConnection(serial, handler, linkOptions),
  });
}

export function openDohExchange(options: DohOptions): StreamExchange {
  const { host, port, serverName, urlPath } = options.endpoint;
  const ca = options.ca === undefined ? {} : { ca: options.ca };
  const connector = createTlsConnector({ ...ca, host, port, serverName, protocols: ['h2', 'http/1.1'] });
  const urlHost = serverName === '' ? host.replace(/%.*$/, '') : serverName;
  // The port of https:// is left out (RFC 9110 §4.2.3).
  const authority = `${isIPv6(urlHost) ? `[${urlHost}]` : urlHost}${port === 443 ? '' : `:${port}`}`;
  const linkOptions = { ...options, connector, authority, urlPath, depth: new PipelineDepth() };
  return new StreamExchange({
    clock: options.clock,
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    encrypted: true,
    firstDepth: COMMON_STREAM_LIMIT,
    connect: (serial, handler) => new DohConnection(serial, handler, linkOptions),
  });
}
