// Identifies a client by a number: the hash of its IPv4 address, or of the /64 of its IPv6 address,
// whose lower half any client can choose freely. For the tables that tell clients apart: the
// allowances of client-gate and the slots of client-shares.
import { isMappedIpv4 } from '../io/peer.ts';

/**
 * A keyed hash of the client at peers[offset …], 32 bits. Which clients collide in a table depends
 * on the seed in both rounds, so nobody can choose it; two IPv4 addresses never have the same 32
 * bits.
 */
export function hashClient(peers: Int32Array, offset: number, seed: number): number {
  // On a dual-stack socket (as systemd opens them) all IPv4 clients have one /64: ::ffff:0:0.
  const first = peers[isMappedIpv4(peers, offset) ? offset + 4 : offset + 1]!;
  let hash = Math.imul(first ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ peers[offset + 2]!, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ seed, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
