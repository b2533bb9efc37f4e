import { describe, expect, it } from 'vitest';
import { parsePeer } from '../../src/io/peer.ts';
import { hashClient } from '../../src/pipeline/client-hash.ts';

/** Behind another record, as in a batch. */
function hash(address: string, seed: number, port = 4000): number {
  const peers = new Int32Array(24);
  peers.set(parsePeer(address, port)!, 12);
  return hashClient(peers, 12, seed);
}

describe('client-hash', () => {
  it('knows a client by its address, whatever the port', () => {
    expect(hash('192.0.2.1', 7, 4000)).toBe(hash('192.0.2.1', 7, 5000));
    expect(hash('192.0.2.1', 7)).not.toBe(hash('192.0.2.2', 7));
    expect(hash('192.0.2.1', 7)).not.toBe(hash('192.0.2.1', 8));
  });

  it('counts an IPv6 /64 as one client, and the next /64 as another', () => {
    expect(hash('2001:db8::1', 7)).toBe(hash('2001:db8::ffff:ffff:ffff:ffff', 7));
    expect(hash('2001:db8::1', 7)).not.toBe(hash('2001:db8:0:1::1', 7));
    expect(hash('2001:db8::1', 7)).not.toBe(hash('2001:db9::1', 7));
  });

  it('recognizes IPv4 clients of a dual-stack socket as on any other socket', () => {
    expect(hash('::ffff:192.0.2.1', 7)).not.toBe(hash('::ffff:192.0.2.2', 7));
    expect(hash('::ffff:192.0.2.1', 7)).toBe(hash('192.0.2.1', 7));
    // Others in ::/64 are one client, as in any /64.
    expect(hash('::1', 7)).toBe(hash('::fffe:192.0.2.1', 7));
  });

  it('gives two IPv4 addresses different hashes', () => {
    const hashes = new Set<number>();
    for (let i = 0; i < 65_536; i++) hashes.add(hash(`10.0.${i >> 8}.${i & 255}`, 12_345));
    expect(hashes.size).toBe(65_536);
  });

  it.each([
    ['192.0.2.1', '192.0.2.2'],
    ['10.0.0.1', '10.128.0.1'],
    ['192.0.2.0', '192.0.2.128'],
    ['2001:db8:0:1::', '2001:db8:0:2::'],
    ['2001:db8::', '2001:db8:0:8000::'],
    ['2001:db8:1:1::', '2001:db8:2:2::'],
  ])('lets nobody choose to share a bucket: %s and %s share one only as two random clients would', (one, other) => {
    let low = 0;
    let high = 0;
    // Seeds as unlike as random ones are.
    for (let i = 1; i <= 20_000; i++) {
      const seed = Math.imul(i, 0x9e3779b1) >>> 1;
      const difference = hash(one, seed) ^ hash(other, seed);
      if ((difference & 0xff) === 0) low++;
      if (difference >>> 24 === 0) high++;
    }
    // One seed in 256 would make 78.
    expect(low).toBeLessThan(160);
    expect(high).toBeLessThan(160);
  });
});
