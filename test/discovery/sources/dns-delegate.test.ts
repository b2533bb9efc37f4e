// The delegates of systemd 258: which files count, and what each says.
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readDnsDelegates } from '../../../src/discovery/sources/dns-delegate.ts';
import { readResolvedState } from '../../../src/discovery/sources/resolved-state.ts';
import { makeTree, type Tree } from '../temp-tree.ts';

const MAIN = { '/run/systemd/netif/links/2': 'ADMIN_STATE=configured\nDNS=10.0.0.2\n' };
const hosts = (upstreams: readonly { endpoint: { host: string } }[]) =>
  upstreams.map(({ endpoint }) => endpoint.host);
const delegatesOf = async (tree: Tree) => readDnsDelegates(new NodeFiles(await makeTree(tree)), 'udp');
const stateOf = async (tree: Tree) => readResolvedState(new NodeFiles(await makeTree(tree)));

describe('delegates', () => {
  it('makes a zone of the example in the manual', async () => {
    const { zones, upstreams } = await stateOf({
      ...MAIN,
      '/etc/systemd/dns-delegate.d/foobar.dns-delegate':
        '[Delegate]\nDNS=203.0.113.47\nDomains=foobar.com\nFirewallMark=42\n',
    });
    expect(zones).toMatchObject([
      { suffix: 'foobar.com', upstreams: [{ endpoint: { host: '203.0.113.47' } }] },
    ]);
    expect(zones[0]!.upstreams[0]!.origin.source).toBe('/etc/systemd/dns-delegate.d/foobar.dns-delegate');
    expect(hosts(upstreams)).toEqual(['10.0.0.2']);
  });

  it('takes the first file of a name, adds its drop-ins, and passes over one without servers', async () => {
    const delegates = await delegatesOf({
      '/usr/lib/systemd/dns-delegate.d/a.dns-delegate': '[Delegate]\nDNS=10.1.0.1\nDomains=~hidden.example\n',
      '/etc/systemd/dns-delegate.d/a.dns-delegate': '[Delegate]\nDNS=10.1.0.2:5353\nDomains=~a.example\n',
      '/run/systemd/dns-delegate.d/a.dns-delegate.d/more.conf':
        '[Delegate]\nDNS=10.1.0.3\nDomains=B.example.\n',
      '/run/systemd/dns-delegate/c.dns-delegate': '[Delegate]\nDNS=10.1.0.4\nDomains=c.example\n',
      '/etc/systemd/dns-delegate.d/empty.dns-delegate': '[Delegate]\nDNS=10.1.0.9\nDNS=\nDomains=d.example\n',
      '/etc/systemd/dns-delegate.d/readme': '[Delegate]\nDNS=10.1.0.9\nDomains=e.example\n',
    });
    expect(delegates.map(({ upstreams, domains }) => [hosts(upstreams), domains])).toEqual([
      [
        ['10.1.0.2', '10.1.0.3'],
        ['a.example', 'b.example'],
      ],
      [['10.1.0.4'], ['c.example']],
    ]);
    expect(delegates[0]!.upstreams[0]!.endpoint.port).toBe(5353);
  });

  it('serves other names only if it says so, and does not end the use of FallbackDNS', async () => {
    const delegate = '[Delegate]\nDNS=10.1.0.1\nDomains=corp.example\n';
    const path = '/etc/systemd/dns-delegate.d/corp.dns-delegate';
    expect(hosts((await stateOf({ ...MAIN, [path]: `${delegate}DefaultRoute=yes\n` })).upstreams)).toEqual([
      '10.0.0.2',
      '10.1.0.1',
    ]);
    const all = await stateOf({ ...MAIN, [path]: '[Delegate]\nDNS=10.1.0.1\nDomains=~.\n' });
    expect(hosts(all.upstreams)).toEqual(['10.1.0.1']);
    const conf = { '/etc/systemd/resolved.conf': '[Resolve]\nFallbackDNS=10.0.0.4\n' };
    expect(hosts((await stateOf({ ...conf, [path]: delegate })).upstreams)).toEqual(['10.0.0.4']);
  });
});
