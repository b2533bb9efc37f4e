// A search storm (ndots: 5) between programs of glibc and musl and a real CoreDNS with its
// kubernetes plugin: with `search: on` nearly none of it reaches CoreDNS, and every answer is right
// while Services and namespaces appear whose names shadow those of the outside. Everything stands
// on loopback. Needs root for /etc/resolv.conf, gcc, musl-gcc, and Go to build CoreDNS the first
// time.
//
//   NAMES=1000 npx vitest run --config vitest.lab.config.ts test/lab/search-storm.lab.ts
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COREDNS_BINARY, ensureCoredns } from '../../bench/compare/build-coredns.ts';
import { Child } from '../../src/base/child-process.ts';
import { askUdp } from '../kit/dns-client.ts';
import { freePort } from '../kit/free-port.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import { KubernetesApi } from './support/kubernetes-api.ts';

const NAMES = Number(process.env.NAMES ?? 100);
/** Of CoreDNS's kubernetes zone, denials included. */
const TTL_SECONDS = 3;
/** Port 53: resolv.conf cannot name another one. */
const SERVER = '127.91.0.53';
const SEARCH = 'default.svc.cluster.local svc.cluster.local cluster.local';
const OUTSIDE = '192.0.2.1';
const SOURCE = fileURLToPath(new URL('./support/resolve-names.c', import.meta.url));
const COMPILERS = { glibc: ['gcc', '-O1'], musl: ['musl-gcc', '-O1', '-static'] } as const;
type Libc = keyof typeof COMPILERS;

let api: KubernetesApi;
let coredns: Child;
let port: number;
let metricsPort: number;
let outsidePort: number;
let folder: string;
let ending: UnloopProcess | undefined;

beforeAll(async () => {
  ensureCoredns();
  folder = scratchDirectory();
  for (const [libc, command] of Object.entries(COMPILERS)) {
    const [compiler, ...flags] = command;
    execFileSync(compiler, [...flags, '-o', join(folder, libc), SOURCE]);
  }
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${SERVER}\nsearch ${SEARCH}\noptions ndots:5\n`);
  api = await KubernetesApi.start();
  api.addNamespace('default');
  api.addNamespace('prod');
  api.addService('default', 'web', '10.96.0.20');
  api.addService('prod', 'web', '10.96.0.21');
  api.addService('prod', 'db', 'None');
  api.addPods('prod', 'db', [{ hostname: 'db-0', address: '10.244.0.9' }]);
  [port, metricsPort, outsidePort] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(join(folder, 'Corefile'), corefile());
  coredns = new Child([COREDNS_BINARY, '-conf', join(folder, 'Corefile')]);
  await coredns.untilSaid('CoreDNS-', 15_000);
  while ((await rcodeOf('web.default.svc.cluster.local')) !== 0) await sleep(50);
});
afterAll(async () => {
  await coredns?.stop();
  api?.close();
});

function corefile(): string {
  return `cluster.local:${port} {
  bind 127.0.0.1
  kubernetes cluster.local {
    endpoint ${api.url}
    ttl ${TTL_SECONDS}
  }
  prometheus 127.0.0.1:${metricsPort}
}
.:${outsidePort} {
  bind 127.0.0.1
  template IN A . {
    answer "{{ .Name }} 60 IN A ${OUTSIDE}"
  }
  template IN AAAA . {
    authority ". 60 IN SOA a.invalid. b.invalid. 1 2 3 4 60"
  }
}
`;
}

/** Of CoreDNS itself. */
async function rcodeOf(name: string): Promise<number> {
  return (await askUdp(port, { name })).rcode;
}

/** Queries that CoreDNS got for the cluster's zone. */
async function queriesToCoredns(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const lines = text.match(/^coredns_dns_requests_total\{[^}]*zone="cluster\.local\."[^}]*\} \d+$/gm) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function unloopWith(zone: object): Promise<UnloopProcess> {
  return startUnloop({
    config: {
      listen: [`${SERVER}:53`],
      workers: 2,
      upstreams: [`127.0.0.1:${outsidePort}`],
      zones: { 'cluster.local': { upstreams: [`127.0.0.1:${port}`], ...zone } },
    },
  });
}

interface Storm {
  readonly queries: number;
  readonly times: readonly number[];
}

interface Resolved {
  readonly address: string;
  readonly ms: number;
}

/** Resolves names one after the other, as a program of that libc in a pod does. */
async function resolve(libc: Libc, names: readonly string[]): Promise<Map<string, Resolved>> {
  const list = join(folder, 'names');
  writeFileSync(list, `${names.join('\n')}\n`);
  const script = `mount --bind ${join(folder, 'resolv.conf')} /etc/resolv.conf; exec ${join(folder, libc)} < ${list}`;
  const lines: string[][] = [];
  const client = new Child(['unshare', '--mount', 'sh', '-euc', script], {
    onLine: (line) => lines.push(line.split(' ')),
  });
  expect(await client.ended, client.stderr).toBe(0);
  return new Map(lines.map(([name, address, us]) => [name!, { address: address!, ms: Number(us) / 1000 }]));
}

/** Of the outside, and of the cluster as pods spell them. */
const outsideNames = (libc: Libc, run: string) =>
  Array.from(
    { length: NAMES },
    (_, i) => `${libc}-${run}-${i}.${['example.com', 'test.net', 'a.b.org'][i % 3]}`,
  );
const CLUSTER: Readonly<Record<string, string>> = {
  web: '10.96.0.20',
  'web.prod': '10.96.0.21',
  'web.prod.svc.cluster.local': '10.96.0.21',
  'db-0.db.prod': '10.244.0.9',
};

const p99 = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!;

/** Resolves them all; what CoreDNS was asked meanwhile, and how long each name took. */
async function storm(libc: Libc, run: string): Promise<Storm> {
  const names = outsideNames(libc, run);
  const before = await queriesToCoredns();
  const resolved = await resolve(libc, [...names, ...Object.keys(CLUSTER)]);
  const queries = (await queriesToCoredns()) - before;
  const wrong = [...names.map((name) => [name, OUTSIDE] as const), ...Object.entries(CLUSTER)].filter(
    ([name, address]) => resolved.get(name)?.address !== address,
  );
  expect(wrong).toEqual([]);
  return { queries, times: names.map((name) => resolved.get(name)!.ms) };
}

const tell = (mode: string, libc: Libc, { queries, times }: Storm) =>
  console.log(
    `${mode}, ${libc}, ${NAMES} names: ${queries} queries to CoreDNS, p99 ${p99(times).toFixed(2)} ms`,
  );

const LIBCS = ['glibc', 'musl'] as const;
const counted = new Map<Libc, Storm>();

it('a storm is counted with search: report, and goes on', async () => {
  const unloop = await unloopWith({ search: 'report' });
  for (const libc of LIBCS) counted.set(libc, await storm(libc, 'report'));
  for (const [libc, done] of counted) tell('report', libc, done);
  const metrics = await unloop.metrics();
  expect(metrics.value('unloop_search_waste_total')).toBeGreaterThan(NAMES * 3 * LIBCS.length);
  expect(metrics.value('unloop_search_shorter_total')).toBe(0);
  for (const { queries } of counted.values()) expect(queries).toBeGreaterThan(NAMES * 3);
  // Its address is the next one's.
  await unloop.stop();
});

describe('with search: on', () => {
  beforeAll(async () => {
    ending = await unloopWith({ nxdomainCut: true, search: 'on' });
  });
  afterAll(() => ending?.stop());

  it.each(LIBCS)('a program of %s sends CoreDNS less than a fifth of the queries', async (libc) => {
    const done = await storm(libc, 'on');
    tell('on', libc, done);
    expect(done.queries).toBeLessThan(counted.get(libc)!.queries * 0.2);
  });

  it('a Service or namespace that appears is seen within the negative TTL, also where its name shadows one of the outside', async () => {
    // As a pod spells it, what it is of the outside's names, and how it comes to be in the cluster.
    const shadows: readonly [name: string, clusterIP: string, service: string, namespace: string][] = [
      ['api.partner', '10.96.7.1', 'api', 'partner'],
      ['com', '10.96.7.2', 'com', 'default'],
      ['net.prod', '10.96.7.3', 'net', 'prod'],
    ];
    for (const libc of LIBCS) {
      const resolved = await resolve(libc, [...shadows.map(([name]) => name), 'www.com', 'a.net']);
      expect([...resolved.values()].map(({ address }) => address)).toEqual(Array(5).fill(OUTSIDE));
    }
    api.addNamespace('partner');
    for (const [, clusterIP, service, namespace] of shadows) api.addService(namespace, service, clusterIP);
    for (const [, , service, namespace] of shadows) {
      const name = `${service}.${namespace}.svc.cluster.local`;
      await expect.poll(() => rcodeOf(name), { timeout: 15_000 }).toBe(0);
    }
    await sleep(TTL_SECONDS * 1000 + 100);
    for (const libc of LIBCS) {
      const resolved = await resolve(libc, [...shadows.map(([name]) => name), 'www.com', 'a.net']);
      const expected = [...shadows.map(([, clusterIP]) => clusterIP), OUTSIDE, OUTSIDE];
      expect([...resolved.values()].map(({ address }) => address)).toEqual(expected);
    }
  });

  it('a port is found by its SRV record, though CoreDNS denies the name in between', async () => {
    const between = { name: '_tcp.web.prod.svc.cluster.local' };
    expect((await askUdp(53, between, SERVER)).rcode).toBe(3);
    const srv = await askUdp(53, { name: '_http._tcp.web.prod.svc.cluster.local', type: 'SRV' }, SERVER);
    expect([srv.rcode, srv.answers.length]).toEqual([0, 1]);
  });
});
