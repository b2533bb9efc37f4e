// What the table of settings says of a reload is what a worker does: it takes some values at its
// birth only, the others again with each order `config`.
import { expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { SETTINGS } from '../../../src/config/schema.ts';
import { createKeyMaterial } from '../../../src/loop/keys.ts';
import { SentQuestions } from '../../../src/loop/sent-questions.ts';
import { createCounterBlock } from '../../../src/metrics/counters.ts';
import { createClientRates } from '../../../src/pipeline/client-rates.ts';
import { DataPlane } from '../../../src/server/worker/data-plane.ts';
import { HeartbeatWatch } from '../../../src/server/worker/heartbeat.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';

/** Given to a worker beside its configuration, at its birth. */
const BESIDE = ['listen', 'workers', 'loop.clusterKey', 'loop.ring'];

const nameInConfig = new Map(SETTINGS.map(({ path, type }) => [path + type.unitSuffix, path]));

/** The same configuration; `read` gets the path of every setting and group that is looked at. */
function watched<T extends object>(value: T, read: Set<string>, prefix = ''): T {
  return new Proxy(value, {
    get(target, key) {
      const path = `${prefix}${String(key)}`;
      const found: unknown = Reflect.get(target, key);
      read.add(nameInConfig.get(path) ?? path);
      const isGroup = typeof found === 'object' && found !== null && !Array.isArray(found);
      return isGroup ? watched(found, read, `${path}.`) : found;
    },
  });
}

async function readings(): Promise<{ birth: Set<string>; order: Set<string> }> {
  const { config } = loadConfig({ path: null, environment: {} });
  // Whoever has nothing to tell reads no more of these.
  const talkative: Config = {
    ...config,
    identity: { version: true, name: 'node-7' },
    log: { ...config.log, level: 'fatal' },
    limits: { ...config.limits, rebindProtection: true },
  };
  const [birth, order] = [new Set<string>(), new Set<string>()];
  const plane = await DataPlane.open(
    {
      workers: 1,
      config: watched(talkative, birth),
      routing: { upstreams: [], zones: [{ suffix: '.', partition: 0, policy: 'random', routes: [] }] },
      counterBlock: createCounterBlock(),
      heartbeat: new HeartbeatWatch(0).buffer,
      upstreamState: new SharedUpstreamState().buffer,
      sentQuestions: new SentQuestions().buffer,
      clientRates: createClientRates(),
      loopKeys: createKeyMaterial('', 'default'),
      listen: [{ host: '127.0.0.1', port: 0 }],
      reusePort: false,
      deal: null,
    },
    () => {},
  );
  await plane.take({ type: 'config', id: 1, config: watched(talkative, order) });
  await plane.take({ type: 'drain', id: 2, graceMs: 0, keepBytes: 0 });
  return { birth, order };
}

it('a worker gets only what needs new workers at its start, and the rest with each reload', async () => {
  const { birth, order } = await readings();
  const classOf = new Map(SETTINGS.map(({ path, reload }) => [path, reload]));
  expect(order.size).toBeGreaterThan(5);
  for (const path of birth) {
    if (!classOf.has(path)) continue;
    const expected = order.has(path) ? 'live' : 'worker';
    // All of the cache is made again, this one with it.
    if (path !== 'cache.serveStale.after') expect([path, classOf.get(path)]).toEqual([path, expected]);
  }
  for (const path of order) expect(birth).toContain(path);
  for (const { path, reload, fileOf } of SETTINGS) {
    if (reload !== 'worker' || fileOf !== undefined || BESIDE.includes(path)) continue;
    // Groups below `cache` are handed on whole.
    const group = path.slice(0, path.lastIndexOf('.'));
    expect([path, birth.has(path) || (group.includes('.') && birth.has(group))]).toEqual([path, true]);
  }
});
