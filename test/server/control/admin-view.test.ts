// The data of the admin listener: ready while any route may work; no flush that workers could not
// read.
import { describe, expect, it } from 'vitest';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../../src/metrics/counters.ts';
import { AdminView } from '../../../src/server/control/admin-view.ts';
import { PodNames } from '../../../src/server/control/pod-names.ts';
import type { ServerFacts } from '../../../src/server/control/server-facts.ts';
import { UpstreamConduct } from '../../../src/server/control/upstream-conduct.ts';
import { UpstreamRegistry } from '../../../src/server/control/upstream-registry.ts';
import { UpstreamStates } from '../../../src/server/control/upstream-states.ts';
import { SharedUpstreamState, UpstreamState } from '../../../src/upstream/shared-state.ts';

function view() {
  const { config } = loadConfig({ path: null, overrides: [] });
  const totals = new CounterTotals();
  const state = new SharedUpstreamState();
  const registry = new UpstreamRegistry(state, totals);
  const upstreams = [{ endpoint: plainEndpoint('192.0.2.1'), origin: FROM_CONFIGURATION }];
  const check = { name: '.', type: 'NS' } as const;
  registry.update(['.', 'local'].map((suffix) => ({ suffix, policy: 'random' as const, check, upstreams })));
  const orders: unknown[] = [];
  const answersNow: { value: unknown[] } = { value: [2, 3] };
  const supervisor = {
    running: 1,
    restarts: 0,
    dealtByName: 0,
    queriesByWorker: () => [],
    broadcast: (order: unknown) => {
      orders.push(order);
      return Promise.resolve(answersNow.value);
    },
    ownerOf: () => 0,
    order: () => Promise.resolve(answersNow.value[0]),
  };
  const facts = {
    config,
    totals,
    state,
    registry,
    supervisor,
    listen: [],
    draining: false,
    reloads: { ok: 0, failed: 0, isLastOk: true, lastOkMs: 0 },
    isOnFallback: false,
    refusedClient: null,
    startedAtMs: 0,
    loop: { list: () => [], quarantinedUntilMs: () => null },
    states: new UpstreamStates(registry, state),
    keptCache: { counts: { restored: 0, refused: 0, saved: 0, failed: 0 } },
    pods: {
      counts: null,
      podOf: (client: string) => (client.startsWith('10.1.2.3') ? 'shop/cart' : null),
      named: PodNames.prototype.named,
    },
    watch: {
      conduct: new UpstreamConduct(totals),
      lessons: { lessons: () => [] },
      health: { reasonOf: () => 'network unreachable' },
    },
  };
  const [root, local] = registry.routes.map((route) => route.slot) as [number, number];
  return {
    totals,
    admin: new AdminView(facts as unknown as ServerFacts, false),
    state,
    orders,
    answersNow,
    root,
    local,
  };
}

describe('readiness', () => {
  it('stays true while the upstream that loops for one zone works for another', () => {
    const { admin, state, root, local } = view();
    state.setQuarantined(local, true);
    expect(admin.snapshot().readiness).toEqual({ ready: true, reason: '' });
    state.setQuarantined(root, true);
    expect(admin.snapshot().readiness).toEqual({ ready: false, reason: 'every upstream is quarantined' });
  });

  it('is false while no upstream is up and none has ever answered', () => {
    const { admin, state } = view();
    state.setState(0, UpstreamState.down);
    expect(admin.snapshot().readiness).toEqual({ ready: false, reason: 'every upstream is down' });
  });

  it('stays true in an outage: questions are tried, and the cache answers', () => {
    const { admin, state } = view();
    state.answered(0);
    state.setState(0, UpstreamState.down);
    expect(admin.snapshot().readiness).toEqual({ ready: true, reason: '' });
    expect(admin.snapshot().upstreams).toMatchObject([
      { state: 'down', condition: 'unasked', lastError: 'network unreachable' },
    ]);
  });
});

describe('the condition of an upstream', () => {
  it('is that it answers while it is up, and no longer once it is down', () => {
    const { admin, state, totals } = view();
    const block = createCounterBlock();
    totals.add(block);
    const counters = new Counters(block);
    const conditionNow = () => admin.snapshot().upstreams[0]!.condition;
    counters.upstreamRequest(0);
    expect(conditionNow()).toBe('unheard');
    counters.upstreamDuration(0, 1);
    expect(conditionNow()).toBe('answers');
    state.setState(0, UpstreamState.down);
    expect(conditionNow()).toBe('unheard');
    state.answered(0);
    expect(conditionNow()).toBe('answers');
  });
});

describe('a flush', () => {
  it('of a name or of everything is an order to all workers, whose answers add up', async () => {
    const { admin, orders } = view();
    expect(await admin.flushCache({ name: 'www.example', zone: null })).toBe(5);
    expect(await admin.flushCache({ name: '.', zone: 'local' })).toBe(5);
    expect(await admin.flushCache({ name: null, zone: null })).toBe(5);
    expect(orders).toEqual([
      { type: 'flush', name: 'www.example', zone: '' },
      { type: 'flush', name: '.', zone: 'local' },
      { type: 'flush', name: '', zone: '' },
    ]);
  });

  it.each(['a\\999.example', 'a\\', 'a..example'])('of %o never reaches a worker', async (name) => {
    const { admin, orders } = view();
    await expect(admin.flushCache({ name, zone: null })).rejects.toMatchObject({ code: 'UNLOOP_USAGE' });
    expect(orders).toEqual([]);
  });
});

describe('a listing', () => {
  const scope = { name: null, type: null, zone: null, limit: 2 };

  it('has the entries of all workers by name, and says when there are more', async () => {
    const { admin, orders, answersNow } = view();
    const entry = (name: string) => ({ name, type: 'A' });
    answersNow.value = [[entry('c.'), entry('a.')], 0, [entry('b.')]];
    expect(await admin.listCache(scope)).toEqual({ entries: [entry('a.'), entry('b.')], more: true });
    expect((await admin.listCache({ ...scope, limit: 3 })).more).toBe(false);
    await admin.listCache({ ...scope, name: 'a', type: 'aaaa', zone: 'local' });
    expect(orders.at(-1)).toEqual({
      type: 'list-cache',
      wanted: { name: 'a', qtype: 28, zone: 'local', limit: 3 },
    });
    await admin.listCache({ ...scope, type: 'TYPE65280' });
    expect(orders.at(-1)).toMatchObject({ wanted: { qtype: 65_280 } });
  });

  it.each([
    { type: 'AAAAA' },
    { type: 'TYPE0' },
    { type: 'TYPE65536' },
    { type: 'toString' },
    { zone: 'nowhere.example' },
    { name: 'a\\999.example' },
  ])('of %o never reaches a worker', async (wrong) => {
    const { admin, orders } = view();
    await expect(admin.listCache({ ...scope, ...wrong })).rejects.toMatchObject({ code: 'UNLOOP_USAGE' });
    expect(orders).toEqual([]);
  });
});

describe('clients that are pods', () => {
  it('are shown with their names, others without', async () => {
    const { admin, answersNow } = view();
    const counted = ['10.1.2.3', '10.1.2.4'].map((key, i) => ({ key, slot: -1, count: 9 - i }));
    const lists = { names: [], searchDomains: [], failingNames: [] };
    const report = {
      sinceMs: 1,
      ...lists,
      clients: counted,
      nxdomainClients: counted,
      searchClients: counted,
    };
    answersNow.value = [report];
    const shown = [
      { client: '10.1.2.3', queries: 9, pod: 'shop/cart' },
      { client: '10.1.2.4', queries: 8 },
    ];
    expect(await admin.top(10)).toMatchObject({
      names: [],
      clients: shown,
      nxdomainClients: shown,
      searchClients: shown,
    });

    const kept = { client: '10.1.2.3:40123', durationMs: 5, at: '2026-12-01T03:00:00.000Z' };
    answersNow.value = [{ slow: [kept], failed: [kept] }];
    const named = [{ ...kept, pod: 'shop/cart' }];
    expect([await admin.slowQueries(10), await admin.failedQueries(10)]).toEqual([named, named]);

    const client = { address: '10.1.2.3', allowed: true };
    answersNow.value = [{ summary: 'well', client, cache: { state: 'fresh' } }];
    const question = { name: 'a.example', type: 'A', client: '10.1.2.3', dryRun: true };
    expect(await admin.explain(question)).toMatchObject({ client: { ...client, pod: 'shop/cart' } });
  });
});

it('rejects when a worker cannot explain a query, with what the worker says', async () => {
  const { admin, answersNow } = view();
  answersNow.value = [{ failure: 'TypeError: a defect' }];
  const question = { name: 'a.example', type: 'A', client: '127.0.0.1', dryRun: true };
  await expect(admin.explain(question)).rejects.toThrow(
    'a.example could not be explained: TypeError: a defect',
  );
});
