import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type Endpoint, FROM_CONFIGURATION, plainEndpoint, type Transport } from '../../src/base/endpoint.ts';
import { discoverUpstreams, rewriteConfigured } from '../../src/discovery/discover.ts';
import type { Discovery } from '../../src/discovery/discovery.ts';
import { found, localOptions, makeTree } from './temp-tree.ts';

const STUB = 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch corp.example\n';
const RESOLVED_FILE = '/run/systemd/resolve/resolv.conf';

const endpoints = (discovery: Pick<Discovery, 'upstreams'>) =>
  discovery.upstreams.map(({ endpoint }) => `${endpoint.host} ${endpoint.port}`);
const codes = (discovery: Discovery) => discovery.notices.map(({ code }) => code);

describe('discoverUpstreams on systems as they are installed', () => {
  it('Ubuntu 18.04 and later: finds the servers behind 127.0.0.53 in the file of resolved', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': '→ ../run/systemd/resolve/stub-resolv.conf',
      '/run/systemd/resolve/stub-resolv.conf': STUB,
      [RESOLVED_FILE]:
        '# managed by systemd-resolved\nnameserver 10.0.0.2\nnameserver fe80::1%2\nsearch corp.example\n',
    });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(discovery.upstreams).toEqual([
      found('10.0.0.2', RESOLVED_FILE, { replaces: '127.0.0.53:53' }),
      found('fe80::1%eth0', RESOLVED_FILE, { replaces: '127.0.0.53:53' }),
    ]);
    expect(codes(discovery)).toEqual(['loopback-rewritten']);
    expect(discovery.notices[0]!.remedy).toContain('resolvConf: /run/systemd/resolve/resolv.conf');
    expect(discovery.files).toContain('/etc/resolv.conf');
    expect(discovery.files).toContain('/run/systemd/resolve/stub-resolv.conf');
    expect(discovery.files).toContain(RESOLVED_FILE);
  });

  it('Ubuntu 16.04: finds the servers behind the dnsmasq of NetworkManager on 127.0.1.1', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': 'nameserver 127.0.1.1\n',
      '/run/NetworkManager/resolv.conf': 'nameserver 127.0.1.1\n',
      '/run/NetworkManager/no-stub-resolv.conf': 'nameserver 192.168.1.1\n',
    });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(discovery.upstreams).toEqual([
      found('192.168.1.1', '/run/NetworkManager/no-stub-resolv.conf', { replaces: '127.0.1.1:53' }),
    ]);
  });

  it('Ubuntu 16.04 without files: finds them by asking dnsmasq', async () => {
    const root = await makeTree({ '/etc/resolv.conf': 'nameserver 127.0.1.1\n' });
    const asked: string[] = [];
    const discovery = await discoverUpstreams(
      localOptions(root, {
        askServersBind: async (address, port) => {
          asked.push(`${address} ${port}`);
          return ['192.168.1.1#53 10 0', '192.168.1.2#5353 3 1'];
        },
      }),
    );
    expect(asked).toEqual(['127.0.1.1 53']);
    expect(endpoints(discovery)).toEqual(['192.168.1.1 53', '192.168.1.2 5353']);
    expect(discovery.upstreams[0]!.origin.source).toBe('CH TXT servers.bind @127.0.1.1');
  });

  it('resolved with DNS=127.0.0.1: says that the real file names loopback too, and how to fix it', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': STUB,
      [RESOLVED_FILE]: 'nameserver 127.0.0.1\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNS=127.0.0.1\n',
    });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(endpoints(discovery)).toEqual(['127.0.0.53 53']);
    expect(discovery.keptStubs).toEqual(['127.0.0.53:53']);
    expect(codes(discovery)).toEqual(['source-names-loopback', 'source-names-loopback', 'loopback-kept']);
    expect(discovery.notices[0]!.message).toContain(`${RESOLVED_FILE} names 127.0.0.1:53`);
    expect(discovery.notices[0]!.remedy).toContain('DNS= of /etc/systemd/resolved.conf');
  });

  it('resolved with DNS=127.0.0.1 where we listen on it: the stub leads to us and is not kept', async () => {
    const root = await makeTree({ '/etc/resolv.conf': STUB, [RESOLVED_FILE]: 'nameserver 127.0.0.1\n' });
    const discovery = await discoverUpstreams(
      localOptions(root, { listen: [{ host: '127.0.0.1', port: 53 }] }),
    );
    expect(discovery.upstreams).toEqual([]);
    expect(codes(discovery)).toEqual(['source-names-loopback', 'loopback-dropped', 'no-upstream']);
    expect(discovery.notices[1]!.message).toContain('it forwards to unloop');
  });

  it('resolved with one loopback server among good ones: uses the good ones', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': STUB,
      [RESOLVED_FILE]: 'nameserver 127.0.0.1\nnameserver 10.0.0.2\n',
    });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(endpoints(discovery)).toEqual(['10.0.0.2 53']);
    expect(codes(discovery)).toEqual(['source-names-loopback', 'loopback-rewritten']);
  });

  it('NodeLocal DNSCache: keeps 169.254.20.10', async () => {
    const root = await makeTree({ '/etc/resolv.conf': 'nameserver 169.254.20.10\noptions ndots:5\n' });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(discovery.upstreams).toEqual([found('169.254.20.10', '/etc/resolv.conf')]);
    expect(discovery.notices).toEqual([]);
  });

  it('a plain resolv.conf: keeps order, drops repetitions', async () => {
    const root = await makeTree({
      '/etc/resolv.conf':
        'nameserver 10.0.0.3\nnameserver 2001:db8::1\nnameserver 10.0.0.3\nnameserver 2001:DB8:0::1\n',
      [RESOLVED_FILE]: 'nameserver 10.9.9.9\n',
    });
    expect(endpoints(await discoverUpstreams(localOptions(root)))).toEqual(['10.0.0.3 53', '2001:db8::1 53']);
  });

  it('a stub among servers: its replacement takes its place in the order', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': 'nameserver 10.0.0.9\nnameserver ::1\nnameserver 127.0.0.53\nnameserver 10.0.0.2\n',
      [RESOLVED_FILE]: 'nameserver 10.0.0.1\nnameserver 10.0.0.2\n',
    });
    expect(endpoints(await discoverUpstreams(localOptions(root)))).toEqual([
      '10.0.0.9 53',
      '10.0.0.1 53',
      '10.0.0.2 53',
    ]);
  });
});

describe('rewriteLoopback', () => {
  const tree = { '/etc/resolv.conf': 'nameserver 127.0.0.1\nnameserver 10.0.0.9\n' };

  it('auto keeps a loopback server that nothing is known about, and warns', async () => {
    const discovery = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(endpoints(discovery)).toEqual(['127.0.0.1 53', '10.0.0.9 53']);
    expect(codes(discovery)).toEqual(['loopback-kept']);
  });

  it('always drops it', async () => {
    const discovery = await discoverUpstreams(
      localOptions(await makeTree(tree), { rewriteLoopback: 'always' }),
    );
    expect(endpoints(discovery)).toEqual(['10.0.0.9 53']);
    expect(codes(discovery)).toEqual(['loopback-dropped']);
  });

  it('never uses it as written, whatever server is behind it', async () => {
    const root = await makeTree({ ...tree, [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' });
    const discovery = await discoverUpstreams(localOptions(root, { rewriteLoopback: 'never' }));
    expect(endpoints(discovery)).toEqual(['127.0.0.1 53', '10.0.0.9 53']);
    expect(discovery.notices).toEqual([]);
  });

  it('never lets our own address through', async () => {
    for (const rewriteLoopback of ['auto', 'always', 'never'] as const) {
      const listen = [{ host: '0.0.0.0', port: 53 }];
      const discovery = await discoverUpstreams(
        localOptions(await makeTree(tree), { rewriteLoopback, listen }),
      );
      expect(endpoints(discovery)).toEqual(['10.0.0.9 53']);
      expect(codes(discovery)).toEqual(['own-address']);
    }
  });

  it('replaces our own address, loopback or not, by the real servers', async () => {
    const root = await makeTree({
      '/etc/resolv.conf': 'nameserver 10.0.0.5\n',
      '/var/lib/dhcp/dhclient.eth0.leases':
        'lease {\n interface "eth0";\n option domain-name-servers 10.0.0.2;\n}\n',
    });
    const discovery = await discoverUpstreams(localOptions(root, { listen: [{ host: '::', port: 53 }] }));
    expect(discovery.upstreams).toEqual([
      found('10.0.0.2', '/var/lib/dhcp/dhclient.eth0.leases', { replaces: '10.0.0.5:53' }),
    ]);
    expect(codes(discovery)).toEqual(['own-address']);
  });

  it('does not ask our own listener for servers.bind', async () => {
    const root = await makeTree(tree);
    const asked: string[] = [];
    const askServersBind = async (address: string) => {
      asked.push(address);
      return null;
    };
    await discoverUpstreams(
      localOptions(root, { askServersBind, listen: [{ host: '127.0.0.1', port: 53 }] }),
    );
    expect(asked).toEqual([]);
  });

  it('keeps a candidate on another loopback port, the user has put a server there', async () => {
    const root = await makeTree({ ...tree, '/etc/dnsmasq.conf': 'no-resolv\nserver=127.0.0.1#5053\n' });
    expect(endpoints(await discoverUpstreams(localOptions(root)))).toEqual(['127.0.0.1 5053', '10.0.0.9 53']);
    const listen = [{ host: '127.0.0.1', port: 5053 }];
    expect(endpoints(await discoverUpstreams(localOptions(root, { listen })))).toEqual(['10.0.0.9 53']);
  });
});

describe("a node's files seen from a pod", () => {
  const inPod = (root: string) => {
    const { isForeign: _, ...options } = localOptions(root);
    return options;
  };

  it('finds the real servers below the root and names their path on the node', async () => {
    const root = await makeTree({ '/etc/resolv.conf': STUB, [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' });
    const discovery = await discoverUpstreams(inPod(root));
    expect(discovery.upstreams).toEqual([found('10.0.0.2', RESOLVED_FILE, { replaces: '127.0.0.53:53' })]);
  });

  it("never uses the node's loopback and says so", async () => {
    const root = await makeTree({
      '/etc/resolv.conf': STUB,
      '/etc/dnsmasq.conf': 'server=127.0.0.1#5053\n',
    });
    const asked: string[] = [];
    const askServersBind = async (address: string) => {
      asked.push(address);
      return ['10.0.0.2#53 0 0'];
    };
    const discovery = await discoverUpstreams({ ...inPod(root), askServersBind });
    expect(asked).toEqual([]);
    expect(discovery.upstreams).toEqual([]);
    expect(codes(discovery)).toEqual(['source-names-loopback', 'loopback-unreachable', 'no-upstream']);
    expect(discovery.notices[1]!.remedy).toContain('kubelet');
  });
});

describe('a resolv.conf that says nothing', () => {
  it.each([
    ['missing', 'resolv-conf-missing', {}],
    ['empty', 'resolv-conf-empty', { '/etc/resolv.conf': '' }],
    ['of comments alone', 'resolv-conf-empty', { '/etc/resolv.conf': '# nothing\n' }],
  ])('%s: is reported, and the sources are asked', async (_name, code, tree) => {
    const alone = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(alone.upstreams).toEqual([]);
    expect(codes(alone)).toEqual([code, 'no-upstream']);
    const behind = await discoverUpstreams(
      localOptions(await makeTree({ ...tree, [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' })),
    );
    expect(endpoints(behind)).toEqual(['10.0.0.2 53']);
    expect(codes(behind)).toEqual([code, 'loopback-rewritten']);
  });

  it('a directory, or 10 MB: is reported as such', async () => {
    const directory = await makeTree({});
    await mkdir(`${directory}/etc/resolv.conf`, { recursive: true });
    const large = await makeTree({ '/etc/resolv.conf': '' });
    await writeFile(`${large}/etc/resolv.conf`, Buffer.alloc(10 * 1024 * 1024, 'nameserver 10.0.0.1\n'));
    for (const [root, detail] of [
      [directory, 'is a directory'],
      [large, 'is larger than 256 KiB'],
    ] as const) {
      const discovery = await discoverUpstreams(localOptions(root));
      expect(discovery.notices[0]).toMatchObject({ code: 'resolv-conf-unreadable', severity: 'error' });
      expect(discovery.notices[0]!.message).toContain(detail);
    }
  });

  it('names bad lines by number', async () => {
    const root = await makeTree({ '/etc/resolv.conf': 'nameserver 10.0.0.1\nnamserver 10.0.0.2\n' });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(codes(discovery)).toEqual(['resolv-conf-bad-lines']);
    expect(discovery.notices[0]!.message).toContain('line 2: unknown keyword: namserver 10.0.0.2');
  });

  it('uses no more servers than help anybody', async () => {
    const text = Array.from({ length: 100 }, (_, i) => `nameserver 10.0.1.${i}\n`).join('');
    const discovery = await discoverUpstreams(localOptions(await makeTree({ '/etc/resolv.conf': text })));
    expect(discovery.upstreams).toHaveLength(32);
    expect(codes(discovery)).toEqual(['too-many-servers']);
  });

  it('reports a source that is there and cannot be read', async () => {
    const root = await makeTree({ '/etc/resolv.conf': STUB });
    await mkdir(root + RESOLVED_FILE, { recursive: true });
    const discovery = await discoverUpstreams(localOptions(root));
    expect(codes(discovery)).toEqual(['loopback-kept', 'source-unreadable']);
  });
});

describe('what the file of resolved leaves out', () => {
  const vpn = {
    '/etc/resolv.conf': STUB,
    [RESOLVED_FILE]: 'nameserver 10.0.0.2\n',
    '/run/systemd/netif/links/2':
      'ADMIN_STATE=configured\nOPER_STATE=routable\nDNS=10.0.0.2:5353#dns.corp.example\n',
    '/run/systemd/netif/links/3': 'ADMIN_STATE=unmanaged\nOPER_STATE=routable\n',
    '/run/systemd/resolve/netif/3':
      'SERVERS=10.8.0.1\nDOMAINS=~corp.example ~10.in-addr.arpa\nDEFAULT_ROUTE=no\n',
  };

  it('fills in the port, and imports routing domains as zones', async () => {
    const discovery = await discoverUpstreams(localOptions(await makeTree(vpn)));
    expect(discovery.upstreams).toEqual([
      found('10.0.0.2', RESOLVED_FILE, { port: 5353, replaces: '127.0.0.53:53' }),
    ]);
    const upstreams = [found('10.8.0.1', '/run/systemd/resolve/netif/3')];
    expect(discovery.zones).toEqual([
      { suffix: 'corp.example', upstreams },
      { suffix: '10.in-addr.arpa', upstreams },
    ]);
    expect(codes(discovery)).toEqual(['loopback-rewritten', 'split-dns-imported']);
  });

  it('adds the servers on other ports, which resolved does not write down', async () => {
    const tree = {
      '/etc/resolv.conf': STUB,
      [RESOLVED_FILE]: '\nnameserver 10.77.0.3\nsearch lab.example\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNS=10.77.0.2:5353#one.example 10.77.0.3\n',
    };
    const discovery = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(endpoints(discovery)).toEqual(['10.77.0.3 53', '10.77.0.2 5353']);
    expect(discovery.upstreams[1]!.origin.source).toBe('/etc/systemd/resolved.conf');
  });

  it('imports no zones when the stub is not bypassed', async () => {
    const discovery = await discoverUpstreams(
      localOptions(await makeTree({ ...vpn, '/etc/resolv.conf': 'nameserver 10.0.0.2\n' })),
    );
    expect(discovery.zones).toEqual([]);
  });

  it('reads the root as a routing domain as a choice of servers, not as a zone', async () => {
    const tree = {
      ...vpn,
      [RESOLVED_FILE]: 'nameserver 10.0.0.2\nnameserver 10.8.0.1\n',
      '/run/systemd/resolve/netif/3': 'SERVERS=10.8.0.1\nDOMAINS=~.\n',
    };
    const discovery = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(endpoints(discovery)).toEqual(['10.8.0.1 53']);
    expect(discovery.zones).toEqual([]);
  });

  it('makes no zone of a search domain whose servers are the usual ones', async () => {
    const tree = {
      '/etc/resolv.conf': STUB,
      [RESOLVED_FILE]: 'nameserver 10.0.0.2\n',
      '/run/systemd/netif/links/2': 'ADMIN_STATE=configured\nDNS=10.0.0.2\nDOMAINS=corp.example\n',
    };
    expect((await discoverUpstreams(localOptions(await makeTree(tree)))).zones).toEqual([]);
  });

  it('says when the node speaks TLS only', async () => {
    const tree = {
      '/etc/resolv.conf': STUB,
      [RESOLVED_FILE]: 'nameserver 9.9.9.9\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNS=9.9.9.9#dns.quad9.net\nDNSOverTLS=yes\n',
    };
    const discovery = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(discovery.upstreams[0]!.endpoint).toEqual({
      transport: 'tls',
      host: '9.9.9.9',
      port: 853,
      serverName: 'dns.quad9.net',
      urlPath: '',
    });
    expect(codes(discovery)).toContain('dns-over-tls');
  });

  it('speaks TLS to the servers of one link, on the port and by the name that it states', async () => {
    const tls = `${vpn['/run/systemd/netif/links/2']}DNS_OVER_TLS=yes\n`;
    const tree = await makeTree({ ...vpn, '/run/systemd/netif/links/2': tls });
    const discovery = await discoverUpstreams(localOptions(tree));
    expect(discovery.upstreams).toEqual([
      found('10.0.0.2', RESOLVED_FILE, {
        transport: 'tls',
        port: 5353,
        serverName: 'dns.corp.example',
        replaces: '127.0.0.53:53',
      }),
    ]);
    expect(discovery.zones[0]!.upstreams[0]!.endpoint.transport).toBe('udp');
  });

  it("leaves a zone's loopback servers out", async () => {
    const tree = {
      ...vpn,
      '/run/systemd/resolve/netif/3': 'SERVERS=127.0.0.1 10.8.0.1\nDOMAINS=~corp.example\n',
    };
    const discovery = await discoverUpstreams(localOptions(await makeTree(tree)));
    expect(discovery.zones.flatMap((zone) => endpoints(zone))).toEqual(['10.8.0.1 53']);
  });
});

describe('rewriteConfigured', () => {
  const upstream = (host: string, port = 53, transport: Transport = 'udp'): Endpoint => ({
    ...plainEndpoint(host, port),
    transport,
  });
  const configured = (endpoint: Endpoint) => ({ endpoint, origin: FROM_CONFIGURATION });
  const tree = { [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' };

  it('replaces a stub and leaves the others in their places', async () => {
    const endpoints = [upstream('10.0.0.9'), upstream('127.0.0.53'), upstream('127.0.0.1', 5353)];
    const result = await rewriteConfigured(endpoints, localOptions(await makeTree(tree)));
    expect(result.upstreams).toEqual([
      configured(endpoints[0]!),
      found('10.0.0.2', RESOLVED_FILE, { replaces: '127.0.0.53:53' }),
      configured(endpoints[2]!),
    ]);
    expect(codes(result)).toEqual(['loopback-rewritten']);
  });

  it('reads nothing when no stub is configured', async () => {
    const endpoints = [
      upstream('127.0.0.53', 5300),
      upstream('127.0.0.53', 53, 'tls'),
      upstream('127.0.0.9'),
    ];
    const result = await rewriteConfigured(endpoints, localOptions(await makeTree(tree)));
    expect(result.upstreams).toEqual(endpoints.map(configured));
    expect(result.files).toEqual([]);
  });

  it('keeps the stub where rewriting is off, or where it has no servers', async () => {
    const endpoints = [upstream('127.0.0.53')];
    const expected = endpoints.map(configured);
    const never = localOptions(await makeTree(tree), { rewriteLoopback: 'never' });
    expect((await rewriteConfigured(endpoints, never)).upstreams).toEqual(expected);
    const bare = await rewriteConfigured(endpoints, localOptions(await makeTree({})));
    expect(bare.upstreams).toEqual(expected);
    expect(codes(bare)).toEqual(['loopback-kept']);
  });

  it('keeps a neighbor in the same pod', async () => {
    const { isForeign: _, ...options } = localOptions(await makeTree({}));
    expect((await rewriteConfigured([upstream('127.0.0.1')], options)).upstreams).toHaveLength(1);
  });

  it('drops a stub that is our own listener', async () => {
    const options = localOptions(await makeTree({}), { listen: [{ host: '127.0.0.1', port: 53 }] });
    const result = await rewriteConfigured([upstream('127.0.0.1')], options);
    expect(result.upstreams).toEqual([]);
    expect(codes(result)).toEqual(['own-address', 'no-upstream']);
  });
});
