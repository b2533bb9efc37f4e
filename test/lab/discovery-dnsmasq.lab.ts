// A real dnsmasq on a high loopback port tells which servers it uses; needs the dnsmasq binary,
// sends nothing off the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { discoverUpstreams } from '../../src/discovery/discover.ts';
import { askServersBind } from '../../src/discovery/sources/servers-bind.ts';
import { found, localOptions, makeTree } from '../discovery/temp-tree.ts';

/** A port that was free a moment ago, on UDP. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** Starts dnsmasq and waits until it says that it runs. */
async function startDnsmasq(servers: readonly string[]): Promise<number> {
  const port = await freePort();
  const dnsmasq: ChildProcess = spawn('dnsmasq', [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file',
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--listen-address=127.0.0.1',
    `--port=${port}`,
    ...servers.map((server) => `--server=${server}`),
  ]);
  onTestFinished(async () => {
    if (dnsmasq.exitCode !== null) return;
    dnsmasq.kill();
    await once(dnsmasq, 'exit');
  });
  await new Promise<void>((resolve, reject) => {
    let log = '';
    dnsmasq.stderr!.on('data', (chunk) => {
      log += String(chunk);
      if (log.includes('using nameserver')) resolve();
    });
    dnsmasq.once('exit', (code) => reject(new Error(`dnsmasq ended with ${code}: ${log}`)));
  });
  return port;
}

describe('a real dnsmasq', () => {
  it('names its servers with their ports, IPv6 too', async () => {
    const port = await startDnsmasq(['192.0.2.1', '192.0.2.2#5353', '2001:db8::1']);
    const texts = await askServersBind('127.0.0.1', port, 5000);
    expect(texts?.map((text) => text.split(' ')[0]).sort()).toEqual([
      '192.0.2.1#53',
      '192.0.2.2#5353',
      '2001:db8::1#53',
    ]);
  });

  it("is looked through: its servers take the stub's place, a zone's server stays with its zone", async () => {
    const port = await startDnsmasq(['192.0.2.1', '192.0.2.2#5353', '/corp.example/192.0.2.3']);
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
