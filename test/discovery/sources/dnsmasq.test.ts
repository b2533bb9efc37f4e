import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readDnsmasqConf, readDnsmasqSource } from '../../../src/discovery/sources/dnsmasq.ts';
import type { SourceContext, SourceFacts } from '../../../src/discovery/sources/source.ts';
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

const addresses = (groups: readonly SourceFacts[]) =>
  groups.map(({ upstreams }) => upstreams.map(({ endpoint }) => endpoint.host));

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

  it('needs no answer', async () => {
    const context = await contextOf(
      { '/run/dnsmasq/resolv.conf': 'nameserver 10.0.0.7\n' },
      { stubs: ['127.0.0.1'] },
    );
    expect(addresses(await readDnsmasqSource(context))).toEqual([['10.0.0.7']]);
  });
});
