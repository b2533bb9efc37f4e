// The column `reload` of the settings, on a running server: what is `live` leaves the workers as
// they are, and so their cache; what is `worker` brings new ones, with an empty cache; what is
// `restart` stays as it was.
import { expect, it } from 'vitest';
import { SETTINGS } from '../../../src/config/schema.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamSaying } from './scene.ts';

/** Another value than the one in force, as it stands in the file. */
const OTHER: Readonly<Record<string, unknown>> = {
  workers: 1,
  'discovery.resolvConf': '/nowhere/resolv.conf',
  'discovery.root': '/nowhere',
  'discovery.rewriteLoopback': 'never',
  'forward.policy': 'fastest',
  'forward.deadline': '1700ms',
  'forward.maxInFlight': 5000,
  'forward.race': 2,
  'forward.next': ['REFUSED'],
  'forward.hedge': 'off',
  'forward.healthCheck.interval': '600ms',
  'forward.healthCheck.maxFails': 3,
  'forward.healthCheck.name': 'example.com',
  'forward.healthCheck.type': 'A',
  'cache.maxEntries': 5000,
  'cache.maxBytes': '1MiB',
  'cache.file': '/nowhere/cache',
  'cache.minTtl': '1s',
  'cache.maxTtl': '2d',
  'cache.maxNegativeTtl': '10m',
  'cache.failureTtl': '6s',
  'cache.serveStale.maxAge': '2h',
  'cache.serveStale.ttl': '31s',
  'cache.serveStale.after': '1400ms',
  'cache.prefetch.hits': 4,
  'cache.prefetch.remaining': '11%',
  'loop.tag': 'never',
  'loop.case': false,
  'loop.clusterKey': 'a secret that is long enough',
  'loop.ring': 'another',
  'loop.maxHops': 7,
  'loop.probe.onStart': true,
  'loop.probe.interval': '1h',
  'loop.quarantine.min': '2s',
  'loop.quarantine.max': '50s',
  'limits.perClientQps': 100_000,
  'limits.perClientWaiting': 1500,
  'limits.tcpConnections': 500,
  'limits.tcpIdle': '9s',
  'limits.allow': ['127.0.0.0/8'],
  'limits.deny': ['192.0.2.0/24'],
  'limits.rebindExceptions': ['home.arpa'],
  'identity.version': true,
  'identity.name': 'node-7',
  'admin.coredns': true,
  'admin.token': 'another-secret-that-is-long',
  'log.level': 'debug',
  'log.format': 'text',
  'log.queries': true,
  'log.queryFilter.zones': ['corp.example'],
  'log.queryFilter.clients': ['10.0.0.0/8'],
  'log.queryFilter.rcodes': ['REFUSED'],
  'log.queryFilter.slowerThan': '30s',
  'log.queryFilter.sample': 7,
  'dnstap.output': 'unix:/nowhere/dnstap.sock',
  'dnstap.messages': ['client'],
  'dnstap.identity': 'node-7',
  'kubernetes.pods': true,
  'kubernetes.node': 'node-7',
  'kubernetes.serviceAccount': '/nowhere',
  'local.specialNames': false,
  'local.any': 'minimal',
  'local.records': ['db.internal A 10.0.0.9'],
  'local.hosts': ['/etc/hosts'],
  'local.ttl': '61s',
  lameduck: '1ms',
  takeOver: true,
};
/**
 * Seen elsewhere: upstreams and zones (an answer of other servers is no longer used), admin.listen
 * (reload.test.ts), listen (below); and protection against rebinding, which forgets what was let
 * pass before.
 */
const ELSEWHERE = /^(listen|upstreams|zones\..*|admin\.listen|limits\.rebindProtection)$/;

type Nested = Record<string, unknown>;

/** The configuration with one more setting. */
function withSetting(config: Nested, path: string, value: unknown): Nested {
  const [key, ...rest] = path.split('.') as [string, ...string[]];
  if (rest.length === 0) return { ...config, [key]: value };
  return { ...config, [key]: withSetting((config[key] ?? {}) as Nested, rest.join('.'), value) };
}

async function scene(config: Nested = {}) {
  const upstream = await upstreamSaying('192.0.2.1');
  const base: Nested = { upstreams: [upstream.text], workers: 2, loop: QUIET_LOOP, ...config };
  const unloop = await startUnloop({ config: base });
  const reloads = () => unloop.log.filter(({ msg }) => msg === 'the configuration was reloaded');
  let name = 0;
  return {
    base,
    unloop,
    /** Puts a configuration into force; the changes that the log names. */
    reload: async (next: Nested): Promise<string[]> => {
      const known = reloads().length;
      unloop.writeConfig(next);
      await unloop.waitForLog(() => reloads().length > known);
      return reloads()[known]!.changes as string[];
    },
    /** All workers know the answer; returns whether they still do after `change`. */
    keepsCache: async (change: () => Promise<unknown>): Promise<boolean> => {
      const question = { name: `n${name++}.example` };
      // Which worker answers is the kernel's choice, by the client's port.
      for (let i = 0; i < 24; i++) await askUdp(unloop.port, question);
      // Probes for loops come to the upstream too.
      const timesAsked = () =>
        upstream.queries.filter((query) => query.name.toLowerCase() === question.name).length;
      const asked = timesAsked();
      expect(asked).toBeGreaterThan(0);
      await change();
      for (let i = 0; i < 8; i++) await askUdp(unloop.port, question);
      return timesAsked() === asked;
    },
  };
}

const rows = SETTINGS.filter(({ path, fileOf }) => fileOf === undefined && !ELSEWHERE.test(path));

it('names a value for every setting', () => {
  expect(rows.map(({ path }) => path).sort()).toEqual(Object.keys(OTHER).sort());
});

it('live: all of them at once leave the workers and their cache', async () => {
  const { base, reload, keepsCache } = await scene();
  let next = base;
  const live = rows.filter((setting) => setting.reload === 'live').map(({ path }) => path);
  for (const path of live) next = withSetting(next, path, OTHER[path]);
  let changes: string[] = [];
  expect(
    await keepsCache(async () => {
      changes = await reload(next);
    }),
  ).toBe(true);
  // The log names the first twenty.
  expect(changes).toHaveLength(21);
  expect(changes.at(-1)).toBe(`and ${live.length - 20} more`);
});

it('worker: each of them brings new ones', async () => {
  const { base, reload, keepsCache } = await scene();
  const seen: [string, boolean][] = [];
  const worker = rows.filter((setting) => setting.reload === 'worker').map(({ path }) => path);
  let next = base;
  for (const path of worker) {
    next = withSetting(next, path, OTHER[path]);
    const kept = await keepsCache(async () => {
      const changes = await reload(next);
      expect(changes).toEqual([expect.stringMatching(new RegExp(`^${path}: `))]);
    });
    seen.push([path, kept]);
  }
  expect(seen).toEqual(worker.map((path) => [path, false]));
}, 120_000);

it('worker: listen brings new ones', async () => {
  const [one, other] = [await freePort(), await freePort()];
  const { base, unloop, reload, keepsCache } = await scene({ listen: [`127.0.0.1:${one}`] });
  const kept = await keepsCache(async () => {
    await reload({ ...base, listen: [`127.0.0.1:${other}`] });
    unloop.port = other;
  });
  expect(kept).toBe(false);
});

it('restart: another format of the log is for the next start', async () => {
  const { base, unloop, reload } = await scene({ log: { format: 'json' } });
  const changes = await reload(withSetting(base, 'log.format', 'text'));
  expect(changes).toEqual(['log.format: json → text (takes effect at the next start)']);
  await reload(withSetting(withSetting(base, 'log.format', 'text'), 'forward.deadline', '1s'));
  expect(unloop.otherOutput).toEqual([]);
});
