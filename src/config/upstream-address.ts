// The upstream syntax: [udp://]ADDR[:PORT], tcp://ADDR[:PORT], tls://ADDR[:PORT][#server-name],
// https://HOST[:PORT]/PATH. Called by schema ("auto" is dealt with there); formatUpstream gives the
// one text used in logs, metrics and /upstreams.
import type { Transport, UpstreamAddress } from './config.ts';
import { formatHostAndPort, parseHostAndPort } from './host-and-port.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { isLinkLocalIpv6, isMulticastOrBroadcast, isUnspecified, parseIp } from './ip-address.ts';

const DEFAULT_PORT: Readonly<Record<Transport, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 };
/** RFC 8484 §4.1.1 leaves the path to the server; this one is what the public ones use. */
const DEFAULT_PATH = '/dns-query';

/** Throws InvalidValue. */
export function parseUpstream(text: string): UpstreamAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text);
  const transport = scheme === null ? 'udp' : parseTransport(scheme[1]!.toLowerCase(), text);
  const rest = scheme === null ? text : scheme[2]!;
  if (rest === '')
    throw new InvalidValue(
      `${showValue(text)} names no server; expected for example 10.0.0.2 or tls://1.1.1.1#one.one.one.one`,
    );
  if (/\s/.test(rest))
    throw new InvalidValue(`${showValue(text)} has a space in it; write one upstream per list item`);
  if (rest.includes(','))
    throw new InvalidValue(`${showValue(text)} has a comma in it; name each upstream apart`);
  if (transport === 'https') return parseHttps(text, rest);
  return parseSocketAddress(text, transport, rest);
}

function parseTransport(scheme: string, text: string): Transport {
  if (scheme === 'udp' || scheme === 'tcp' || scheme === 'tls' || scheme === 'https') return scheme;
  throw new InvalidValue(
    `${showValue(text)}: "${scheme}://" is not supported; use udp://, tcp://, tls:// or https://`,
  );
}

function parseSocketAddress(text: string, transport: Transport, rest: string): UpstreamAddress {
  const hash = rest.indexOf('#');
  const authority = hash < 0 ? rest : rest.slice(0, hash);
  const afterHash = hash < 0 ? '' : rest.slice(hash + 1);
  if (hash >= 0 && transport !== 'tls') {
    const hint = /^\d+$/.test(afterHash)
      ? `; a port is written ${authority}:${afterHash}`
      : '; only tls:// takes a #server-name';
    throw new InvalidValue(`${showValue(text)}${hint}`);
  }
  if (authority.includes('/'))
    throw new InvalidValue(`${showValue(text)} has a path; only https:// takes one`);
  const { host, port } = parseHostAndPort(authority);
  checkHost(host, text);
  const serverName = transport === 'tls' ? parseServerName(afterHash, hash >= 0, host, text) : '';
  return {
    text,
    transport,
    host,
    port: checkPort(port ?? DEFAULT_PORT[transport], text),
    serverName,
    path: '',
  };
}

function parseServerName(afterHash: string, written: boolean, host: string, text: string): string {
  if (!written) return parseIp(host) === null ? host : '';
  const name = parseHostAndPort(afterHash);
  if (name.port !== null)
    throw new InvalidValue(`${showValue(text)}: the port belongs before the #server-name`);
  if (parseIp(name.host) !== null) {
    throw new InvalidValue(
      `${showValue(text)}: the #server-name is a host name; without one the address itself is verified`,
    );
  }
  return name.host;
}

function parseHttps(text: string, rest: string): UpstreamAddress {
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? DEFAULT_PATH : rest.slice(slash);
  if (authority.includes('@')) throw new InvalidValue('an https:// upstream takes no user name or password');
  if (/[{}#?]/.test(rest)) {
    throw new InvalidValue(`${showValue(text)}: give the path only, without {?dns}, a query or a fragment`);
  }
  if (!/^[\x21-\x7e]*$/.test(path))
    throw new InvalidValue(`${showValue(text)}: the path must be plain ASCII`);
  const { host, port } = parseHostAndPort(authority);
  checkHost(host, text);
  const serverName = parseIp(host) === null ? host : '';
  return {
    text,
    transport: 'https',
    host,
    port: checkPort(port ?? DEFAULT_PORT.https, text),
    serverName,
    path,
  };
}

function checkHost(host: string, text: string): void {
  const address = parseIp(host);
  if (address === null) return;
  if (isUnspecified(address)) throw new InvalidValue(`${showValue(text)}: ${host} is no server's address`);
  if (isMulticastOrBroadcast(address)) {
    throw new InvalidValue(`${showValue(text)}: ${host} is a multicast or broadcast address`);
  }
  if (isLinkLocalIpv6(address) && address.zone === '') {
    throw new InvalidValue(`${showValue(text)} is link-local and needs its interface, as in fe80::1%eth0`);
  }
}

function checkPort(port: number, text: string): number {
  if (port === 0) throw new InvalidValue(`${showValue(text)}: the port must be a number from 1 to 65535`);
  return port;
}

/**
 * The canonical text: "10.0.0.2:53", "tcp://10.0.0.2:53", "tls://1.1.1.1:853#one.one.one.one",
 * "https://dns.example:443/dns-query".
 */
export function formatUpstream(upstream: UpstreamAddress): string {
  const authority = formatHostAndPort(upstream.host, upstream.port);
  if (upstream.transport === 'udp') return authority;
  const hash =
    upstream.transport === 'tls' && upstream.serverName !== '' && upstream.serverName !== upstream.host
      ? `#${upstream.serverName}`
      : '';
  return `${upstream.transport}://${authority}${upstream.path}${hash}`;
}
