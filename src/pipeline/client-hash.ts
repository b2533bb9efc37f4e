// Who a client is, as a number: its IPv4 address, or the /64 of its IPv6 address, whose lower half is free to invent. For the tables
// that tell clients apart: client-gate's allowances and client-shares' places.

/**
 * A keyed hash of the client at peers[offset …], 32 bits. Which clients fall together in a table depends on the seed in both rounds,
 * so that it is nobody's to choose; IPv4 addresses never do in all 32 bits.
 */
export function hashClient(peers: Int32Array, offset: number, seed: number): number {
  let hash = Math.imul(peers[offset + 1]! ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ peers[offset + 2]!, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ seed, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
