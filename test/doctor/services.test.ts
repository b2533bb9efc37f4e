// DNS servers on a node, read from their files: where each listens, and which servers it asks.
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readDnscryptProxy } from '../../src/doctor/dnscrypt-proxy.ts';
import { readOpenShiftCoreDns, readTailscale, readTalosHostDns } from '../../src/doctor/host-dns.ts';
import { readPihole } from '../../src/doctor/pihole.ts';
import type { Service } from '../../src/doctor/service.ts';
import { readUnbound } from '../../src/doctor/unbound.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

/** `servers`: those that the node's resolv.conf files name. */
type Read = (files: NodeFiles, servers: readonly string[]) => Promise<Service | null>;

interface Row {
  readonly what: string;
  readonly read: Read;
  readonly files: Tree;
  readonly servers?: readonly string[];
  /** "address port"; left out: of no matter here. */
  readonly listens?: readonly string[];
  /** "zone: server server", or "zone: why they are not known"; null: it is not there. */
  readonly routes: readonly string[] | null;
}

const DNSCRYPT_PROXY = '/etc/dnscrypt-proxy/dnscrypt-proxy.toml';
const PIHOLE = '/etc/pihole/pihole.toml';

const ROWS: readonly Row[] = [
  {
    what: 'dnscrypt-proxy listens where its file says, and asks what its lists have',
    read: readDnscryptProxy,
    files: { [DNSCRYPT_PROXY]: "listen_addresses = ['127.0.0.1:5300', '[::1]:5300']\n" },
    listens: ['127.0.0.1 5300', '::1 5300'],
    routes: ['.: public resolvers of its lists (encrypted)'],
  },
  {
    what: 'dnscrypt-proxy listens on 127.0.2.1 where Debian has systemd do it',
    read: readDnscryptProxy,
    files: { [DNSCRYPT_PROXY]: 'listen_addresses = []\n' },
    listens: ['127.0.2.1 53'],
    routes: ['.: public resolvers of its lists (encrypted)'],
  },
  {
    what: 'Pi-hole listens on its own port, and sends a network to the router',
    read: readPihole,
    files: {
      [PIHOLE]:
        '[dns]\nport = 5353\nupstreams = ["9.9.9.9", "127.0.0.1#5335"]\n' +
        'revServers = ["true,192.168.1.0/24,192.168.1.1,lan", "false,10.0.0.0/8,10.0.0.1,off"]\n',
    },
    listens: ['0.0.0.0 5353', ':: 5353'],
    routes: ['.: 9.9.9.9 127.0.0.1:5335', 'lan: 192.168.1.1'],
  },
  { what: 'Pi-hole is not there without its file', read: readPihole, files: {}, routes: null },
  {
    what: 'Pi-hole has a file that names no upstream',
    read: readPihole,
    files: { [PIHOLE]: '[dns\nupstreams = [[' },
    routes: [`.: ${PIHOLE} has no upstreams under [dns]`],
  },
  {
    what: "Talos's host DNS is not there where nobody names its address",
    read: readTalosHostDns,
    files: {},
    servers: ['10.0.0.2'],
    routes: null,
  },
  {
    what: "Talos's host DNS is known by its address alone, without its upstreams",
    read: readTalosHostDns,
    files: {},
    servers: ['169.254.116.108'],
    routes: ['.: it asks what `talosctl get resolvers` lists'],
  },
  {
    what: "Talos's host DNS asks what a ResolverConfig document names",
    read: readTalosHostDns,
    files: {
      '/system/state/config.yaml':
        'version: v1alpha1\nmachine: { type: worker }\n---\napiVersion: v1alpha1\nkind: ResolverConfig\n' +
        'nameservers:\n  - address: 10.0.0.2\n  - address: 2001:db8::53\n',
    },
    routes: ['.: 10.0.0.2 2001:db8::53'],
  },
  {
    what: "OpenShift's CoreDNS answers on the address of the node",
    read: readOpenShiftCoreDns,
    files: {
      '/etc/coredns/Corefile': '. {\n forward . 10.0.0.2 10.0.0.3\n}\n',
      '/run/nodeip-configuration/primary-ip': '192.0.2.21\n',
    },
    listens: ['0.0.0.0 53', ':: 53', '192.0.2.21 53'],
    routes: ['.: 10.0.0.2 10.0.0.3'],
  },
  {
    what: 'Tailscale is not there where nobody names its address',
    read: readTailscale,
    files: {},
    servers: ['10.0.0.2'],
    routes: null,
  },
  {
    what: 'Tailscale is known by its address alone',
    read: readTailscale,
    files: {},
    servers: ['fd7a:115c:a1e0::53'],
    routes: [],
  },
  {
    what: 'Tailscale took resolv.conf over, and asks what stood there',
    read: readTailscale,
    files: { '/etc/resolv.pre-tailscale-backup.conf': 'nameserver 10.0.0.2\n' },
    routes: ['.: 10.0.0.2'],
  },
  {
    what: 'unbound is read with what it includes, each file once',
    read: readUnbound,
    files: {
      '/etc/unbound/unbound.conf': 'include: "/etc/unbound/conf.d/*.conf"\n',
      '/etc/unbound/conf.d/a.conf':
        'server:\n  interface: 0.0.0.0@5353\n  interface: ::1 # here\n  port: 5335\ninclude: /etc/unbound/unbound.conf\n',
      '/etc/unbound/conf.d/b.conf':
        'forward-zone:\n  name: "."\n  forward-tls-upstream: yes\n  forward-addr: 9.9.9.9@853#dns.quad9.net\n' +
        'stub-zone:\n  name: Corp.Example.\n  stub-host: ns.corp.example\n',
      '/etc/unbound/conf.d/c.conf.off': 'forward-zone:\n  name: off.example\n  forward-addr: 10.0.0.2\n',
    },
    listens: ['0.0.0.0 5353', '::1 5335'],
    routes: ['.: 9.9.9.9:853', 'corp.example: ns.corp.example'],
  },
  {
    what: 'unbound asks the root servers itself by default',
    read: readUnbound,
    files: { '/etc/unbound/unbound.conf': '# nothing\n' },
    listens: ['127.0.0.1 53', '::1 53'],
    routes: ['.: the root servers'],
  },
];

describe('a DNS server on the node', () => {
  it.each(ROWS)('$what', async ({ read, files, servers = [], listens, routes }) => {
    const service = await read(new NodeFiles(await makeTree(files)), servers);
    const found = service?.routes.map(
      ({ zone, targets, unknown }) => `${zone}: ${unknown || targets.map(({ text }) => text).join(' ')}`,
    );
    expect(found ?? null).toEqual(routes);
    if (listens === undefined) return;
    expect(service!.listens.map(({ address, port }) => `${address} ${port}`)).toEqual(listens);
  });
});
