import { utimes } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type FoundUpstream, formatEndpoint } from '../../src/base/endpoint.ts';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { SOURCE_READERS } from '../../src/discovery/sources/all.ts';
import { parseLease, readDhcpSource } from '../../src/discovery/sources/dhcp-leases.ts';
import { readDnsmasqConf, readDnsmasqSource } from '../../src/discovery/sources/dnsmasq.ts';
import { readResolvedConf } from '../../src/discovery/sources/resolved-conf.ts';
import { readResolvedState } from '../../src/discovery/sources/resolved-state.ts';
import { readResolvconfSource } from '../../src/discovery/sources/server-files.ts';
import type { SourceContext, SourceFacts } from '../../src/discovery/sources/source.ts';
import { toSuffix } from '../../src/discovery/sources/source.ts';
import { makeTree, type Tree } from './temp-tree.ts';

const NOW = Date.UTC(2026, 10, 24);

async function contextOf(tree: Tree, more: Partial<SourceContext> = {}): Promise<SourceContext> {
  const files = new NodeFiles(await makeTree(tree));
  return { files, stubs: [], askServersBind: async () => null, wallClockMs: NOW, ...more };
}

const hosts = (upstreams: readonly FoundUpstream[]) => upstreams.map(({ endpoint }) => endpoint.host);
const addresses = (groups: readonly SourceFacts[]) =>
  groups.map(({ upstreams }) => upstreams.map(({ endpoint }) => endpoint.host));

describe('the order of the sources', () => {
  it('goes from what the stub itself uses to what the network once said', async () => {
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

describe('the configuration of resolved', () => {
  it('reads drop-ins by name across directories, /etc hiding the others, an empty value forgetting', async () => {
    const { files } = await contextOf({
      '/etc/systemd/resolved.conf':
        '[Resolve]\nDNS=10.0.0.1\n#DNS=10.0.0.99\nDNSStubListener=no\n[Other]\nDNS=10.0.0.98\n',
      '/usr/lib/systemd/resolved.conf': '[Resolve]\nDNS=10.0.0.97\n',
      '/usr/lib/systemd/resolved.conf.d/10-a.conf': '[Resolve]\nDNS=\nDNS=10.0.0.2 \\\n 10.0.0.3:5353\n',
      '/usr/lib/systemd/resolved.conf.d/20-b.conf': '[Resolve]\nDNS=10.0.0.96\n',
      '/etc/systemd/resolved.conf.d/20-b.conf':
        '[Resolve]\nDNS=[2001:db8::1]:853#name\nFallbackDNS=10.0.0.4\n',
      '/run/systemd/resolved.conf.d/30-c.conf':
        '[Resolve]\nDomains=corp.example ~.\nDNSOverTLS=opportunistic\n',
      '/etc/systemd/resolved.conf.d/readme.txt': '[Resolve]\nDNS=10.0.0.95\n',
    });
    const conf = await readResolvedConf(files);
    expect(conf.dns.map(({ endpoint }) => `${endpoint.host} ${endpoint.port}`)).toEqual([
      '10.0.0.2 53',
      '10.0.0.3 5353',
      '2001:db8::1 53',
    ]);
    expect(conf.dns[2]!.origin.source).toBe('/etc/systemd/resolved.conf.d/20-b.conf');
    expect(conf).toMatchObject({
      domains: ['corp.example', '~.'],
      overTls: 'opportunistic',
      stubListener: 'no',
    });
    expect(conf.fallbackDns).toHaveLength(1);
    expect(conf.paths).toHaveLength(4);
  });
});

it('the port 53 of a server that resolved asks over TLS is the usual one of TLS', async () => {
  const { files } = await contextOf({
    '/etc/systemd/resolved.conf':
      '[Resolve]\nDNS=[2001:db8::1]:53#name 10.0.0.1:853 10.0.0.2:8853\nDNSOverTLS=yes\n',
  });
  expect((await readResolvedConf(files)).dns.map(({ endpoint }) => formatEndpoint(endpoint))).toEqual([
    'tls://[2001:db8::1]:853#name',
    'tls://10.0.0.1:853',
    'tls://10.0.0.2:8853',
  ]);
});

describe('the state of resolved', () => {
  const stateOf = async (tree: Tree) => readResolvedState((await contextOf(tree)).files);

  it('reads links of networkd and, where that does not manage them, of resolved', async () => {
    const state = await stateOf({
      '/run/systemd/netif/links/2':
        'ADMIN_STATE=configured\nOPER_STATE=routable\nDNS=10.0.0.2 fe80::1\nDOMAINS=Lab.Example.\n',
      '/run/systemd/resolve/netif/2': 'SERVERS=10.0.0.99\n',
      '/run/systemd/netif/links/3': 'ADMIN_STATE=unmanaged\nOPER_STATE=routable\n',
      '/run/systemd/resolve/netif/3': 'SERVERS=10.0.0.3:5353\nDNSOVERTLS=yes\n',
      '/run/systemd/netif/links/4': 'ADMIN_STATE=configured\nOPER_STATE=no-carrier\nDNS=10.0.0.98\n',
      '/run/systemd/netif/links/nonsense': 'DNS=10.0.0.97\n',
    });
    expect(state.upstreams.map(({ endpoint }) => formatEndpoint(endpoint))).toEqual([
      '10.0.0.2:53',
      '[fe80::1%2]:53',
      'tls://10.0.0.3:5353',
    ]);
    expect(state.zones.map(({ suffix }) => suffix)).toEqual(['lab.example']);
  });

  it('leaves a link with routing domains only out of the default servers, unless it is told otherwise', async () => {
    const link = 'ADMIN_STATE=configured\nDNS=10.8.0.1\nROUTE_DOMAINS=corp.example\n';
    const main = { '/run/systemd/netif/links/2': 'ADMIN_STATE=configured\nDNS=10.0.0.2\n' };
    const split = await stateOf({ ...main, '/run/systemd/netif/links/3': link });
    expect(hosts(split.upstreams)).toEqual(['10.0.0.2']);
    expect(split.zones).toMatchObject([
      { suffix: 'corp.example', upstreams: [{ endpoint: { host: '10.8.0.1' } }] },
    ]);
    const told = await stateOf({ ...main, '/run/systemd/netif/links/3': `${link}DNS_DEFAULT_ROUTE=yes\n` });
    expect(hosts(told.upstreams)).toEqual(['10.0.0.2', '10.8.0.1']);
  });

  it('joins the servers of two links for the same domain', async () => {
    const state = await stateOf({
      '/run/systemd/netif/links/2': 'ADMIN_STATE=configured\nDNS=10.0.0.2\nROUTE_DOMAINS=corp.example\n',
      '/run/systemd/netif/links/3': 'ADMIN_STATE=configured\nDNS=10.0.0.3\nROUTE_DOMAINS=corp.example\n',
    });
    expect(hosts(state.zones[0]!.upstreams)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('falls back on FallbackDNS when nothing else is known', async () => {
    const conf = { '/etc/systemd/resolved.conf': '[Resolve]\nFallbackDNS=10.0.0.4\n' };
    expect(hosts((await stateOf(conf)).upstreams)).toEqual(['10.0.0.4']);
    const withLink = await stateOf({
      ...conf,
      '/run/systemd/netif/links/2': 'ADMIN_STATE=configured\nDNS=10.0.0.2\n',
    });
    expect(hosts(withLink.upstreams)).toEqual(['10.0.0.2']);
  });

  it('refuses domains that are no names', () => {
    expect(['.', 'A.b.', '_tcp.x', 'a..b', '', 'a b', `${'x'.repeat(64)}.y`, '~a'].map(toSuffix)).toEqual([
      '.',
      'a.b',
      '_tcp.x',
      '',
      '',
      '',
      '',
      '',
    ]);
  });
});

describe('dnsmasq', () => {
  it('reads servers, zones, resolv-files and included files, and ends when they include one another', async () => {
    const { files } = await contextOf({
      '/etc/dnsmasq.conf':
        '# server=10.9.9.9\nconf-dir=/etc/more,.bak\nresolv-file=/etc/ppp/resolv.conf # why\nserver=10.0.0.1#5353\n',
      '/etc/more/a.conf': 'conf-file=/etc/more/b.conf\nserver=/corp.example/*.lab.example/10.1.0.2@eth0\n',
      '/etc/more/b.conf':
        'conf-file=/etc/more/a.conf\nserver=/local.example/\nserver=//10.1.0.9\nserver=fe80::1%eth0\n',
      '/etc/dnsmasq.d/x.dpkg-old': 'server=10.9.9.8\n',
    });
    const conf = await readDnsmasqConf(files);
    expect(conf.upstreams.map(({ endpoint }) => `${endpoint.host} ${endpoint.port}`)).toEqual([
      '10.0.0.1 5353',
      'fe80::1%eth0 53',
    ]);
    expect(conf.zones).toMatchObject([
      { suffix: 'corp.example', upstreams: [{ endpoint: { host: '10.1.0.2' } }] },
      { suffix: 'lab.example', upstreams: [{ endpoint: { host: '10.1.0.2' } }] },
    ]);
    expect(conf.resolvFiles).toEqual(['/etc/ppp/resolv.conf']);
  });

  it("believes the running server first, and keeps a zone's servers out of the general ones", async () => {
    const context = await contextOf(
      {
        '/etc/dnsmasq.d/vpn.conf': 'server=/corp.example/10.8.0.1\nresolv-file=/run/dnsmasq/other.conf\n',
        '/run/dnsmasq/other.conf': 'nameserver 10.0.0.7\n',
      },
      { stubs: ['127.0.0.1'], askServersBind: async () => ['10.8.0.1#53 5 0', '10.0.0.2#53 1 0', 'rubbish'] },
    );
    const groups = await readDnsmasqSource(context);
    expect(addresses(groups)).toEqual([['10.0.0.2'], ['10.0.0.7']]);
    expect(groups[0]!.zones).toMatchObject([{ suffix: 'corp.example' }]);
  });

  it('does without an answer', async () => {
    const context = await contextOf(
      { '/run/dnsmasq/resolv.conf': 'nameserver 10.0.0.7\n' },
      { stubs: ['127.0.0.1'] },
    );
    expect(addresses(await readDnsmasqSource(context))).toEqual([['10.0.0.7']]);
  });
});

describe('resolvconf', () => {
  it('leaves out what local servers say of themselves', async () => {
    const context = await contextOf({
      '/run/resolvconf/interface/lo.dnsmasq': 'nameserver 127.0.0.1\n',
      '/run/resolvconf/interface/eth0.dhclient': 'nameserver 10.0.0.2\n',
      '/run/resolvconf/interface/wlan0.dhclient': 'nameserver 10.0.0.3\n',
    });
    expect(addresses(await readResolvconfSource(context))).toEqual([['10.0.0.2', '10.0.0.3']]);
  });
});

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

  it("takes NetworkManager's newest lease of an interface, not those of networks long left", async () => {
    const root = await makeTree({
      '/var/lib/NetworkManager/internal-aaaa-eth0.lease': 'DNS=10.0.0.1\n',
      '/var/lib/NetworkManager/internal-bbbb-eth0.lease': 'DNS=10.0.0.2\n',
      '/var/lib/NetworkManager/timestamps': 'DNS=10.0.0.3\n',
    });
    await utimes(`${root}/var/lib/NetworkManager/internal-aaaa-eth0.lease`, 2000, 2000);
    await utimes(`${root}/var/lib/NetworkManager/internal-bbbb-eth0.lease`, 1000, 1000);
    const context = {
      files: new NodeFiles(root),
      stubs: [],
      askServersBind: async () => null,
      wallClockMs: NOW,
    };
    expect(addresses(await readDhcpSource(context))).toEqual([['10.0.0.1']]);
  });
});
