import { describe, expect, it } from 'vitest';
import { formatEndpoint } from '../../../src/base/endpoint.ts';
import { NodeFiles } from '../../../src/discovery/node-files.ts';
import { readResolvedConf } from '../../../src/discovery/sources/resolved-conf.ts';
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

describe('the stub listener', () => {
  it('answers on the extra addresses of its configuration, those of TCP alone left out', async () => {
    const conf =
      '[Resolve]\nDNSStubListenerExtra=10.0.0.1\nDNSStubListenerExtra=\nDNSStubListenerExtra=udp:10.0.0.5\n' +
      'DNSStubListenerExtra=[fd00::53]:5353\nDNSStubListenerExtra=tcp:10.0.0.6\n';
    const { stubListenerExtra } = await readResolvedConf(
      new NodeFiles(await makeTree({ '/etc/systemd/resolved.conf': conf })),
    );
    expect(stubListenerExtra).toEqual([
      { address: '10.0.0.5', port: 53 },
      { address: 'fd00::53', port: 5353 },
    ]);
  });
});
