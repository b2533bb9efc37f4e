// The one identity of an upstream, from the configuration and discovery to the exchange that asks
// it. Two upstreams are the same if endpointKey() says so; text is for people only.
import { formatHostAndPort } from './host-and-port.ts';
import { canonicalAddress, parseIp } from './ip-address.ts';

export type Transport = 'udp' | 'tcp' | 'tls' | 'https';

/** RFC 1035 §4.2, RFC 7858 §3.1, RFC 8484 §4.1. */
export const DEFAULT_PORTS: Readonly<Record<Transport, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 };

/** Where an upstream is, and how it is asked. Plain data: it travels to workers in messages. */
export interface Endpoint {
  readonly transport: Transport;
  /** IP literal (zone kept: fe80::1%eth0), or in the configuration a host name. */
  readonly host: string;
  readonly port: number;
  /** tls, https: the name in the certificate; '': the address itself is verified, or nothing is. */
  readonly serverName: string;
  /** https: the path of the URL, else ''. */
  readonly urlPath: string;
}

/** Where an upstream came from. No part of its identity. */
export interface Origin {
  /** The file it was found in, the question that was answered with it, or CONFIGURATION. */
  readonly source: string;
  /** The loopback stub that it replaces: "127.0.0.53:53"; null for none. */
  readonly replaces: string | null;
  /** The name that was given and has the endpoint's address; '': the address was given. */
  readonly hostName: string;
}

/** The source of what the configuration names. */
export const CONFIGURATION = 'configuration';

/** Of an upstream that the configuration gives by its address. */
export const FROM_CONFIGURATION: Origin = { source: CONFIGURATION, replaces: null, hostName: '' };

/** An upstream, and where it was found. */
export interface FoundUpstream {
  readonly endpoint: Endpoint;
  readonly origin: Origin;
}

/** Whether the configuration names it, not what discovery put in its place. */
export function isFromConfiguration({ origin }: FoundUpstream): boolean {
  return origin.source === CONFIGURATION;
}

/** Found there, and in the place of nothing else. */
export function foundIn(source: string, endpoint: Endpoint): FoundUpstream {
  return { endpoint, origin: { source, replaces: null, hostName: '' } };
}

/** A server that is asked by datagrams, and over TCP for what does not fit. */
export function plainEndpoint(host: string, port: number = DEFAULT_PORTS.udp): Endpoint {
  return { transport: 'udp', host, port, serverName: '', urlPath: '' };
}

/** The port of plain DNS at that server: 53 where the transport's usual one is given. */
export function plainPortOf({ transport, port }: Endpoint): number {
  return port === DEFAULT_PORTS[transport] ? DEFAULT_PORTS.udp : port;
}

/**
 * The key of an endpoint: for maps, comparisons and slots. Equal for all spellings of one address
 * and of one name.
 */
export function endpointKey({ transport, host, port, serverName, urlPath }: Endpoint): string {
  const authority = formatHostAndPort(canonicalHost(host), port);
  return `${transport}://${authority}${urlPath}#${canonicalHost(serverName)}`;
}

/** The zone of an address is the name of an interface: its case counts. */
function canonicalHost(host: string): string {
  return parseIp(host) === null ? host.toLowerCase().replace(/\.$/, '') : canonicalAddress(host);
}

/**
 * As people see it, and as the configuration takes it: "10.0.0.2:53", "tcp://10.0.0.2:53",
 * "tls://1.1.1.1:853#one.one.one.one", "https://dns.example:443/dns-query".
 */
export function formatEndpoint({ transport, host, port, serverName, urlPath }: Endpoint): string {
  const authority = formatHostAndPort(host, port);
  if (transport === 'udp') return authority;
  const isNameShown = transport === 'tls' && serverName !== '' && serverName !== host;
  return `${transport}://${authority}${urlPath}${isNameShown ? `#${serverName}` : ''}`;
}

/**
 * An upstream in logs, metrics and /upstreams. One that was given by name shows the name first:
 * "https://dns.example:443/dns-query (192.0.2.1)".
 */
export function formatUpstream({ endpoint, origin }: FoundUpstream): string {
  if (origin.hostName === '') return formatEndpoint(endpoint);
  return `${formatEndpoint({ ...endpoint, host: origin.hostName })} (${endpoint.host})`;
}
