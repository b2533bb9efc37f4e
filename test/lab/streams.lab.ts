// Connections toward real servers: names that nobody answers behind dnsdist (DoT and DoH, as it
// comes) and CoreDNS (DoH), a dnsmasq that is 30 ms away, and one that serves one connection at a
// time.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { later } from '../kit/actions.ts';
import { answer } from '../kit/answers.ts';
import { askUdp, queryBytes, UdpClient } from '../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { startDnsmasq } from './support/real-server.ts';
import { StreamServers } from './support/stream-servers.ts';

const RUN_MS = 8000;
const HONEST_PER_SECOND = 10;
/** From unloop to the distant server, and back. */
const DISTANCE_MS = 15;

let backend: ScriptedUpstream;
let servers: StreamServers;

beforeAll(async () => {
  backend = await startScriptedUpstream((query) =>
    /^silent/i.test(query.name) ? undefined : later(5, answer(query)),
  );
  servers = await StreamServers.before(backend.port);
});
afterAll(() => backend.close());

function unloopToward(upstreams: readonly string[]) {
  return startUnloop({
    env: { NODE_EXTRA_CA_CERTS: servers.caPath },
    config: { workers: 1, upstreams, loop: { probe: { onStart: false, interval: '0s' } } },
  });
}

/** Honest questions lost beside so many silent names a second. */
async function countLost(upstream: string, silentPerSecond: number) {
  const unloop = await unloopToward([upstream]);
  const attacker = await UdpClient.open(unloop.port, '127.0.0.1', '127.0.0.2');
  const honest = await UdpClient.open(unloop.port);
  const run = `${silentPerSecond}.${unloop.port}.example`;
  const startMs = performance.now();
  let asked = 0;
  for (let silent = 0; performance.now() - startMs < RUN_MS; await sleep(20)) {
    const seconds = (performance.now() - startMs) / 1000;
    for (; silent < seconds * silentPerSecond; silent++)
      attacker.send(queryBytes({ name: `silent${silent}.${run}`, id: silent }));
    for (; asked < seconds * HONEST_PER_SECOND; asked++)
      honest.send(queryBytes({ name: `honest${asked}.${run}`, id: asked }));
  }
  let lost = 0;
  for (let i = 0; i < asked; i++) if (((await honest.receive()).readUInt16BE(2) & 15) !== 0) lost++;
  attacker.close();
  honest.close();
  await unloop.stop();
  return lost;
}

/** Names that nobody answers behind a server. */
interface SilentNames {
  readonly server: 'dnsdist' | 'CoreDNS';
  readonly over: 'TLS' | 'HTTPS';
  readonly perSecond: number;
}

const SILENT_NAMES: readonly SilentNames[] = [
  { server: 'dnsdist', over: 'TLS', perSecond: 3 },
  { server: 'dnsdist', over: 'TLS', perSecond: 30 },
  { server: 'dnsdist', over: 'HTTPS', perSecond: 30 },
  { server: 'CoreDNS', over: 'HTTPS', perSecond: 60 },
];

describe('names that nobody answers', () => {
  const lost = new Map<SilentNames, { readonly beside: number; readonly alone: number }>();
  // All at once, each with a server of its own: they mostly wait.
  beforeAll(async () => {
    const started: (() => Promise<void>)[] = [];
    for (const row of SILENT_NAMES) {
      const server = await (row.server === 'dnsdist' ? servers.startDnsdist() : servers.startCoredns());
      const upstream = row.over === 'TLS' ? server.tls : server.https;
      started.push(async () => {
        const [beside, alone] = await Promise.all([
          countLost(upstream, row.perSecond),
          countLost(upstream, 0),
        ]);
        lost.set(row, { beside, alone });
        await server.stop();
      });
    }
    await Promise.all(started.map((run) => run()));
  });

  it.each(
    SILENT_NAMES,
  )('$perSecond a second behind $server over $over cost an honest client nothing', (row) => {
    const { beside, alone } = lost.get(row)!;
    console.log(
      `${row.server} over ${row.over}: ${beside} lost beside ${row.perSecond} silent names a second, ${alone} without`,
    );
    expect(beside).toBeLessThanOrEqual(alone);
  });
});

/** A way to a TCP server that takes so long. */
async function startDistance(port: number): Promise<number> {
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => setTimeout(() => to.write(chunk), DISTANCE_MS));
      from.on('end', () => setTimeout(() => to.end(), DISTANCE_MS));
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

/** Asks so many at once; returns how many were answered. */
async function burst(port: number, names: readonly string[]): Promise<number> {
  const client = await UdpClient.open(port);
  for (const [id, name] of names.entries()) client.send(queryBytes({ name, id }));
  let good = 0;
  for (const _ of names) if (((await client.receive()).readUInt16BE(2) & 15) === 0) good++;
  client.close();
  return good;
}

describe('dnsmasq', () => {
  it.each([30, 80])('30 ms away answers %i questions at once over TCP', async (count) => {
    const dnsmasq = await startDnsmasq(['--address=/near.example/192.0.2.1']);
    const port = await startDistance(dnsmasq.port);
    const unloop = await unloopToward([`tcp://127.0.0.1:${port}`]);
    const names = Array.from({ length: count }, (_, i) => `n${i}.near.example`);
    expect(await burst(unloop.port, names)).toBe(count);
    await unloop.stop();
  });

  it('that serves one connection at a time is not kept from anything by one of ours that is idle', async () => {
    const large = Array.from(
      { length: 40 },
      (_, i) => `--txt-record=large.near.example,${i}${'x'.repeat(200)}`,
    );
    const dnsmasq = await startDnsmasq(['--no-daemon', '--address=/near.example/192.0.2.1', ...large]);
    const unloop = await unloopToward([`127.0.0.1:${dnsmasq.port}`]);
    // Its answer does not fit: TC, then TCP.
    expect(await askUdp(unloop.port, { name: 'large.near.example', type: 'TXT' })).toMatchObject({
      rcode: 0,
    });
    let good = 0;
    for (let i = 0; i < 50; i++) {
      if ((await askUdp(unloop.port, { name: `n${i}.near.example` })).rcode === 0) good++;
      await sleep(20);
    }
    expect(good).toBe(50);
    // Kept from them, each question of the first seconds is answered at its second or third try
    // only.
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_upstream_failures_total', { reason: 'timeout' })).toBeLessThan(10);
    await unloop.stop();
  });
});
