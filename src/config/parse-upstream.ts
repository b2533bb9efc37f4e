// The upstream syntax: [udp://]ADDR[:PORT], tcp://ADDR[:PORT], tls://ADDR[:PORT][#server-name],
// https://HOST[:PORT]/PATH. Called by list-type ("auto" is handled there); base/endpoint.ts
// writes an endpoint back as text.
import { DEFAULT_PORTS, type Endpoint, type Transport } from '../base/endpoint.ts';
import { isLinkLocalIpv6, isMulticastOrBroadcast, isUnspecified, parseIp } from '../base/ip-address.ts';
import { parseHostAndPort } from './host-and-port.ts';
import { InvalidValue, showValue } from './invalid-value.ts';

/** RFC 8484 §4.1.1 leaves the path to the server; this one is what the public ones use. */
const DEFAULT_URL_PATH = '/dns-query';

/** Throws InvalidValue. */
export function parseUpstream(text: string): Endpoint {
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

function parseSocketAddress(text: string, transport: Transport, rest: string): Endpoint {
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
  const settledPort = checkPort(port ?? DEFAULT_PORTS[transport], text);
  return { transport, host, port: settledPort, serverName, urlPath: '' };
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

function parseHttps(text: string, rest: string): Endpoint {
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const urlPath = slash < 0 ? DEFAULT_URL_PATH : rest.slice(slash);
  if (authority.includes('@')) throw new InvalidValue('an https:// upstream takes no user name or password');
  if (/[{}#?]/.test(rest)) {
    throw new InvalidValue(`${showValue(text)}: give the path only, without {?dns}, a query or a fragment`);
  }
  if (!/^[\x21-\x7e]*$/.test(urlPath))
    throw new InvalidValue(`${showValue(text)}: the path must be plain ASCII`);
  const { host, port } = parseHostAndPort(authority);
  checkHost(host, text);
  const serverName = parseIp(host) === null ? host : '';
  const settledPort = checkPort(port ?? DEFAULT_PORTS.https, text);
  return { transport: 'https', host, port: settledPort, serverName, urlPath };
}

function checkHost(host: string, text: string): void {
  const address = parseIp(host);
  if (address === null) return;
  if (isUnspecified(address)) throw new InvalidValue(`${showValue(text)}: ${host} is not a server's address`);
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
