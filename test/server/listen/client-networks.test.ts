import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { NON_PUBLIC_NETWORKS, parseCidr } from '../../../src/config/cidr.ts';
import { parseNetwork, servedNetworks } from '../../../src/server/listen/client-networks.ts';
import type { LinkNetwork } from '../../../src/server/listen/link-networks.ts';

const link = (cidr: string): LinkNetwork => parseCidr(cidr);
const MAX_NETWORKS = 256;

it('serves the networks of limits.allow, and no other', () => {
  expect(servedNetworks(['192.0.2.0/24'], [link('203.0.113.0/24')])).toEqual([parseNetwork('192.0.2.0/24')]);
});

it('serves networks that the Internet cannot reach, and those on our links', () => {
  const served = servedNetworks([], [link('203.0.113.0/24')]);
  expect(served.slice(0, NON_PUBLIC_NETWORKS.length)).toEqual(NON_PUBLIC_NETWORKS.map(parseNetwork));
  expect(served).toContainEqual(parseNetwork('203.0.113.0/24'));
});

it('leaves out networks within a wider one, and duplicates', () => {
  const without = servedNetworks([], []);
  const links = ['10.1.0.0/16', '127.0.0.1', 'fe80::/64', 'fd00::1'].map(link);
  expect(servedNetworks([], links)).toEqual(without);
  const twice = [link('203.0.113.0/24'), link('203.0.113.0/24'), link('203.0.113.128/25')];
  expect(servedNetworks([], twice)).toHaveLength(without.length + 1);
});

it('keeps IPv4 and IPv6 apart', () => {
  const without = servedNetworks([], []).length;
  // The first bytes are those of 10.0.0.0/8.
  expect(servedNetworks([], [link('a00::/8')])).toHaveLength(without + 1);
});

it('holds 256 networks at most', () => {
  const links = Array.from({ length: 1000 }, (_, i) => link(`2001:db8:${i.toString(16)}::/48`));
  expect(servedNetworks([], links)).toHaveLength(MAX_NETWORKS);
});

it('serves every address of this machine', () => {
  const served = servedNetworks([], []);
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    const own = parseNetwork(address.replace(/%.*/, ''));
    const isServed = served.some(
      (network) =>
        network.family === own.family &&
        network.mask.every((mask, i) => (own.network[i]! & mask) === network.network[i]),
    );
    expect([address, family, isServed]).toEqual([address, family, true]);
  }
});
