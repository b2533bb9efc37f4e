import { describe, expect, it } from 'vitest';
import { type FoundUpstream, formatEndpoint } from '../../../src/base/endpoint.ts';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readResolvedState } from '../../../src/discovery/sources/resolved-state.ts';
import type { SourceContext } from '../../../src/discovery/sources/source.ts';
import { toSuffix } from '../../../src/discovery/sources/source.ts';
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

const hosts = (upstreams: readonly FoundUpstream[]) => upstreams.map(({ endpoint }) => endpoint.host);
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
