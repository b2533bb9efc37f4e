// The admin listener of a running server: the output that scripts rely on, real numbers, and the
// flush.
import { describe, expect, it, onTestFinished } from 'vitest';
import { answer, servfail } from '../../kit/answers.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamDoing, upstreamSaying } from './scene.ts';

/** Every name of the contract, with the labels that dashboards select by. */
const CONTRACT: Readonly<Record<string, readonly string[]>> = {
  unloop_queries_total: ['proto'],
  unloop_responses_total: ['rcode'],
  unloop_dropped_total: ['reason'],
  unloop_request_duration_seconds: ['le'],
  unloop_cache_hits_total: [],
  unloop_cache_misses_total: [],
  unloop_cache_evictions_total: [],
  unloop_cache_prefetches_total: [],
  unloop_cache_stale_total: [],
  unloop_cache_entries: [],
  unloop_cache_bytes: [],
  unloop_upstream_requests_total: ['upstream'],
  unloop_upstream_failures_total: ['upstream', 'reason'],
  unloop_upstream_duration_seconds: ['upstream', 'le'],
  unloop_upstream_state: ['upstream', 'state'],
  unloop_coalesced_total: [],
  unloop_loop_detected_total: ['upstream', 'zone', 'evidence'],
  unloop_loop_shed_total: [],
  unloop_rewritten_upstreams: [],
  unloop_reloads_total: ['result'],
  unloop_zone_upstreams_usable: ['zone'],
  unloop_config_last_reload_successful: [],
  unloop_config_last_reload_success_timestamp_seconds: [],
  unloop_workers: [],
  unloop_worker_restarts_total: [],
  unloop_build_info: ['version', 'node', 'socket'],
};

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('/metrics', () => {
  it('has every documented name with its labels, and counts what happened', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const unloop = await startUnloop({
      config: { upstreams: [upstream.text], workers: 1, loop: QUIET_LOOP },
    });
    for (let i = 0; i < 3; i++) await askUdp(unloop.port, { name: 'www.example' });
    await askTcp(unloop.port, { name: 'www.example' });
    await askTcp(unloop.port, { name: 'other.example' });
    const reply = await unloop.admin('/metrics');
    expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    await reply.text();
    const metrics = await unloop.metrics();
    for (const [name, labels] of Object.entries(CONTRACT)) {
      const family = metrics.families.get(name);
      expect(family, name).toBeDefined();
      const seen = new Set(family!.series.flatMap((series) => Object.keys(series.labels)));
      // A failure, or a loop, has no series before it has happened.
      if (family!.series.length > 0) expect([...seen].sort(), name).toEqual([...labels].sort());
    }
    expect(metrics.value('unloop_queries_total', { proto: 'udp' })).toBe(3);
    expect(metrics.value('unloop_queries_total', { proto: 'tcp' })).toBe(2);
    expect(metrics.value('unloop_responses_total', { rcode: 'NOERROR' })).toBe(5);
    expect(metrics.value('unloop_cache_hits_total')).toBe(3);
    expect(metrics.value('unloop_cache_misses_total')).toBe(2);
    expect(metrics.value('unloop_cache_entries')).toBe(2);
    expect(metrics.value('unloop_cache_bytes')).toBeGreaterThan(0);
    expect(metrics.value('unloop_request_duration_seconds_count')).toBe(5);
    // A stalled machine repeats a question before it reads the answer, and counts that.
    const repeated = metrics.value('unloop_upstream_failures_total', { reason: 'timeout' });
    for (const name of ['unloop_upstream_requests_total', 'unloop_upstream_duration_seconds_count']) {
      const count = metrics.value(name, { upstream: upstream.text });
      expect(count, name).toBeGreaterThanOrEqual(2);
      expect(count, name).toBeLessThanOrEqual(2 + repeated);
    }
    expect(metrics.value('unloop_upstream_state', { upstream: upstream.text, state: 'up' })).toBe(1);
    expect(metrics.value('unloop_upstream_state', { state: 'down' })).toBe(0);
    expect(metrics.value('unloop_workers')).toBe(1);
    expect(metrics.value('unloop_build_info', { node: process.versions.node })).toBe(1);
  });

  it('adds CoreDNS’s names when asked to, and still parses', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const admin = { listen: '127.0.0.1:0', coredns: true };
    const unloop = await startUnloop({ config: { upstreams: [upstream.text], admin, loop: QUIET_LOOP } });
    await askUdp(unloop.port, { name: 'www.example' });
    const metrics = await unloop.metrics();
    expect(metrics.value('coredns_dns_requests_total')).toBe(1);
    for (const prefix of ['coredns_dns_', 'coredns_cache_', 'coredns_forward_', 'coredns_proxy_'])
      expect(
        [...metrics.families.keys()].some((name) => name.startsWith(prefix)),
        prefix,
      ).toBe(true);
  });
});

describe('an upstream that answers with errors only', () => {
  it('is degraded, not healthy, with one line in the log, until it gives an answer', async () => {
    const upstream = await startScriptedUpstream(servfail);
    onTestFinished(() => upstream.close());
    const unloop = await startUnloop({
      config: { workers: 1, upstreams: [`127.0.0.1:${upstream.port}`], loop: QUIET_LOOP },
    });
    const condition = async () =>
      (await unloop.adminJson<{ upstreams: { condition: string }[] }>('/upstreams')).upstreams[0]!.condition;
    const page = async () => (await unloop.admin('/')).text();
    expect(await condition()).toBe('unasked');
    expect(await page()).toContain('was not asked yet');
    let asked = 0;
    const askUntil = (wanted: string) =>
      until(
        async () => {
          await askUdp(unloop.port, { name: `n${asked++}.example` });
          return condition();
        },
        (is) => is === wanted,
      );
    await askUntil('degraded');
    expect(await page()).toMatch(/Degraded.*answers with errors only/s);
    for (let i = 0; i < 30; i++) await askUdp(unloop.port, { name: `more${i}.example` });
    upstream.script = (query) => answer(query);
    await askUntil('answers');
    expect(await page()).toMatch(/Healthy.*The upstream answers/s);
    await unloop.waitForLog((line) => /gives answers again/.test(line.msg));
    const lines = unloop.log.filter((line) => /answers, but with errors only/.test(line.msg));
    expect(lines.map((line) => line.level)).toEqual(['warn']);
  });
});

describe('an upstream without a route', () => {
  it('is down and says so; the zone that depends on it has none that is usable', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    // The loopback interface has no link-local network: nothing leaves this machine.
    const away = '[fe80::53%lo]:53';
    const unloop = await startUnloop({
      config: {
        workers: 1,
        upstreams: [upstream.text],
        zones: { 'away.example': { upstreams: [away] } },
        loop: QUIET_LOOP,
      },
    });
    const before = await unloop.metrics();
    expect(before.value('unloop_zone_upstreams_usable', { zone: 'away.example' })).toBe(1);
    await until(
      async () => {
        await askUdp(unloop.port, { name: `n${Math.random()}.away.example` });
        return unloop.metrics();
      },
      (metrics) => metrics.value('unloop_zone_upstreams_usable', { zone: 'away.example' }) === 0,
    );
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_zone_upstreams_usable', { zone: '.' })).toBe(1);
    const failures = (reason: string) => metrics.value('unloop_upstream_failures_total', { reason });
    expect(failures('unreachable')).toBeGreaterThan(0);
    expect(failures('overload')).toBe(0);
    const { upstreams } = await unloop.adminJson<{ upstreams: object[] }>('/upstreams');
    expect(upstreams[1]).toMatchObject({
      state: 'down',
      lastError: expect.stringContaining('network unreachable'),
    });
    const line = await unloop.waitForLog(({ msg }) => msg.includes('is down and out of use'));
    expect(line.reason).toContain('network unreachable');
  });
});

describe('JSON', () => {
  it('/upstreams has the documented fields, and the current state', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const dead = `127.0.0.1:${await freePort()}`;
    const unloop = await startUnloop({
      config: {
        upstreams: [upstream.text],
        zones: { 'dead.example': { upstreams: [dead] }, 'other.example': { upstreams: [upstream.text] } },
        loop: QUIET_LOOP,
      },
    });
    await askUdp(unloop.port, { name: 'www.example' });
    const read = async () =>
      (await unloop.adminJson<{ upstreams: Record<string, unknown>[] }>('/upstreams')).upstreams;
    const upstreams = await until(
      async () => {
        expect((await askUdp(unloop.port, { name: `n${Math.random()}.dead.example` })).rcode).toBe(2);
        return read();
      },
      (all) => all.some(({ state }) => state === 'down'),
    );
    expect(upstreams).toEqual([
      {
        address: upstream.text,
        transport: 'udp',
        zones: ['.', 'other.example'],
        state: 'up',
        source: 'configuration',
        replaces: null,
        rttMs: expect.any(Number),
        learned: [],
        condition: 'answers',
        lastError: '',
        since: isoDate,
        queries: expect.any(Number),
        failures: {},
        quarantinedUntil: null,
      },
      {
        address: dead,
        transport: 'udp',
        zones: ['dead.example'],
        state: 'down',
        source: 'configuration',
        replaces: null,
        rttMs: null,
        learned: [],
        condition: 'unheard',
        lastError: 'connection refused (ECONNREFUSED): nobody listens there; check address and port',
        since: isoDate,
        queries: expect.any(Number),
        failures: { unreachable: expect.any(Number) },
        quarantinedUntil: null,
      },
    ]);
    // One server of two works: the service is ready.
    expect(await unloop.adminJson('/ready')).toEqual({ ready: true });
  });

  it('/ready says no while every upstream is down, and yes when one is back', async () => {
    let alive = false;
    const upstream = await upstreamDoing((query) => (alive ? answer(query) : undefined));
    const unloop = await startUnloop({
      config: {
        upstreams: [upstream.text],
        forward: { deadline: '300ms', healthCheck: { interval: '100ms', maxFails: 2 } },
        loop: QUIET_LOOP,
      },
    });
    let asked = 0;
    const readiness = () => unloop.admin('/ready').then((reply) => reply.status);
    await until(
      async () => {
        await askUdp(unloop.port, { name: `n${asked++}.example` });
        return readiness();
      },
      (status) => status === 503,
    );
    expect(await unloop.adminJson('/ready')).toEqual({ ready: false, reason: 'every upstream is down' });
    alive = true;
    await until(readiness, (status) => status === 200);
  });

  it('/loops shows a loop as documented', async () => {
    // Two forwarders that forward to each other.
    const [firstPort, secondPort] = [await freePort(), await freePort()];
    const config = (port: number, other: number) => ({
      listen: [`127.0.0.1:${port}`],
      upstreams: [`127.0.0.1:${other}`],
    });
    const both = [
      await startUnloop({ config: config(firstPort, secondPort) }),
      await startUnloop({ config: config(secondPort, firstPort) }),
    ];
    // Either may be the first to find out: it takes its route out of use, and the other sees no
    // more of the loop.
    const read = async (unloop: UnloopProcess) =>
      (await unloop.adminJson<{ episodes: Record<string, unknown>[] }>('/loops')).episodes;
    const episodesOfBoth = await until(
      async () => {
        await askUdp(firstPort, { name: `n${Math.random()}.example` });
        return Promise.all(both.map(read));
      },
      (all) => all.some((episodes) => episodes.length > 0),
    );
    const finder = episodesOfBoth[0]!.length > 0 ? 0 : 1;
    const [ownPort, otherPort] = finder === 0 ? [firstPort, secondPort] : [secondPort, firstPort];
    const episodes = episodesOfBoth[finder]!;
    expect(episodes[0]).toEqual({
      upstream: `127.0.0.1:${otherPort}`,
      zone: '.',
      evidence: expect.stringMatching(/^(edns|case|probe)$/),
      state: expect.stringMatching(/^(open|closed)$/),
      count: expect.any(Number),
      first: isoDate,
      last: isoDate,
      path: expect.arrayContaining([`127.0.0.1:${ownPort}`]),
      cure: expect.stringMatching(/\w+ \w+/),
    });
    const metrics = await both[finder]!.metrics();
    expect(metrics.value('unloop_loop_detected_total', { zone: '.' })).toBeGreaterThan(0);
    const { upstreams } = await both[finder]!.adminJson<{ upstreams: { state: string }[] }>('/upstreams');
    expect(upstreams[0]!.state).toBe('quarantined');
  });

  it('/config shows the current configuration, without secrets', async () => {
    const secret = 'b2f1c0ffee-b2f1c0ffee-b2f1c0ffee';
    const unloop = await startUnloop({
      config: {
        upstreams: ['127.0.0.1:9'],
        forward: { deadline: '1700ms' },
        loop: { ...QUIET_LOOP, clusterKey: secret },
      },
    });
    const text = await (await unloop.admin('/config')).text();
    expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({ forward: { deadlineMs: 1700 } });
  });

  it('/ is a page that names the upstream', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const unloop = await startUnloop({ config: { upstreams: [upstream.text], loop: QUIET_LOOP } });
    const reply = await unloop.admin('/');
    expect(reply.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await reply.text()).toContain(upstream.text);
  });

  it('can be switched off', async () => {
    const unloop = await startUnloop({
      config: { upstreams: ['127.0.0.1:9'], loop: QUIET_LOOP },
      args: ['--admin', 'off'],
    });
    expect(unloop.adminPort).toBe(0);
    expect(await unloop.stop()).toBe(0);
  });
});

describe('POST /cache/flush', () => {
  const names = ['a.example', 'b.example', 'a.corp.example', 'b.corp.example'];

  async function filled() {
    const upstream = await upstreamSaying('192.0.2.1');
    const corp = await upstreamSaying('192.0.2.2');
    const unloop = await startUnloop({
      config: {
        workers: 1,
        upstreams: [upstream.text],
        zones: { 'corp.example': { upstreams: [corp.text] } },
        loop: QUIET_LOOP,
      },
    });
    for (const name of names) await askUdp(unloop.port, { name });
    const flush = async (query: string, method = 'POST') => {
      const reply = await unloop.admin(`/cache/flush${query}`, { method });
      return { status: reply.status, body: (await reply.json()) as { flushed?: number; error?: string } };
    };
    /** The names that are asked of an upstream again: those that are no longer in the cache. */
    const missing = async () => {
      // How often each was asked for: on a loaded machine more than once.
      const seen = () =>
        names.map(
          (name) =>
            [...upstream.queries, ...corp.queries].filter((query) => query.name.toLowerCase() === name)
              .length,
        );
      const before = seen();
      for (const name of names) await askUdp(unloop.port, { name });
      const last = seen();
      return names.filter((_, i) => last[i]! > before[i]!);
    };
    return { unloop, flush, missing };
  }

  it('forgets everything', async () => {
    const { flush, missing } = await filled();
    expect(await flush('')).toEqual({ status: 200, body: { flushed: 4 } });
    expect(await missing()).toEqual(names);
  });

  it('forgets one name, whatever its case', async () => {
    const { flush, missing } = await filled();
    expect(await flush('?name=B.Example.')).toEqual({ status: 200, body: { flushed: 1 } });
    expect(await missing()).toEqual(['b.example']);
  });

  it('forgets one zone', async () => {
    const { flush, missing } = await filled();
    expect(await flush('?zone=corp.example')).toEqual({ status: 200, body: { flushed: 2 } });
    expect(await missing()).toEqual(['a.corp.example', 'b.corp.example']);
  });

  it('forgets nothing by mistake', async () => {
    const { flush, missing } = await filled();
    expect((await flush('?nmae=a.example')).status).toBe(400);
    expect((await flush('?zone=nowhere.example')).status).toBe(400);
    expect((await flush('?name=')).status).toBe(400);
    expect((await flush('', 'GET')).status).toBe(405);
    expect(await missing()).toEqual([]);
  });
});
