// Which networks count as our own: the kernel's tables as files, and what is served because of
// them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parsePeer } from '../../../src/io/peer.ts';
import { Drop } from '../../../src/metrics/counters.ts';
import { ClientGate } from '../../../src/pipeline/client-gate.ts';
import { ClientRates, createClientRates } from '../../../src/pipeline/client-rates.ts';
import { servedNetworks } from '../../../src/server/listen/client-networks.ts';
import { readLinkNetworks } from '../../../src/server/listen/link-networks.ts';
import { queryFrom } from '../../pipeline/queries.ts';

const ETHERNET = 1;
const TUNNEL = 65_534;
const UP = 1;
const UP_GATEWAY = 3;

interface Route {
  link: string;
  network: string;
  prefix: number;
  flags?: number;
}

/** /proc and /sys of a machine with these links (by ARPHRD type) and routes. */
function machine(links: Record<string, number>, routes: Route[], routes6 = ''): string {
  const root = mkdtempSync(join(tmpdir(), 'unloop-links-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes.toString('hex').toUpperCase();
  };
  const lines = routes.map(({ link, network, prefix, flags = UP }) => {
    const address = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
    const gateway = flags === UP_GATEWAY ? '010200C0' : '00000000';
    return `${link}\t${word(address)}\t${gateway}\t${flags.toString(16).padStart(4, '0')}\t0\t0\t0\t${word(mask)}\t0\t0\t0`;
  });
  mkdirSync(join(root, 'net'));
  writeFileSync(join(root, 'net/route'), `Iface\tDestination\tGateway\n${lines.join('\n')}\n`);
  writeFileSync(join(root, 'net/ipv6_route'), routes6);
  for (const [link, type] of Object.entries(links)) {
    mkdirSync(join(root, 'class/net', link), { recursive: true });
    writeFileSync(join(root, 'class/net', link, 'type'), `${type}\n`);
  }
  return root;
}

function isServed(root: string, ...clients: string[]): boolean[] {
  const gate = new ClientGate(
    servedNetworks([], readLinkNetworks(root, root)),
    [],
    0,
    new ClientRates(createClientRates()),
  );
  return clients.map((client) => gate.refuses(queryFrom(parsePeer(client, 1024)!, 0), 0) === null);
}

describe('without limits.allow', () => {
  it('networks that are not reachable from the Internet are served, also those that clusters borrow', () => {
    const root = machine({}, []);
    expect(isServed(root, '10.1.2.3', '100.64.0.1', '198.18.0.9', '198.19.255.255', '240.1.2.3')).toEqual(
      Array(5).fill(true),
    );
    expect(isServed(root, '198.17.255.255', '198.20.0.0', '11.0.0.4', '8.8.8.8')).toEqual(
      Array(4).fill(false),
    );
  });

  it('networks on our own links are served: a bridge of pods, a route to one pod', () => {
    const root = machine({ cni0: ETHERNET, cali1: ETHERNET }, [
      { link: 'cni0', network: '11.4.0.0', prefix: 16 },
      { link: 'cali1', network: '25.1.2.3', prefix: 32 },
    ]);
    expect(isServed(root, '11.4.255.1', '25.1.2.3')).toEqual([true, true]);
    expect(isServed(root, '11.5.0.1', '25.1.2.4')).toEqual([false, false]);
  });

  it('what lies behind a gateway, a default route, a tunnel or an unreachable route is not', () => {
    const root = machine({ eth0: ETHERNET, tun0: TUNNEL }, [
      { link: 'eth0', network: '0.0.0.0', prefix: 0 },
      { link: 'eth0', network: '0.0.0.0', prefix: 0, flags: UP_GATEWAY },
      { link: 'eth0', network: '0.0.0.0', prefix: 1 },
      { link: 'eth0', network: '128.0.0.0', prefix: 1 },
      { link: 'eth0', network: '11.0.0.0', prefix: 8, flags: UP_GATEWAY },
      { link: 'eth0', network: '12.0.0.0', prefix: 8, flags: UP | 0x200 },
      { link: 'eth0', network: '13.0.0.0', prefix: 8, flags: 0 },
      { link: 'tun0', network: '14.0.0.0', prefix: 8 },
      { link: 'gone0', network: '15.0.0.0', prefix: 8 },
      { link: '../../../etc', network: '16.0.0.0', prefix: 8 },
    ]);
    for (let first = 11; first <= 16; first++) expect(isServed(root, `${first}.0.0.4`)).toEqual([false]);
    expect(isServed(root, '8.8.8.8', '203.0.113.1')).toEqual([false, false]);
  });

  it('the same for IPv6', () => {
    const zeros = '0'.repeat(32);
    const route = (destination: string, prefix: string, flags: string, link: string, hop = zeros) =>
      `${destination.padEnd(32, '0')} ${prefix} ${zeros} 00 ${hop} 00000400 00000001 00000000 ${flags} ${link}`;
    const routes = [
      route('20010db800040000', '40', '00000001', '    eth0'),
      route('20010db800050000', '40', '00000003', '    eth0', 'fe80'.padEnd(32, '0')),
      route('20010db800060000', '40', '00000001', '    tun0'),
      route('20010db800070000', '40', '80200001', '      lo'),
      route('', '00', '00000001', '    eth0'),
      route('2000', '03', '00000001', '    eth0'),
      route('ff00', '08', '00000001', '    eth0'),
    ];
    const root = machine({ eth0: ETHERNET, tun0: TUNNEL, lo: 772 }, [], `${routes.join('\n')}\n`);
    expect(isServed(root, '2001:db8:4::1')).toEqual([true]);
    expect(isServed(root, '2001:db8:5::1', '2001:db8:6::1', '2001:db8:7::1', '2a00::1', 'ff02::1')).toEqual(
      Array(5).fill(false),
    );
  });

  it('a table that is garbage, or that of a router in the Internet, counts for nothing and is bounded', () => {
    const many = Array.from({ length: 2000 }, (_, i) => ({
      link: 'eth0',
      network: `11.${i >> 8}.${i & 255}.1`,
      prefix: 32,
    }));
    const root = machine({ eth0: ETHERNET }, many);
    expect(servedNetworks([], readLinkNetworks(root, root))).toHaveLength(256);
    writeFileSync(join(root, 'net/route'), 'x'.repeat(2 * 1024 * 1024));
    writeFileSync(join(root, 'net/ipv6_route'), Buffer.alloc(5000, 0xff));
    expect(readLinkNetworks(root, root)).toEqual([]);
    expect(readLinkNetworks('/nonexistent', '/nonexistent')).toEqual([]);
  });

  it('nothing but what it says is served with limits.allow', () => {
    const root = machine({ eth0: ETHERNET }, [{ link: 'eth0', network: '11.0.0.0', prefix: 8 }]);
    const gate = new ClientGate(
      servedNetworks(['192.0.2.0/24'], readLinkNetworks(root, root)),
      [],
      0,
      new ClientRates(createClientRates()),
    );
    for (const client of ['11.0.0.1', '10.0.0.1'])
      expect(gate.refuses(queryFrom(parsePeer(client, 1)!, 0), 0)).toBe(Drop.not_allowed);
    expect(gate.takeDeniedClient()).toBe('11.0.0.1');
    expect(gate.takeDeniedClient()).toBeNull();
    expect([gate.serves('192.0.2.7'), gate.serves('10.0.0.1')]).toEqual([true, false]);
  });
});
