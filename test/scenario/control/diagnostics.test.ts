// The diagnostics of a running server, by the built program: who may ask, and what is answered.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Explanation } from '../../../src/admin/admin-source.ts';
import { Child } from '../../../src/base/child-process.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { runCli } from '../../kit/run-cli.ts';
import { ScriptedApiServer } from '../../kit/scripted-api-server.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { StandIn } from '../../lab/support/stand-in.ts';
import { QUIET_LOOP, until, upstreamDoing, upstreamSaying } from './scene.ts';

const MAIN = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));
/** Each command is a process of its own, which takes long to start on a machine under load. */
const SLOW_MS = 90_000;

describe('unloop status', () => {
  it('names the upstream that is down and the cause; its exit code is the verdict', {
    timeout: SLOW_MS,
  }, async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const dead = `127.0.0.1:${await freePort()}`;
    const unloop = await startUnloop({
      config: {
        upstreams: [upstream.text],
        zones: { 'dead.example': { upstreams: [dead] } },
        loop: QUIET_LOOP,
      },
    });
    const status = (...args: string[]) =>
      runCli('status', '--admin', `127.0.0.1:${unloop.adminPort}`, ...args);
    await askUdp(unloop.port, { name: 'www.example' });
    const well = await status();
    expect(well).toMatchObject({ code: 0, stderr: '' });
    expect(well.stdout).toContain(upstream.text);
    await until(
      async () => {
        await askUdp(unloop.port, { name: `n${Math.random()}.dead.example` });
        return unloop.adminJson<{ upstreams: { state: string }[] }>('/upstreams');
      },
      ({ upstreams }) => upstreams[1]!.state === 'down',
    );
    const { code, stdout } = await status('--json');
    expect(code).toBe(3);
    const report = JSON.parse(stdout) as { upstreams: object[] };
    expect(report).toMatchObject({ verdict: { level: 'bad', headline: 'No upstream for dead.example' } });
    expect(report.upstreams[1]).toMatchObject({
      address: dead,
      state: 'down',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      lastError: expect.stringContaining('connection refused'),
      queries: expect.any(Number),
      failures: { unreachable: expect.any(Number) },
      quarantinedUntil: null,
    });
  });

  it('--watch prints again and again', { timeout: SLOW_MS }, async () => {
    const unloop = await startUnloop({ config: { upstreams: ['127.0.0.1:9'], loop: QUIET_LOOP } });
    const args = [MAIN, 'status', '--watch', '--json', '--admin', `127.0.0.1:${unloop.adminPort}`];
    const child = new Child([process.execPath, ...args]);
    onTestFinished(() => child.kill());
    const first = () => (child.stdout.split('\n').length > 2 ? child.stdout.split('\n').slice(0, 2) : null);
    for (const line of await child.until(first, SLOW_MS))
      expect(JSON.parse(line)).toMatchObject({ verdict: { headline: 'Healthy' } });
  });
});

describe('unloop query', () => {
  it('names the guilty upstream and the cause: silent, refusing, looping', { timeout: SLOW_MS }, async () => {
    const [good, silent] = [await upstreamSaying('192.0.2.1'), await upstreamDoing(() => [])];
    const refusing = `127.0.0.1:${await freePort()}`;
    const port = await freePort();
    const looping = await StandIn.open({ address: '127.0.0.2', port: 0, target: `127.0.0.1:${port}` });
    onTestFinished(() => looping.close());
    const unloop = await startUnloop({
      config: {
        listen: [`127.0.0.1:${port}`],
        workers: 2,
        upstreams: [good.text],
        zones: {
          'silent.example': { upstreams: [silent.text] },
          'refusing.example': { upstreams: [refusing] },
          'looping.example': { upstreams: [`127.0.0.2:${looping.port}`] },
        },
        loop: QUIET_LOOP,
      },
    });
    const query = async (...args: string[]) => {
      const { code, stdout } = await runCli(
        'query',
        ...args,
        '--json',
        '--admin',
        `127.0.0.1:${unloop.adminPort}`,
      );
      return { code, ...(JSON.parse(stdout) as Explanation) };
    };
    const well = await query('www.example');
    expect(well).toMatchObject({ code: 0, reply: { rcode: 'NOERROR' }, zone: '.' });
    expect(well.summary).toContain(good.text);
    expect(await query('www.example', '--dry-run')).toMatchObject({
      code: 0,
      cache: { state: 'fresh', upstream: good.text },
      reply: null,
    });
    const quiet = await query('www.silent.example');
    expect(quiet).toMatchObject({ code: 1, zone: 'silent.example', reply: { rcode: 'SERVFAIL' } });
    expect(quiet.summary).toContain(`${silent.text}: no answer over UDP`);
    expect(quiet.attempts[0]).toMatchObject({
      upstream: silent.text,
      transport: 'udp',
      outcome: 'no answer',
    });
    const refused = await query('www.refusing.example');
    expect(refused).toMatchObject({ code: 1, reply: { rcode: 'SERVFAIL' } });
    expect(refused.summary).toMatch(new RegExp(`${refusing}: (UDP|TCP) refused`));
    const looped = await query('www.looping.example');
    expect(looped).toMatchObject({ code: 1, reply: { rcode: 'SERVFAIL' } });
    expect(looped.summary).toContain(`forwarding loop: 127.0.0.2:${looping.port} (looping.example)`);
  });
});

describe('unloop cache', () => {
  it('shows what is cached, in which zone, and forgets it', { timeout: SLOW_MS }, async () => {
    const [upstream, corp] = [await upstreamSaying('192.0.2.1'), await upstreamSaying('192.0.2.2')];
    const unloop = await startUnloop({
      config: {
        workers: 2,
        upstreams: [upstream.text],
        zones: { 'corp.example': { upstreams: [corp.text] } },
        loop: QUIET_LOOP,
      },
    });
    const cache = (...args: string[]) => runCli('cache', ...args, '--admin', `127.0.0.1:${unloop.adminPort}`);
    for (const name of ['a.example', 'b.example', 'a.corp.example']) await askUdp(unloop.port, { name });

    const { entries } = JSON.parse((await cache('list', '--json')).stdout) as {
      entries: { name: string; zone: string }[];
    };
    expect(entries.map(({ name, zone }) => [name, zone])).toEqual([
      ['a.corp.example.', 'corp.example'],
      ['a.example.', '.'],
      ['b.example.', '.'],
    ]);
    const found = await cache('get', 'A.Corp.Example', 'A');
    expect(found.code).toBe(0);
    expect(found.stdout).toMatch(/^a\.corp\.example\. A: positive, NOERROR/);
    expect(found.stdout).toContain('192.0.2.2');
    expect((await cache('get', 'a.corp.example', 'AAAA')).code).toBe(1);
    expect((await cache('list', '--zone', 'nowhere.example')).stderr).toContain(
      'there is no zone nowhere.example',
    );
    expect((await cache('flush', '--zone', 'corp.example')).stdout).toBe('removed 1 entry\n');
    expect((await cache('get', 'a.corp.example')).code).toBe(1);
    expect((await cache('get', 'a.example')).code).toBe(0);
  });
});

describe('an admin listener beyond loopback', () => {
  const config = (admin: object) => ({ upstreams: ['127.0.0.1:9'], loop: QUIET_LOOP, admin });

  it('serves the diagnostics to this machine without a token', { timeout: SLOW_MS }, async () => {
    const unloop = await startUnloop({ config: config({ listen: '0.0.0.0:0' }) });
    expect((await unloop.admin('/upstreams')).status).toBe(200);
    const proxied = await unloop.admin('/upstreams', { headers: { 'X-Forwarded-For': '192.0.2.7' } });
    expect(proxied.status).toBe(403);
    expect((await runCli('status', '--admin', `0.0.0.0:${unloop.adminPort}`)).code).toBe(0);
  });

  it('serves them with the token of admin.tokenFile', { timeout: SLOW_MS }, async () => {
    const port = await freePort();
    const directory = await mkdtemp(join(tmpdir(), 'unloop-token-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, 'open-sesame\n', { mode: 0o600 });
    const unloop = await startUnloop({ config: config({ listen: `0.0.0.0:${port}`, tokenFile }) });
    expect((await unloop.admin('/upstreams')).status).toBe(401);
    const headers = { Authorization: 'Bearer open-sesame' };
    expect((await unloop.admin('/upstreams', { headers })).status).toBe(200);
    // The command reads the token where the server does.
    expect((await runCli('status', '--config', unloop.configPath)).code).toBe(0);
    const withoutToken = await runCli('status', '--admin', `127.0.0.1:${port}`);
    expect(withoutToken).toMatchObject({ code: 2, stderr: expect.stringContaining('admin.tokenFile') });
  });
});

describe('pods that ask', () => {
  it('are named where clients are shown, as the API server says, and without it DNS goes on', {
    timeout: SLOW_MS,
  }, async () => {
    const api = await ScriptedApiServer.start();
    api.put('shop', 'cart-7d9f', { ips: ['127.0.0.1'], node: 'node-7' });
    api.faults.push({ kind: 'status', code: 403, message: 'pods is forbidden' });
    const upstream = await upstreamSaying('192.0.2.1');
    const kubernetes = { pods: true, serviceAccount: api.folder };
    const config = { workers: 1, upstreams: [upstream.text], loop: QUIET_LOOP, kubernetes };
    const unloop = await startUnloop({ config, env: { ...api.env, UNLOOP_NODE_NAME: 'node-7' } });
    const refused = await unloop.waitForLog(({ code }) => code === 'pods-unknown');
    expect(refused).toMatchObject({ level: 'warn', remedy: expect.stringContaining('ClusterRole') });
    await askUdp(unloop.port, { name: 'www.example' });
    await unloop.waitForLog(({ msg }) => msg === 'pods can be read again');

    const admin = ['--admin', `127.0.0.1:${unloop.adminPort}`];
    expect((await runCli('top', ...admin)).stdout).toMatch(/^ {2}1 +127\.0\.0\.1 \(shop\/cart-7d9f\)$/m);
    expect(await unloop.adminJson('/queries/slow')).toMatchObject({ queries: [{ pod: 'shop/cart-7d9f' }] });
    expect(await (await unloop.admin('/')).text()).toContain('127.0.0.1 (shop/cart-7d9f)');
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_pods_known')).toBe(1);
    expect(metrics.value('unloop_pod_watch_failures_total')).toBe(1);
    expect(metrics.value('unloop_pod_watch_last_success_timestamp_seconds')).toBeGreaterThan(1.7e9);
    expect(await (await unloop.admin('/metrics')).text()).not.toContain('cart-7d9f');
    for (const { query } of api.requests) expect(query.get('fieldSelector')).toBe('spec.nodeName=node-7');
    // A watch that is open does not hold up the end.
    expect(await unloop.stop()).toBe(0);
  });
});
