// The networks that our own links reach without a gateway, from the kernel's routing tables. So a
// node serves its pods: it has a route to them, but no address in their network. Called by
// client-networks, in a worker.
import { readSmallFile } from '../../config/read-text-file.ts';

/** A network's address bytes (4 or 16) and prefix length. */
export interface LinkNetwork {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** Flags of both tables (linux/route.h, linux/ipv6_route.h). */
const RTF_UP = 0x1;
const RTF_GATEWAY = 0x2;
const RTF_REJECT = 0x200;
const RTF_ANYCAST = 0x100000;
const RTF_LOCAL = 0x80000000;
/**
 * A tunnel that takes "all" addresses does so in halves, quarters and so on; no link holds as many
 * hosts as these. A default route (prefix 0) is never ours.
 */
const MIN_PREFIX_4 = 8;
const MIN_PREFIX_6 = 32;
/**
 * Ethernet and what behaves so (veth, bridges): link neighbors. What lies behind tunnels (tun,
 * WireGuard, PPP) may be anybody.
 */
const ARPHRD_ETHER = '1';

/**
 * Networks reached over an Ethernet-like link without a gateway. Empty where the tables cannot be
 * read.
 */
export function readLinkNetworks(procRoot = '/proc', sysRoot = '/sys'): LinkNetwork[] {
  const links = new Map<string, boolean>();
  const isEthernet = (link: string): boolean => {
    let known = links.get(link);
    if (known === undefined) {
      known = !link.includes('/') && readText(`${sysRoot}/class/net/${link}/type`).trim() === ARPHRD_ETHER;
      links.set(link, known);
    }
    return known;
  };
  const routes = [...readRoutes4(procRoot), ...readRoutes6(procRoot)];
  return routes.filter(({ link }) => isEthernet(link)).map(({ bytes, prefix }) => ({ bytes, prefix }));
}

interface LinkRoute extends LinkNetwork {
  readonly link: string;
}

function* readRoutes4(procRoot: string): Generator<LinkRoute> {
  for (const line of readText(`${procRoot}/net/route`).split('\n').slice(1)) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
    const [link = '', destination = '', , flags = '', , , , mask = ''] = line.trim().split(/\s+/);
    if (destination.length !== 8 || !isOnLink(Number.parseInt(flags, 16))) continue;
    const prefix = countOnes(Number.parseInt(mask, 16));
    if (prefix < MIN_PREFIX_4) continue;
    // The table prints each address as a number of the machine: little-endian on all we run on.
    yield { link, bytes: Buffer.from(destination, 'hex').swap32(), prefix };
  }
}

function* readRoutes6(procRoot: string): Generator<LinkRoute> {
  for (const line of readText(`${procRoot}/net/ipv6_route`).split('\n')) {
    // destination prefix source prefix next-hop metric references use flags link; all in
    // hexadecimal
    const [destination = '', length = '', , , , , , , flags = '', link = ''] = line.trim().split(/\s+/);
    const prefix = Number.parseInt(length, 16);
    // ff00::/8 is multicast.
    if (destination.length !== 32 || destination.startsWith('ff') || !(prefix >= MIN_PREFIX_6)) continue;
    if (isOnLink(Number.parseInt(flags, 16))) yield { link, bytes: Buffer.from(destination, 'hex'), prefix };
  }
}

function isOnLink(flags: number): boolean {
  return (flags & RTF_UP) !== 0 && (flags & (RTF_GATEWAY | RTF_REJECT | RTF_ANYCAST | RTF_LOCAL)) === 0;
}

function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest >>>= 1) ones += rest & 1;
  return ones;
}

/**
 * '' where there is no such file, or it is larger than any table of links: a router's, with the
 * routes of the Internet.
 */
function readText(path: string): string {
  try {
    return Buffer.from(readSmallFile(path)).toString('latin1');
  } catch {
    return '';
  }
}
