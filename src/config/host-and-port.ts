// HOST[:PORT] with brackets round an IPv6 address when a port follows. Called by listen-address and
// parse-upstream.

import { formatIp, parseIp } from '../base/ip-address.ts';
import { InvalidValue, showValue } from './invalid-value.ts';

/** A host and, where one was written, a port. */
export interface HostAndPort {
  /** A canonical IP literal or a lower-case host name without its trailing dot. */
  readonly host: string;
  /** Null: none was written. */
  readonly port: number | null;
}

/**
 * Takes "10.0.0.2", "10.0.0.2:53", "[2001:db8::1]:53", "2001:db8::1", "fe80::1%eth0",
 * "dns.example:53". Throws InvalidValue.
 */
export function parseHostAndPort(text: string): HostAndPort {
  if (text.startsWith('[')) return parseBracketed(text);
  const bare = parseIp(text);
  if (bare !== null) return { host: formatIp(bare), port: null };
  const colon = text.lastIndexOf(':');
  if (colon !== text.indexOf(':')) {
    throw new InvalidValue(
      `${showValue(text)} is not an address; an IPv6 address with a port is written [ADDR]:PORT`,
    );
  }
  const hostText = colon < 0 ? text : text.slice(0, colon);
  return { host: parseHost(hostText), port: colon < 0 ? null : parsePort(text.slice(colon + 1), text) };
}

function parseBracketed(text: string): HostAndPort {
  const match = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  const address = match === null ? null : parseIp(match[1]!);
  if (address?.family !== 6) {
    throw new InvalidValue(`${showValue(text)}: brackets are for an IPv6 address, as in [2001:db8::1]:53`);
  }
  return { host: formatIp(address), port: match![2] === undefined ? null : parsePort(match![2], text) };
}

function parseHost(text: string): string {
  const address = parseIp(text);
  if (address !== null) return formatIp(address);
  const name = text.replace(/\.$/, '').toLowerCase();
  const labels = name.split('.');
  // A name that ends in a number is a mistyped IPv4 address to every URL parser (WHATWG URL §3.5),
  // and so to us.
  const looksNumeric = /^\d+$/.test(labels.at(-1)!);
  if (looksNumeric || name.length > 253 || !labels.every((label) => HOST_LABEL.test(label))) {
    throw new InvalidValue(`${showValue(text)} is not an IP address or a host name`);
  }
  return name;
}

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

function parsePort(text: string, whole: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535))
    throw new InvalidValue(`${showValue(whole)}: the port must be a number from 0 to 65535`);
  return port;
}
