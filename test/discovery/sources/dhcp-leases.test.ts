import { utimes } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { parseLease, readDhcpSource } from '../../../src/discovery/sources/dhcp-leases.ts';
import type { SourceFacts } from '../../../src/discovery/sources/source.ts';
import { makeTree } from '../temp-tree.ts';

const NOW = Date.UTC(2026, 10, 24);

const addresses = (groups: readonly SourceFacts[]) =>
  groups.map(({ upstreams }) => upstreams.map(({ endpoint }) => endpoint.host));

describe('DHCP leases', () => {
  const lease = (servers: string, expire: string, name = 'eth0') =>
    `lease {\n  interface "${name}";\n  option domain-name-servers ${servers};\n  expire ${expire};\n}\n`;

  it('takes the last lease of each interface', () => {
    const text = `${lease('10.0.0.1', 'never')}${lease('10.0.0.2,10.0.0.3', '3 2026/11/25 08:00:00')}${lease('10.0.0.4', 'never', 'eth1')}`;
    expect(parseLease(text, NOW)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4']);
  });

  it('takes no lease that has expired', () => {
    expect(parseLease(lease('10.0.0.1', '1 2026/11/23 23:59:59'), NOW)).toEqual([]);
    expect(parseLease(lease('10.0.0.1', `epoch ${NOW / 1000 - 1}`), NOW)).toEqual([]);
    expect(parseLease(lease('10.0.0.1', `epoch ${NOW / 1000 + 1}`), NOW)).toEqual(['10.0.0.1']);
  });

  it('reads DHCPv6 and the KEY=VALUE formats', () => {
    expect(
      parseLease('lease6 {\n  interface "eth0";\n  option dhcp6.name-servers 2001:db8::1;\n}\n', NOW),
    ).toEqual(['2001:db8::1']);
    expect(parseLease('# private\nADDRESS=10.0.0.9\nDNS="10.0.0.1 10.0.0.2"\n', NOW)).toEqual([
      '10.0.0.1',
      '10.0.0.2',
    ]);
  });

  it("takes NetworkManager's newest lease of an interface only", async () => {
    const root = await makeTree({
      '/var/lib/NetworkManager/internal-aaaa-eth0.lease': 'DNS=10.0.0.1\n',
      '/var/lib/NetworkManager/internal-bbbb-eth0.lease': 'DNS=10.0.0.2\n',
      '/var/lib/NetworkManager/timestamps': 'DNS=10.0.0.3\n',
    });
    await utimes(`${root}/var/lib/NetworkManager/internal-aaaa-eth0.lease`, 2000, 2000);
    await utimes(`${root}/var/lib/NetworkManager/internal-bbbb-eth0.lease`, 1000, 1000);
    const context = {
      files: new NodeFiles(root),
      resolvConf: '/etc/resolv.conf',
      stubs: [],
      askServersBind: async () => null,
      wallClockMs: NOW,
    };
    expect(addresses(await readDhcpSource(context))).toEqual([['10.0.0.1']]);
  });
});
