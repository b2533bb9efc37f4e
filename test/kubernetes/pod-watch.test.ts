// The watch of pods, against a scripted API server over HTTPS.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { PodWatch, type PodWatchOptions } from '../../src/kubernetes/pod-watch.ts';
import type { WatchFailure } from '../../src/kubernetes/watch-failure.ts';
import { createTestCertificate } from '../kit/certificates.ts';
import { ScriptedApiServer } from '../kit/scripted-api-server.ts';

let api: ScriptedApiServer;
beforeEach(async () => {
  api = await ScriptedApiServer.start();
});

function start(options: Partial<PodWatchOptions> = {}) {
  const failures: WatchFailure[] = [];
  const told = { recoveries: 0, full: [] as number[] };
  const watch = new PodWatch({
    node: '',
    serviceAccount: api.folder,
    environment: api.env,
    onFailure: (failure) => failures.push(failure),
    onRecovery: () => told.recoveries++,
    onFull: (maxPods) => told.full.push(maxPods),
    pauses: { firstMs: 20, maxMs: 50 },
    ...options,
  });
  const ended = watch.run();
  onTestFinished(async () => {
    watch.stop();
    await ended;
  });
  return { watch, failures, told };
}

const soon = (what: () => unknown) => expect.poll(what, { interval: 10 });

describe('a watch of pods', () => {
  it('lists in pages, and follows what comes, changes and goes', async () => {
    for (let i = 0; i < 250; i++) api.put('many', `pod-${i}`, { ips: [`10.2.0.${i}`] });
    api.put('kube-system', 'proxy', { ips: ['192.0.2.1'], hostNetwork: true });
    const { watch, failures } = start();
    await soon(() => api.openWatches).toBe(1);
    expect(watch.known).toBe(250);
    expect(watch.podOf('10.2.0.249')).toBe('many/pod-249');
    expect(watch.podOf('192.0.2.1')).toBeNull();
    const pages = api.requests.filter(({ query }) => !query.has('watch'));
    expect(pages.map(({ query }) => [query.get('limit'), query.get('continue')])).toEqual([
      ['100', null],
      ['100', '100'],
      ['100', '200'],
    ]);

    api.put('shop', 'cart', { ips: ['10.1.2.3', '2001:db8::3'] });
    await soon(() => watch.podOf('2001:db8::3')).toBe('shop/cart');
    api.put('shop', 'cart', { ips: ['10.1.2.4'] });
    await soon(() => watch.podOf('10.1.2.4')).toBe('shop/cart');
    expect(watch.podOf('10.1.2.3')).toBeNull();
    api.remove('shop', 'cart');
    await soon(() => watch.podOf('10.1.2.4')).toBeNull();
    expect({ failures, count: watch.failures, lists: api.lists }).toEqual({
      failures: [],
      count: 0,
      lists: 1,
    });
    expect(watch.lastOkMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it('asks for the pods of one node only', async () => {
    api.put('shop', 'here', { ips: ['10.1.2.3'], node: 'node-7' });
    api.put('shop', 'there', { ips: ['10.1.2.4'], node: 'node-8' });
    const { watch } = start({ node: 'node-7' });
    await soon(() => api.openWatches).toBe(1);
    expect([watch.known, watch.podOf('10.1.2.3')]).toEqual([1, 'shop/here']);
    for (const { query } of api.requests) expect(query.get('fieldSelector')).toBe('spec.nodeName=node-7');
  });

  it('goes on after an end or a lost connection where it was, by bookmarks too, without a word', async () => {
    const { watch, failures, told } = start();
    await soon(() => api.openWatches).toBe(1);
    api.bookmark();
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    await soon(() => watch.podOf('10.1.2.3')).toBe('shop/a');
    api.endWatches();
    api.put('shop', 'c', { ips: ['10.1.2.5'] });
    // Told by the next watch, which is open at both ends then.
    await soon(() => watch.podOf('10.1.2.5')).toBe('shop/c');
    api.dropConnections();
    api.put('shop', 'b', { ips: ['10.1.2.4'] });
    await soon(() => watch.podOf('10.1.2.4')).toBe('shop/b');
    expect({ failures, ...told, lists: api.lists }).toEqual({
      failures: [],
      recoveries: 0,
      full: [],
      lists: 1,
    });
    const versions = api.requests.flatMap(({ query }) => query.get('resourceVersion') ?? []);
    expect(versions).toEqual(['100', '102', '103']);
    expect(watch.failures).toBe(1);
  });

  it.each(['of the watch', 'of HTTP'])('begins with a list again after a 410 %s', async (where) => {
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    const { watch, failures } = start();
    await soon(() => api.openWatches).toBe(1);
    if (where === 'of HTTP') api.faults.push({ kind: 'status', code: 410, message: 'too old' });
    // Meanwhile, and told by no event:
    api.endWatches();
    api.remove('shop', 'a');
    api.put('shop', 'b', { ips: ['10.1.2.4'] });
    api.forget();
    await soon(() => watch.podOf('10.1.2.4')).toBe('shop/b');
    expect(watch.podOf('10.1.2.3')).toBeNull();
    expect(api.lists).toBe(2);
    expect(failures).toEqual([]);
  });

  it('reads the token for each request', async () => {
    const { watch, failures } = start();
    await soon(() => api.openWatches).toBe(1);
    api.rotateToken('token-2');
    api.endWatches();
    await soon(() => api.requests.at(-1)!.token).toBe('token-2');
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    await soon(() => watch.podOf('10.1.2.3')).toBe('shop/a');
    expect(failures).toEqual([]);
  });

  it('says once what is forbidden and how to grant it, tries on, and says once that it works', async () => {
    api.fault = { kind: 'status', code: 403, message: 'pods is forbidden' };
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    const { watch, failures, told } = start();
    await soon(() => watch.failures).toBeGreaterThan(3);
    expect(failures.map(({ message }) => message)).toEqual([
      'the service account may not read pods (403: pods is forbidden)',
    ]);
    expect(failures[0]!.remedy).toContain('ClusterRole');
    expect(told.recoveries).toBe(0);
    api.fault = null;
    await soon(() => watch.podOf('10.1.2.3')).toBe('shop/a');
    expect(told.recoveries).toBe(1);
  });

  it('keeps the names while the API server is away', async () => {
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    const { watch, failures, told } = start();
    await soon(() => api.openWatches).toBe(1);
    api.fault = { kind: 'reset' };
    api.dropConnections();
    await soon(() => failures.length).toBe(1);
    expect(failures[0]!.message).toMatch(/^the API server at 127\.0\.0\.1:\d+ cannot be reached/);
    expect(watch.podOf('10.1.2.3')).toBe('shop/a');
    api.fault = null;
    await soon(() => told.recoveries).toBe(1);
    expect(api.lists).toBe(1);
  });

  it.each([
    ['a list that is no JSON', { kind: 'text', text: 'hello' }, 'text that is no JSON'],
    ['an error that is no Status', { kind: 'status', code: 500, message: '' }, 'answers 500'],
  ] as const)('survives %s', async (_what, fault, message) => {
    api.faults.push(fault);
    const { failures, told } = start();
    await soon(() => told.recoveries).toBe(1);
    expect(failures.map((failure) => failure.message)).toEqual([expect.stringContaining(message)]);
  });

  it('survives events that are none, and goes on', async () => {
    const { watch } = start();
    await soon(() => api.openWatches).toBe(1);
    api.say('{"type":"ADDED","object":null}\n{"type":"NEWS"}\n[]\n7\nnull\n\n');
    api.put('shop', 'a', { ips: ['10.1.2.3'] });
    await soon(() => watch.podOf('10.1.2.3')).toBe('shop/a');
    api.say('no JSON\n');
    await soon(() => watch.failures).toBe(1);
    api.put('shop', 'b', { ips: ['10.1.2.4'] });
    await soon(() => watch.podOf('10.1.2.4')).toBe('shop/b');
    expect(watch.podOf('10.1.2.3')).toBe('shop/a');
  });

  it('gives up a line that does not end', async () => {
    const { watch } = start();
    await soon(() => api.openWatches).toBe(1);
    api.say('x'.repeat(5 * 1024 * 1024));
    await soon(() => watch.failures).toBe(1);
    await soon(() => api.watches).toBe(2);
  });

  it('keeps so many pods, and says once that there are more', async () => {
    for (let i = 0; i < 5; i++) api.put('many', `pod-${i}`, { ips: [`10.2.0.${i}`] });
    const { watch, told } = start({ maxPods: 3 });
    await soon(() => api.openWatches).toBe(1);
    api.put('many', 'another', { ips: ['10.2.0.99'] });
    api.put('many', 'pod-0', { ips: ['10.2.0.100'] });
    await soon(() => watch.podOf('10.2.0.100')).toBe('many/pod-0');
    expect([watch.known, told.full]).toEqual([3, [3]]);
  });
});

describe('without what it needs it says so once, and tries on', () => {
  it.each([
    [
      'outside of a cluster',
      () => ({ environment: {} }),
      /^this is not a pod of a cluster/,
      /kubernetes\.pods: false/,
    ],
    [
      'without a token',
      () => api.removeToken(),
      /token cannot be read \(ENOENT\)$/,
      /automountServiceAccountToken/,
    ],
    [
      'without a CA',
      () => rmSync(join(api.folder, 'ca.crt')),
      /ca\.crt cannot be read/,
      /automountServiceAccountToken/,
    ],
    [
      'with a token of another',
      () => {
        api.token = 'another';
      },
      /401/,
      /token must be this pod's own/,
    ],
  ] as const)('%s', async (_what, spoil, message, remedy) => {
    const { watch, failures } = start(spoil() ?? {});
    await soon(() => watch.failures).toBeGreaterThan(2);
    expect(failures).toHaveLength(1);
    expect(failures[0]!.message).toMatch(message);
    expect(failures[0]!.remedy).toMatch(remedy);
  });

  it('with a CA that did not sign', async () => {
    const other = await createTestCertificate(['kubernetes.default.svc'], ['127.0.0.1']);
    writeFileSync(join(api.folder, 'ca.crt'), other.cert);
    const { failures } = start();
    await soon(() => failures.length).toBe(1);
    expect(failures[0]!.message).toContain('is not trusted');
    expect(api.requests).toEqual([]);
  });
});
