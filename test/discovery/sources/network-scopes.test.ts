// Descriptions of the network as netplan, networkd and cloud-init have them: servers and zones.
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readCloudInitSource } from '../../../src/discovery/sources/cloud-init.ts';
import { readNetplanSource } from '../../../src/discovery/sources/netplan.ts';
import { readNetworkdFilesSource } from '../../../src/discovery/sources/networkd-files.ts';
import type { SourceReader } from '../../../src/discovery/sources/source.ts';
import { makeTree, type Tree } from '../temp-tree.ts';

async function read(reader: SourceReader, tree: Tree) {
  const files = new NodeFiles(await makeTree(tree));
  const groups = await reader({
    files,
    resolvConf: '/etc/resolv.conf',
    stubs: [],
    askServersBind: async () => null,
    wallClockMs: 0,
  });
  return groups.map(({ upstreams, zones }) => ({
    servers: upstreams.map(({ endpoint }) => endpoint.host),
    zones: zones.map((zone) => `${zone.suffix} ${zone.upstreams.map(({ endpoint }) => endpoint.host)}`),
  }));
}

/** As cloud-init writes it. */
const NETPLAN = `# This file is generated from information provided by the datasource.
network:
    ethernets:
        ens3:
            addresses: [10.30.20.200/24]
            nameservers:
                addresses: [10.30.20.1, 10.30.20.2]
                search: [lab.example]
        ens4:
            dhcp4: true
            nameservers:
                addresses:
                - 10.30.30.1
                search: ['~corp.example']
    version: 2
`;
const FOUND = [{ servers: ['10.30.20.1', '10.30.20.2'], zones: ['corp.example 10.30.30.1'] }];

describe('netplan', () => {
  it('takes the servers of all interfaces; routing domains are zones of their own', async () => {
    expect(await read(readNetplanSource, { '/etc/netplan/50-cloud-init.yaml': NETPLAN })).toEqual(FOUND);
  });

  it('hides a file behind one of its name in /run, and survives what is no netplan', async () => {
    const tree = {
      '/etc/netplan/01.yaml': NETPLAN,
      '/run/netplan/01.yaml': 'network: {bonds: {b0: {nameservers: {addresses: [10.9.0.1]}}}}\n',
      '/etc/netplan/02.yaml': 'network: [a, {b: c}]\n',
      '/etc/netplan/03.yaml': '{ not: [yaml',
      '/etc/netplan/04.yaml': 'network: {ethernets: {e0: {nameservers: {addresses: [7, nonsense]}}}}\n',
    };
    expect(await read(readNetplanSource, tree)).toEqual([{ servers: ['10.9.0.1'], zones: [] }]);
  });
});

describe('networkd’s own files', () => {
  it('reads what netplan generates, without the files that an earlier directory hides', async () => {
    const tree = {
      '/run/systemd/network/10-netplan-ens3.network':
        '[Match]\nName=ens3\n\n[Network]\nLinkLocalAddressing=ipv6\nAddress=10.30.20.200/24\nDNS=10.30.20.1\nDNS=10.30.20.2\nDomains=lab.example\n',
      '/run/systemd/network/10-netplan-ens4.network':
        '[Match]\nName=ens4\n\n[Network]\nDHCP=ipv4\nDNS=10.30.30.1\nDomains=~corp.example\n\n[DHCP]\nDNS=10.99.0.1\n',
      '/etc/systemd/network/20-old.network': '[Network]\nDNS=10.99.0.2\nDNS=\n',
      '/usr/lib/systemd/network/20-old.network': '[Network]\nDNS=10.99.0.3\n',
    };
    expect(await read(readNetworkdFilesSource, tree)).toEqual(FOUND);
  });
});

describe('cloud-init', () => {
  it('version 1: entries of type nameserver, and the servers of subnets', async () => {
    const text = `network:
  version: 1
  config:
    - type: physical
      name: ens192
      subnets:
        - {type: static, address: 10.20.1.100/24, dns_nameservers: [192.168.1.1], dns_search: [lab.example]}
        - {type: dhcp4}
    - type: nameserver
      address: 10.10.10.254
    - type: nameserver
      address: [10.10.10.1]
      search: ['~corp.example']
`;
    expect(
      await read(readCloudInitSource, { '/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg': text }),
    ).toEqual([{ servers: ['192.168.1.1', '10.10.10.254'], zones: ['corp.example 10.10.10.1'] }]);
  });

  it('version 2: netplan’s, with or without `network` around it, in JSON too; not any cloud.cfg', async () => {
    const ethernets = { ens3: { nameservers: { addresses: ['10.30.20.1'] } } };
    const tree = {
      '/etc/cloud/cloud.cfg.d/05_logging.cfg': 'output: {all: "| tee -a /var/log/cloud-init-output.log"}\n',
      '/etc/cloud/cloud.cfg.d/99-disable.cfg': 'network: {config: disabled}\n',
      '/var/lib/cloud/instance/network-config.json': JSON.stringify({ version: 2, ethernets }),
      '/var/lib/cloud/seed/nocloud/network-config': NETPLAN,
    };
    expect(await read(readCloudInitSource, tree)).toEqual([{ servers: ['10.30.20.1'], zones: [] }, ...FOUND]);
  });
});
