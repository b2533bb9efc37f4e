// The spellings of a DNS server's address in the files of a node: plain (resolv.conf), resolved's
// ADDRESS[:PORT][%INTERFACE][#NAME] (resolved.conf(5), DNS=) and dnsmasq's
// ADDRESS[#PORT][@INTERFACE] (dnsmasq(8), --server).
import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** A server as a file names it. */
export interface ServerAddress {
  /** IP literal, its zone kept: fe80::1%eth0. */
  readonly address: string;
  /** 0: not stated. */
  readonly port: number;
  /** The name in the server's certificate; '': not stated. */
  readonly serverName: string;
}

/**
 * One spelling per address (lower case, zeros compressed, IPv4-mapped as IPv4, zone kept), to
 * compare addresses by.
 */
export function canonicalAddress(address: string): string {
  const percent = address.indexOf('%');
  const bare = percent === -1 ? address : address.slice(0, percent);
  if (!isIPv6(bare)) return bare;
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  if (canonical.startsWith('::ffff:') && isIPv4(canonical.slice(7))) return canonical.slice(7);
  return percent === -1 ? canonical : canonical + address.slice(percent);
}

/** Parses resolved's ADDRESS[:PORT][%INTERFACE][#NAME]; null when it is not one. */
export function parseResolvedServer(text: string): ServerAddress | null {
  const match =
    /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|([0-9a-fA-F:.]+))(?::(\d{1,5}))?(?:%([^#]+))?(?:#(.+))?$/.exec(text);
  if (match === null) return null;
  const bare = match[1] ?? match[2] ?? match[3]!;
  const port = match[4] === undefined ? 0 : Number(match[4]);
  if (isIP(bare) === 0 || port > 65535) return null;
  return { address: withZone(bare, match[5]), port, serverName: match[6] ?? '' };
}

/** Parses dnsmasq's ADDRESS[%ZONE][#PORT][@INTERFACE][@SOURCE]; null when it is not one. */
export function parseDnsmasqServer(text: string): ServerAddress | null {
  const match = /^([0-9a-fA-F:.]+)(?:%([^#@]+))?(?:#(\d{1,5}))?(?:@.*)?$/.exec(text);
  if (match === null || isIP(match[1]!) === 0) return null;
  const port = match[3] === undefined ? 0 : Number(match[3]);
  return port > 65535 ? null : { address: withZone(match[1]!, match[2]), port, serverName: '' };
}

/** ADDRESS:PORT as people write it, IPv6 in brackets. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * A zone only means something on link-local IPv6; on anything else it names the way out, which the
 * routes know better.
 */
function withZone(bare: string, zone: string | undefined): string {
  return zone !== undefined && isLinkLocal(bare) ? `${bare}%${zone}` : bare;
}

/** fe80::/10, which cannot be reached without a zone. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}
