// A real dnsmasq on a high loopback port tells which servers it uses; needs the dnsmasq binary,
// sends nothing off the machine.
import { describe, expect, it, onTestFinished } from 'vitest';
import { today } from '../../bench/compare/today.ts';
import { Child } from '../../src/base/child-process.ts';
import { discoverUpstreams } from '../../src/discovery/discover.ts';
import { askServersBind } from '../../src/discovery/sources/servers-bind.ts';
import { found, localOptions, makeTree } from '../discovery/temp-tree.ts';
import { freePort } from '../kit/free-port.ts';
import { dnsmasqArguments } from './support/real-server.ts';

/** Starts dnsmasq with these servers, none of which answers; its port. */
async function start(servers: readonly string[]): Promise<number> {
  const port = await freePort();
  const flags = servers.map((server) => `--server=${server}`);
  const dnsmasq = new Child([today('dnsmasq').command, ...dnsmasqArguments('127.0.0.1', port), ...flags]);
  onTestFinished(() => dnsmasq.kill());
  await dnsmasq.untilSaid('using nameserver', 40_000);
  return port;
}

describe('a real dnsmasq', () => {
  it('names its servers with their ports, IPv6 too', async () => {
    const port = await start(['192.0.2.1', '192.0.2.2#5353', '2001:db8::1']);
    const texts = await askServersBind('127.0.0.1', port, 5000);
    expect(texts?.map((text) => text.split(' ')[0]).sort()).toEqual([
      '192.0.2.1#53',
      '192.0.2.2#5353',
      '2001:db8::1#53',
    ]);
  });

  it("is looked through: its servers take the stub's place, a zone's server stays with its zone", async () => {
    const port = await start(['192.0.2.1', '192.0.2.2#5353', '/corp.example/192.0.2.3']);
    const root = await makeTree({
      '/etc/resolv.conf': 'nameserver 127.0.0.1\n',
      '/etc/dnsmasq.d/corp.conf': 'server=/corp.example/192.0.2.3\n',
    });
    const discovery = await discoverUpstreams(
      localOptions(root, { askServersBind: (address) => askServersBind(address, port, 5000) }),
    );
    const texts = discovery.upstreams.map(({ endpoint }) => `${endpoint.host} ${endpoint.port}`);
    expect(texts.sort()).toEqual(['192.0.2.1 53', '192.0.2.2 5353']);
    expect(discovery.zones).toEqual([
      {
        suffix: 'corp.example',
        upstreams: [found('192.0.2.3', '/etc/dnsmasq.d/corp.conf')],
      },
    ]);
  });
});
