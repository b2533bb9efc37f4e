// Whether a server is on the public Internet, which need not learn more about us than the question.
// Called when an upstream is opened.
import { BlockList, isIPv6 } from 'node:net';

/** What IPv4 has besides public addresses (IANA special-purpose registry, RFC 6890). */
const NOT_PUBLIC_IPV4 = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC_IPV4.addSubnet(network, prefix, 'ipv4');
}

/**
 * What IPv6 has of them: global unicast, and the public IPv4 addresses behind a NAT64 (RFC 6052).
 */
const PUBLIC_IPV6 = new BlockList();
PUBLIC_IPV6.addSubnet('2000::', 3, 'ipv6');
PUBLIC_IPV6.addSubnet('64:ff9b::', 96, 'ipv6');
const DOCUMENTATION_IPV6 = new BlockList();
DOCUMENTATION_IPV6.addSubnet('2001:db8::', 32, 'ipv6');

/**
 * Resolvers that clouds give to their virtual machines at addresses that look public: Azure's and
 * IBM's. They know the names of the customer's own network.
 */
const CLOUD_RESOLVERS: ReadonlySet<string> = new Set(['168.63.129.16', '161.26.0.10', '161.26.0.11']);

/** Whether a server at that address may know names of a private network. */
export function mayKnowPrivateNames(address: string): boolean {
  return !isPublicAddress(address) || CLOUD_RESOLVERS.has(address);
}

/** Whether an IP literal (zone allowed) is a public address. */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped !== null) return isPublicAddress(mapped[1]!);
  if (!isIPv6(bare)) return !NOT_PUBLIC_IPV4.check(bare, 'ipv4');
  return PUBLIC_IPV6.check(bare, 'ipv6') && !DOCUMENTATION_IPV6.check(bare, 'ipv6');
}
