// Real CoreDNS, and kube-dns's dnsmasq, with unloop between them and their upstream: clients get
// what they got without it. Everything stands on loopback. Needs NSD, dnsmasq, BIND's tools, and Go
// to build CoreDNS the first time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COREDNS_BINARY, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { type RealServer, runServer, signZone, startDnsmasq, startNsd } from '../support/real-server.ts';
import { askAll, differences } from './comparison.ts';
import { PLAIN_ORIGIN, QUESTIONS, SIGNED_ORIGIN, zoneText } from './questions.ts';

const CLUSTER_KEY = 'a key that the replicas of the lab share';
const WHO = { name: `who.${PLAIN_ORIGIN}`, type: 'TXT' };

interface Coredns extends RealServer {
  readonly metricsPort: number;
  /** Takes over another Corefile: SIGUSR1, as its reload plugin does when the ConfigMap changes. */
  use(forward: string): Promise<void>;
}

/**
 * CoreDNS with a `forward` directive, as the Corefile of a cluster has it; `cache` is left out so
 * that each query is passed on.
 */
async function startCoredns(forward: string): Promise<Coredns> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const file = join(scratchDirectory(), 'Corefile');
  const write = (directive: string) =>
    writeFileSync(
      file,
      `.:${port} {\n  bind 127.0.0.1\n  errors\n  loop\n  prometheus 127.0.0.1:${metricsPort}\n  ${directive}\n}\n`,
    );
  write(forward);
  const server = await runServer({
    name: 'CoreDNS',
    command: COREDNS_BINARY,
    args: ['-conf', file],
    address: '127.0.0.1',
    port,
    readyName: PLAIN_ORIGIN,
  });
  const use = async (directive: string) => {
    const loads = () => server.output().split('CoreDNS-').length;
    const before = loads();
    const reloads = () => server.output().split('Reloading complete').length;
    const reloadsBefore = reloads();
    write(directive);
    process.kill(server.pid, 'SIGUSR1');
    while (loads() === before && reloads() === reloadsBefore) await sleep(20);
  };
  return { ...server, metricsPort, use };
}

/** Health checks that failed, over all upstreams. */
async function failedChecks(coredns: Coredns): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${coredns.metricsPort}/metrics`)).text();
  const lines = text.match(/^coredns_\w+_healthcheck_(failures|broken)_total\S* \d+$/gm) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function unloopAt(
  address: string,
  port: number,
  upstream: RealServer,
  config: object = {},
): Promise<UnloopProcess> {
  return startUnloop({
    config: {
      listen: [`${address}:${port}`],
      workers: 1,
      upstreams: [`127.0.0.1:${upstream.port}`],
      ...config,
    },
  });
}

let nsd: RealServer;
let alone: Coredns;
let expected: string[];

beforeAll(async () => {
  ensureCoredns();
  nsd = await startNsd([signZone(zoneText(SIGNED_ORIGIN)), zoneText(PLAIN_ORIGIN)], { minimal: true });
  alone = await startCoredns(`forward . 127.0.0.1:${nsd.port}`);
  expected = await askAll(alone, QUESTIONS);
}, 600_000);
afterAll(async () => {
  await alone.stop();
  await nsd.stop();
});

describe('the questions', () => {
  it('are many, and their answers of every kind', () => {
    expect(QUESTIONS.length).toBeGreaterThanOrEqual(200);
    const count = (isIt: (text: string) => boolean) => expected.filter(isIt).length;
    expect(count((text) => text.includes('"rcode":3'))).toBeGreaterThan(10);
    expect(count((text) => text.includes('"truncated":true'))).toBeGreaterThan(10);
    expect(count((text) => text.includes('rrsig'))).toBeGreaterThan(50);
    expect(count((text) => text.includes('nsec'))).toBeGreaterThan(10);
    expect(count((text) => text.includes('"rcode":0') && text.includes('"sections":[[]'))).toBeGreaterThan(
      10,
    );
  });
});

describe.each([
  { shape: 'sidecar', addresses: ['127.0.0.1'], config: {} },
  { shape: 'node-local', addresses: ['127.0.0.20'], config: {} },
  {
    shape: 'cluster-wide',
    addresses: ['127.0.0.21', '127.0.0.22'],
    config: { loop: { clusterKey: CLUSTER_KEY } },
  },
])('as $shape', ({ addresses, config }) => {
  it('answers are those of CoreDNS alone, and its health checks are content', async () => {
    const targets: string[] = [];
    const unloops: UnloopProcess[] = [];
    for (const address of addresses) {
      const port = await freePort(address);
      targets.push(`${address}:${port}`);
      unloops.push(await unloopAt(address, port, nsd, config));
    }
    const coredns = await startCoredns(`forward . ${targets.join(' ')} {\n    health_check 0.5s\n  }`);
    // Once from the upstream and once from unloop's cache.
    for (const time of ['first', 'again']) {
      const actual = await askAll(coredns, QUESTIONS);
      expect(differences(QUESTIONS, expected, actual), time).toEqual([]);
    }
    expect(await failedChecks(coredns)).toBe(0);
    for (const unloop of unloops) {
      const metrics = await unloop.metrics();
      expect(metrics.value('unloop_queries_total')).toBeGreaterThan(100);
      expect(metrics.value('unloop_loop_detected_total')).toBe(0);
    }
    await coredns.stop();
    for (const unloop of unloops) expect(await unloop.stop()).toBe(0);
  });
});

it('kube-dns’s dnsmasq before unloop answers as it does alone', async () => {
  // As kube-dns starts it.
  const front = (port: number) =>
    startDnsmasq(['--cache-size=1000', '--no-negcache', '--dns-loop-detect', `--server=127.0.0.1#${port}`]);
  const port = await freePort();
  const unloop = await unloopAt('127.0.0.1', port, nsd);
  const [direct, through] = [await front(nsd.port), await front(port)];
  // One after the other: what dnsmasq has in its cache then is the same.
  for (const time of ['first', 'again']) {
    const want = await askAll(direct, QUESTIONS, 1);
    const got = await askAll(through, QUESTIONS, 1);
    expect(differences(QUESTIONS, want, got), time).toEqual([]);
  }
  expect((await unloop.metrics()).value('unloop_queries_total')).toBeGreaterThan(100);
});

describe('adding and removing it', () => {
  const who = async (port: number) =>
    JSON.stringify(
      (await askUdp(port, WHO)).answers.map((record) => 'data' in record && String(record.data)),
    );

  it('CoreDNS falls back to the second upstream when unloop dies, and returns when it is back', async () => {
    const second = await startNsd([zoneText(PLAIN_ORIGIN, 'second')]);
    const port = await freePort();
    const unloop = await unloopAt('127.0.0.1', port, nsd);
    const coredns = await startCoredns(
      `forward . 127.0.0.1:${port} 127.0.0.1:${second.port} {\n    policy sequential\n    health_check 0.5s\n  }`,
    );
    expect(await who(coredns.port)).toContain('first');
    await unloop.kill();
    // Not one without an answer.
    for (let i = 0; i < 100; i++) {
      expect(await who(coredns.port)).toContain('second');
      await sleep(10);
    }
    expect(await failedChecks(coredns)).toBeGreaterThan(0);
    await unloopAt('127.0.0.1', port, nsd);
    await expect.poll(() => who(coredns.port), { timeout: 40_000 }).toContain('first');
  });

  it('without it everything is as it was', async () => {
    const questions = QUESTIONS.slice(0, 60);
    const before = `forward . 127.0.0.1:${nsd.port}`;
    const coredns = await startCoredns(before);
    const port = await freePort();
    const unloop = await unloopAt('127.0.0.1', port, nsd);
    const asked = async () => (await unloop.metrics()).value('unloop_queries_total');
    await coredns.use(`forward . 127.0.0.1:${port}`);
    expect(differences(questions, expected, await askAll(coredns, questions))).toEqual([]);
    const whileInPlace = await asked();
    expect(whileInPlace).toBeGreaterThan(0);
    await coredns.use(before);
    expect(await unloop.stop()).toBe(0);
    expect(differences(questions, expected, await askAll(coredns, questions))).toEqual([]);
  });
});
