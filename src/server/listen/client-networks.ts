// Which networks are served when limits.allow is empty: those that cannot be reached from the
// Internet, those of the machine's interfaces, and those on its links (link-networks.ts); never
// what lies behind a gateway. An open resolver is a weapon against others (RFC 5358, RFC 5625 §6).
import { networkInterfaces } from 'node:os';
import { parseIp } from '../../base/ip-address.ts';
import { NON_PUBLIC_NETWORKS, parseCidr } from '../../config/cidr.ts';
import { type NetworkWords, networkWords } from '../../pipeline/client-gate.ts';
import { type LinkNetwork, readLinkNetworks } from './link-networks.ts';

/** Each query from a client outside these networks is compared with all of them. */
const MAX_NETWORKS = 256;

/** The networks of limits.allow, or the default ones as they are now. */
export function servedNetworks(
  allow: readonly string[],
  links: readonly LinkNetwork[] = readLinkNetworks(),
): NetworkWords[] {
  if (allow.length > 0) return allow.map(parseNetwork);
  const served = NON_PUBLIC_NETWORKS.map(parseNetwork);
  const add = (bytes: Uint8Array, prefix: number) => {
    const network = networkWords(bytes, prefix);
    if (served.length < MAX_NETWORKS && !served.some((known) => contains(known, network)))
      served.push(network);
  };
  for (const { cidr } of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])) {
    // An interface's address has bits set beyond its prefix; networkWords() drops them.
    const [address, prefix] = (cidr ?? '').split('/');
    const parsed = parseIp(address!);
    if (parsed !== null) add(parsed.bytes, Number(prefix));
  }
  for (const { bytes, prefix } of links) add(bytes, prefix);
  return served;
}

function contains(outer: NetworkWords, inner: NetworkWords): boolean {
  return (
    outer.family === inner.family &&
    outer.mask.every(
      (mask, i) => (inner.mask[i]! & mask) === mask && (inner.network[i]! & mask) === outer.network[i],
    )
  );
}

/** A CIDR text, known to be valid, as peer words. */
export function parseNetwork(text: string): NetworkWords {
  const { bytes, prefix } = parseCidr(text);
  return networkWords(bytes, prefix);
}
