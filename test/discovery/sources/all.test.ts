import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { SOURCE_READERS } from '../../../src/discovery/sources/all.ts';
import type { SourceContext } from '../../../src/discovery/sources/source.ts';
import { makeTree, type Tree } from '../temp-tree.ts';

const NOW = Date.UTC(2026, 10, 24);

async function contextOf(tree: Tree, more: Partial<SourceContext> = {}): Promise<SourceContext> {
  const files = new NodeFiles(await makeTree(tree));
  return {
    files,
    resolvConf: '/etc/resolv.conf',
    stubs: [],
    askServersBind: async () => null,
    wallClockMs: NOW,
    ...more,
  };
}

describe('the order of the sources', () => {
  it('goes from the servers of the stub itself to old leases', async () => {
    const context = await contextOf({
      '/run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.1',
      '/run/systemd/netif/links/2': 'DNS=10.0.0.1',
      '/run/NetworkManager/no-stub-resolv.conf': 'nameserver 10.0.0.3',
      '/run/NetworkManager/resolv.conf': 'nameserver 10.0.0.4',
      '/etc/dnsmasq.conf': 'server=10.0.0.5',
      '/run/resolvconf/interface/eth0.dhclient': 'nameserver 10.0.0.6',
      '/run/resolvconf/interfaces/eth0': 'nameserver 10.0.0.7',
      '/tmp/resolv.conf.d/resolv.conf.auto': 'nameserver 10.0.0.8',
      '/tmp/resolv.conf.auto': 'nameserver 10.0.0.9',
      '/run/connman/resolv.conf': 'nameserver 10.0.0.10',
      '/var/lib/dhcp/dhclient.leases': 'lease {\n option domain-name-servers 10.0.0.11;\n}\n',
      '/run/systemd/netif/leases/2': 'ADDRESS=10.0.0.99\nDNS=10.0.0.12\n',
      '/var/lib/NetworkManager/internal-1-eth0.lease': 'DNS=10.0.0.13\n',
    });
    const groups = [];
    for (const reader of SOURCE_READERS) groups.push(...(await reader(context)));
    expect(groups.map(({ source, upstreams }) => `${source} ${upstreams[0]!.endpoint.host}`)).toEqual([
      'resolved-file 10.0.0.1',
      'resolved-state 10.0.0.1',
      'NetworkManager 10.0.0.3',
      'NetworkManager 10.0.0.4',
      'dnsmasq 10.0.0.5',
      'resolvconf 10.0.0.6',
      'resolvconf 10.0.0.7',
      'openwrt 10.0.0.8',
      'openwrt 10.0.0.9',
      'connman 10.0.0.10',
      'dhcp 10.0.0.11',
      'dhcp 10.0.0.12',
      'dhcp 10.0.0.13',
    ]);
  });

  it('finds nothing on an empty system', async () => {
    const context = await contextOf({});
    for (const reader of SOURCE_READERS) expect(await reader(context)).toEqual([]);
  });
});
