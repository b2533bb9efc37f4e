import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readResolvconfSource } from '../../../src/discovery/sources/server-files.ts';
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

describe('resolvconf', () => {
  it('leaves out the addresses of local servers', async () => {
    const context = await contextOf({
      '/run/resolvconf/interface/lo.dnsmasq': 'nameserver 127.0.0.1\n',
      '/run/resolvconf/interface/eth0.dhclient': 'nameserver 10.0.0.2\n',
      '/run/resolvconf/interface/wlan0.dhclient': 'nameserver 10.0.0.3\n',
    });
    expect(addresses(await readResolvconfSource(context))).toEqual([['10.0.0.2', '10.0.0.3']]);
  });
});
