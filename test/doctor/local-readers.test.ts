// The DNS servers of a node beyond what the golden trees have of them: other spellings, other
// places.
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readResolvedConf } from '../../src/discovery/sources/resolved-conf.ts';
import { readDnscryptProxy } from '../../src/doctor/dnscrypt-proxy.ts';
import { readOpenShiftCoreDns, readTailscale, readTalosHostDns } from '../../src/doctor/host-dns.ts';
import { readPihole } from '../../src/doctor/pihole.ts';
import type { Service } from '../../src/doctor/service.ts';
import { readToml } from '../../src/doctor/toml.ts';
import { readUnbound } from '../../src/doctor/unbound.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function filesOf(tree: Tree): Promise<NodeFiles> {
  return new NodeFiles(await makeTree(tree));
}

/** "zone: server server" of every route, and where it listens. */
function summarize(service: Service | null) {
  const listens = service?.listens.map(({ address, port }) => `${address} ${port}`);
  const routes = service?.routes.map(({ zone, targets, unknown }) => {
    return `${zone}: ${unknown || targets.map(({ text }) => text).join(' ')}`;
  });
  return { listens, routes };
}

describe('TOML', () => {
  it('has sections, lists over lines, and comments outside quotes', () => {
    const text = [
      "a = 'x # y' # z",
      '[dns] # section',
      'list = [ # first',
      '  "1.1.1.1", # one',
      "  '9.9.9.9'",
      '] ### CHANGED, default = []',
      'port = 53',
      '[dns.more]',
      'list = []',
    ];
    expect([...readToml(text.join('\n'))]).toEqual([
      ['a', { texts: ['x # y'], line: 1 }],
      ['dns.list', { texts: ['1.1.1.1', '9.9.9.9'], line: 3 }],
      ['dns.port', { texts: ['53'], line: 7 }],
      ['dns.more.list', { texts: [], line: 9 }],
    ]);
  });
});

describe('Pi-hole', () => {
  it('listens on its own port, and sends a network to the router', async () => {
    const path = '/etc/pihole/pihole.toml';
    const toml =
      '[dns]\nport = 5353\nupstreams = ["9.9.9.9", "127.0.0.1#5335"]\n' +
      'revServers = ["true,192.168.1.0/24,192.168.1.1,lan", "false,10.0.0.0/8,10.0.0.1,off"]\n';
    expect(summarize(await readPihole(await filesOf({ [path]: toml })))).toEqual({
      listens: ['0.0.0.0 5353', ':: 5353'],
      routes: ['.: 9.9.9.9 127.0.0.1:5335', 'lan: 192.168.1.1'],
    });
    expect(await readPihole(await filesOf({}))).toBeNull();
  });

  it('says so where its file does not tell whom it asks', async () => {
    const service = await readPihole(await filesOf({ '/etc/pihole/pihole.toml': '[dns\nupstreams = [[' }));
    expect(service!.routes).toMatchObject([
      { zone: '.', targets: [], unknown: '/etc/pihole/pihole.toml has no upstreams under [dns]' },
    ]);
  });
});

describe('unbound', () => {
  it('is read with what it includes, each file once', async () => {
    const files = await filesOf({
      '/etc/unbound/unbound.conf': 'include: "/etc/unbound/conf.d/*.conf"\n',
      '/etc/unbound/conf.d/a.conf':
        'server:\n  interface: 0.0.0.0@5353\n  interface: ::1 # here\n  port: 5335\ninclude: /etc/unbound/unbound.conf\n',
      '/etc/unbound/conf.d/b.conf':
        'forward-zone:\n  name: "."\n  forward-tls-upstream: yes\n  forward-addr: 9.9.9.9@853#dns.quad9.net\n' +
        'stub-zone:\n  name: Corp.Example.\n  stub-host: ns.corp.example\n',
      '/etc/unbound/conf.d/c.conf.off': 'forward-zone:\n  name: off.example\n  forward-addr: 10.0.0.2\n',
    });
    expect(summarize(await readUnbound(files))).toEqual({
      listens: ['0.0.0.0 5353', '::1 5335'],
      routes: ['.: 9.9.9.9:853', 'corp.example: ns.corp.example'],
    });
  });

  it('asks the root servers itself where nobody says otherwise', async () => {
    const files = await filesOf({ '/etc/unbound/unbound.conf': '# nothing\n' });
    expect(summarize(await readUnbound(files))).toEqual({
      listens: ['127.0.0.1 53', '::1 53'],
      routes: ['.: the root servers'],
    });
  });
});

describe('dnscrypt-proxy', () => {
  it('listens where its file says, and asks what its lists have', async () => {
    const toml = "listen_addresses = ['127.0.0.1:5300', '[::1]:5300']\n";
    const files = await filesOf({ '/etc/dnscrypt-proxy/dnscrypt-proxy.toml': toml });
    expect(summarize(await readDnscryptProxy(files))).toEqual({
      listens: ['127.0.0.1 5300', '::1 5300'],
      routes: ['.: public resolvers of its lists (encrypted)'],
    });
  });

  it('listens on 127.0.2.1 where Debian has systemd do it', async () => {
    const files = await filesOf({ '/etc/dnscrypt-proxy/dnscrypt-proxy.toml': 'listen_addresses = []\n' });
    expect(summarize(await readDnscryptProxy(files)).listens).toEqual(['127.0.2.1 53']);
  });
});

describe("Talos's host DNS", () => {
  it('is known by its address alone, without whom it asks', async () => {
    expect(await readTalosHostDns(await filesOf({}), ['10.0.0.2'])).toBeNull();
    expect(summarize(await readTalosHostDns(await filesOf({}), ['169.254.116.108'])).routes).toEqual([
      '.: it asks what `talosctl get resolvers` lists',
    ]);
  });

  it('asks what a ResolverConfig document names', async () => {
    const config =
      'version: v1alpha1\nmachine: { type: worker }\n---\napiVersion: v1alpha1\nkind: ResolverConfig\n' +
      'nameservers:\n  - address: 10.0.0.2\n  - address: 2001:db8::53\n';
    const files = await filesOf({ '/system/state/config.yaml': config });
    expect(summarize(await readTalosHostDns(files, [])).routes).toEqual(['.: 10.0.0.2 2001:db8::53']);
  });
});

describe("OpenShift's CoreDNS on the node", () => {
  it('answers on the address of the node', async () => {
    const files = await filesOf({
      '/etc/coredns/Corefile': '. {\n forward . 10.0.0.2 10.0.0.3\n}\n',
      '/run/nodeip-configuration/primary-ip': '192.0.2.21\n',
    });
    expect(summarize(await readOpenShiftCoreDns(files))).toEqual({
      listens: ['0.0.0.0 53', ':: 53', '192.0.2.21 53'],
      routes: ['.: 10.0.0.2 10.0.0.3'],
    });
  });
});

describe('Tailscale', () => {
  it('is there where its address is named, or where it took resolv.conf over', async () => {
    expect(await readTailscale(await filesOf({}), ['10.0.0.2'])).toBeNull();
    expect((await readTailscale(await filesOf({}), ['fd7a:115c:a1e0::53']))?.routes).toEqual([]);
    const files = await filesOf({ '/etc/resolv.pre-tailscale-backup.conf': 'nameserver 10.0.0.2\n' });
    expect(summarize(await readTailscale(files, [])).routes).toEqual(['.: 10.0.0.2']);
  });
});

describe('systemd-resolved', () => {
  it('answers on the extra addresses of its configuration, those of TCP alone left out', async () => {
    const conf =
      '[Resolve]\nDNSStubListenerExtra=10.0.0.1\nDNSStubListenerExtra=\nDNSStubListenerExtra=udp:10.0.0.5\n' +
      'DNSStubListenerExtra=[fd00::53]:5353\nDNSStubListenerExtra=tcp:10.0.0.6\n';
    const { stubListenerExtra } = await readResolvedConf(
      await filesOf({ '/etc/systemd/resolved.conf': conf }),
    );
    expect(stubListenerExtra).toEqual([
      { address: '10.0.0.5', port: 53 },
      { address: 'fd00::53', port: 5353 },
    ]);
  });
});
