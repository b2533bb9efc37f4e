// The spellings of a DNS server's address in the files of a node: plain (resolv.conf), resolved's
// ADDRESS[:PORT][%INTERFACE][#NAME] (resolved.conf(5), DNS=) and dnsmasq's
// ADDRESS[#PORT][@INTERFACE] (dnsmasq(8), --server).
import { isIP } from 'node:net';
import { DEFAULT_PORTS, type Endpoint, plainEndpoint, type Transport } from '../base/endpoint.ts';

/**
 * Parses resolved's ADDRESS[:PORT][%INTERFACE][#NAME]; null when it is not one. The name is that of
 * the certificate.
 */
export function parseResolvedServer(text: string, transport: Transport = 'udp'): Endpoint | null {
  const match =
    /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|([0-9a-fA-F:.]+))(?::(\d{1,5}))?(?:%([^#]+))?(?:#(.+))?$/.exec(text);
  if (match === null) return null;
  const bare = match[1] ?? match[2] ?? match[3]!;
  const port = Number(match[4] ?? 0);
  if (isIP(bare) === 0 || port > 65535) return null;
  return {
    transport,
    host: withZone(bare, match[5]),
    port: port || DEFAULT_PORTS[transport],
    serverName: transport === 'udp' ? '' : (match[6] ?? ''),
    urlPath: '',
  };
}

/** Parses dnsmasq's ADDRESS[%ZONE][#PORT][@INTERFACE][@SOURCE]; null when it is not one. */
export function parseDnsmasqServer(text: string): Endpoint | null {
  const match = /^([0-9a-fA-F:.]+)(?:%([^#@]+))?(?:#(\d{1,5}))?(?:@.*)?$/.exec(text);
  if (match === null || isIP(match[1]!) === 0) return null;
  const port = Number(match[3] ?? 0);
  return port > 65535 ? null : plainEndpoint(withZone(match[1]!, match[2]), port || DEFAULT_PORTS.udp);
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
