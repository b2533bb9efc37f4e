// Which networks are served when limits.allow is empty: those that nobody reaches from the Internet, and the machine's own.
// An open resolver is a weapon against others (RFC 5358, RFC 5625 §6).
import { networkInterfaces } from 'node:os';
import { parseCidr } from '../config/cidr.ts';
import { parseIp } from '../config/ip-address.ts';
import { type NetworkWords, networkWords } from '../pipeline/client-gate.ts';

/** Loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local networks. */
const NON_PUBLIC_NETWORKS = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];

/** The networks of limits.allow, or the default ones. */
export function servedNetworks(allow: readonly string[]): NetworkWords[] {
  if (allow.length > 0) return allow.map(parseNetwork);
  const served = NON_PUBLIC_NETWORKS.map(parseNetwork);
  for (const { cidr } of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])) {
    // An interface's address has bits set beyond its prefix; networkWords() drops them.
    const [address, prefix] = (cidr ?? '').split('/');
    const parsed = parseIp(address!);
    if (parsed !== null) served.push(networkWords(parsed.bytes, Number(prefix)));
  }
  return served;
}

/** A CIDR text, known to be valid, as peer words. */
export function parseNetwork(text: string): NetworkWords {
  const { bytes, prefix } = parseCidr(text);
  return networkWords(bytes, prefix);
}
