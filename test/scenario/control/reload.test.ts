// Reloading: by signal and by file, without losing a query; a faulty configuration changes nothing.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamSaying } from './scene.ts';
import { startLoad } from './steady-load.ts';

const SOCKETS = [
  { socket: 'batched socket', native: true },
  { socket: 'node:dgram', native: false },
] as const;
const OLD = '192.0.2.1';
const NEW = '192.0.2.2';

const reloads = async (unloop: UnloopProcess, result: 'ok' | 'failed') =>
  (await unloop.metrics()).value('unloop_reloads_total', { result });

/** Waits for the reload; it may be one by the file's watch and one by the signal. */
const reloaded = (unloop: UnloopProcess, atLeast = 1) =>
  until(
    () => reloads(unloop, 'ok'),
    (count) => count >= atLeast,
  );

async function isAnswered(port: number): Promise<boolean> {
  return askTcp(port, { name: 'there.example' }).then(
    () => true,
    () => false,
  );
}

describe.each(SOCKETS)('upstreams change under load with the $socket', ({ native }) => {
  it('on SIGHUP: all queries are answered, from then on by the new ones', async () => {
    const [before, after] = [await upstreamSaying(OLD), await upstreamSaying(NEW)];
    const config = (upstream: string) => ({ upstreams: [upstream], workers: 2, loop: QUIET_LOOP });
    const unloop = await startUnloop({ native, config: config(before.text) });
    const load = startLoad(unloop.port);
    await load.seen(OLD, 100);
    unloop.writeConfig(config(after.text));
    unloop.signal('SIGHUP');
    await unloop.waitForLog((line) => line.msg === 'the configuration was reloaded');
    await load.seen(NEW, 100);
    const { sent, lost, answers } = await load.stop();
    expect(lost).toEqual([]);
    expect(answers.get(OLD)! + answers.get(NEW)!).toBe(sent);
    expect((await askUdp(unloop.port, { name: 'after.example' })).answers[0]).toMatchObject({ data: NEW });
    expect(before.queries.filter(({ name }) => name.toLowerCase() === 'after.example')).toEqual([]);
    const { upstreams } = await unloop.adminJson<{ upstreams: { address: string }[] }>('/upstreams');
    expect(upstreams.map(({ address }) => address)).toEqual([after.text]);
  });
});

describe('the file changes', () => {
  const text = (upstream: string) =>
    JSON.stringify({ upstreams: [upstream], listen: ['127.0.0.1:0'], loop: QUIET_LOOP });

  /**
   * Starts with a file in a folder of its own, changes it as told under load, and sees all through.
   */
  async function followed(
    place: (folder: string, text: string) => Promise<string>,
    change: (folder: string, text: string) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'unloop-reload-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const [before, after] = [await upstreamSaying(OLD), await upstreamSaying(NEW)];
    const path = await place(folder, text(before.text));
    const unloop = await startUnloop({ args: ['--config', path] });
    const load = startLoad(unloop.port);
    await load.seen(OLD, 50);
    await change(folder, text(after.text));
    await load.seen(NEW, 50);
    const { sent, lost, answers } = await load.stop();
    expect(lost).toEqual([]);
    expect(answers.get(OLD)! + answers.get(NEW)!).toBe(sent);
    expect(await reloads(unloop, 'failed')).toBe(0);
  }

  it('in place', async () => {
    const place = async (folder: string, text: string) => {
      await writeFile(join(folder, 'unloop.yaml'), text);
      return join(folder, 'unloop.yaml');
    };
    await followed(place, async (folder, text) => {
      const file = await open(join(folder, 'unloop.yaml'), 'r+');
      // One write over all of it: a machine that stalls after a truncation leaves an empty file.
      await file.write(text.padEnd((await file.stat()).size));
      await file.close();
    });
  });

  it('by a new file that is renamed into its place, as editors do', async () => {
    const place = async (folder: string, text: string) => {
      await writeFile(join(folder, 'unloop.yaml'), text);
      return join(folder, 'unloop.yaml');
    };
    await followed(place, async (folder, text) => {
      await writeFile(join(folder, '.unloop.yaml.new'), text);
      await rename(join(folder, '.unloop.yaml.new'), join(folder, 'unloop.yaml'));
    });
  });

  it('behind a symbolic link, as Kubernetes swaps a ConfigMap', async () => {
    const version = async (folder: string, name: string, text: string) => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'unloop.yaml'), text);
    };
    const place = async (folder: string, text: string) => {
      await version(folder, '..2026_11_01', text);
      await symlink('..2026_11_01', join(folder, '..data'));
      await symlink('..data/unloop.yaml', join(folder, 'unloop.yaml'));
      return join(folder, 'unloop.yaml');
    };
    await followed(place, async (folder, text) => {
      await version(folder, '..2026_11_02', text);
      await symlink('..2026_11_02', join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
      await rm(join(folder, '..2026_11_01'), { recursive: true });
    });
  });
});

describe('a faulty configuration', () => {
  it('changes nothing, is reported once with its place, and is counted each time', async () => {
    const upstream = await upstreamSaying(OLD);
    const good = { upstreams: [upstream.text], loop: QUIET_LOOP };
    const unloop = await startUnloop({ config: good });
    const load = startLoad(unloop.port);
    unloop.writeConfig('upstreams: ["127.0.0.1:1"]\nforward: { deadline: never }\n');
    for (let failed = 1; failed <= 5; failed++) {
      unloop.signal('SIGHUP');
      await until(
        () => reloads(unloop, 'failed'),
        (count) => count >= failed,
      );
    }
    const { lost, answers } = await load.stop();
    expect(lost).toEqual([]);
    expect([...answers.keys()]).toEqual([OLD]);
    const faulty = await unloop.metrics();
    expect(faulty.value('unloop_config_last_reload_successful')).toBe(0);
    expect(await reloads(unloop, 'ok')).toBe(0);
    const lines = unloop.log.filter((line) => line.level === 'error');
    expect(lines).toHaveLength(1);
    expect(lines[0]!.msg).toContain('the running one stays');
    expect(lines[0]).toMatchObject({
      code: 'UNLOOP_CONFIG_INVALID',
      reason: expect.stringMatching(`^${unloop.configPath}:2:22: forward.deadline: `),
      remedy: expect.stringContaining('unloop check'),
    });
    expect(JSON.stringify(lines[0])).not.toMatch(/stack|\bat .*\.js/);

    unloop.writeConfig({ ...good, forward: { policy: 'sequential' } });
    unloop.signal('SIGHUP');
    await reloaded(unloop);
    expect(await unloop.adminJson('/config')).toMatchObject({ forward: { policy: 'sequential' } });
    const line = await unloop.waitForLog(({ msg }) => msg === 'the configuration was reloaded');
    expect(line.changes).toEqual(['forward.policy: random → sequential']);
    const lastOk = 'unloop_config_last_reload_success_timestamp_seconds';
    const corrected = await unloop.metrics();
    expect(corrected.value('unloop_config_last_reload_successful')).toBe(1);
    expect(corrected.value(lastOk)).toBeGreaterThan(faulty.value(lastOk));
  });

  it.each([
    ['emptied', '', 'the file sets nothing any more'],
    ['all comments', '# upstreams: ["192.0.2.1"]\n', 'the file sets nothing any more'],
    ['no text', Buffer.alloc(4000, 0xff), 'it is not UTF-8 text'],
    ['far too large', 'workers: 1\n'.repeat(100_000), 'it is larger than 1048576 bytes'],
    ['a loop to ourselves', 'OWN', 'is our own listen address'],
  ] as const)('that is %s changes nothing, and is told', async (_, text, reason) => {
    const upstream = await upstreamSaying(OLD);
    const good = { upstreams: [upstream.text], listen: [`127.0.0.1:${await freePort()}`], loop: QUIET_LOOP };
    const unloop = await startUnloop({ config: good });
    const own = JSON.stringify({ ...good, upstreams: good.listen });
    await writeFile(unloop.configPath, text === 'OWN' ? own : text);
    const line = await unloop.waitForLog(({ msg }) => msg.includes('the running one stays'));
    expect(line.reason).toContain(reason);
    expect(line).toMatchObject({ level: 'error', remedy: expect.stringMatching(/./) });
    expect(line).not.toHaveProperty('err');
    expect((await askUdp(unloop.port, { name: 'still.example' })).answers[0]).toMatchObject({ data: OLD });
    expect(await reloads(unloop, 'ok')).toBe(0);
    unloop.writeConfig({ ...good, forward: { policy: 'sequential' } });
    await reloaded(unloop);
  });

  it('that is a FIFO now holds nothing up', async () => {
    const upstream = await upstreamSaying(OLD);
    const unloop = await startUnloop({ config: { upstreams: [upstream.text], loop: QUIET_LOOP } });
    await rm(unloop.configPath);
    execFileSync('mkfifo', [unloop.configPath]);
    unloop.signal('SIGHUP');
    const line = await unloop.waitForLog(({ msg }) => msg.includes('the running one stays'));
    expect(line).toMatchObject({
      code: 'UNLOOP_CONFIG_UNREADABLE',
      reason: expect.stringContaining('it is a pipe that nobody writes to'),
    });
    expect((await unloop.admin('/health')).status).toBe(200);
    expect((await askUdp(unloop.port, { name: 'www.example' })).rcode).toBe(0);
    expect(await unloop.stop()).toBe(0);
  });

  it('whose listen address is taken changes nothing', async () => {
    const [before, after] = [await upstreamSaying(OLD), await upstreamSaying(NEW)];
    const port = await freePort();
    const config = { upstreams: [before.text], listen: [`127.0.0.1:${port}`], loop: QUIET_LOOP };
    const unloop = await startUnloop({ config });
    const taken = net.createServer();
    onTestFinished(() => void taken.close());
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(taken.address() as net.AddressInfo).port}`;
    unloop.writeConfig({ ...config, upstreams: [after.text], listen: [address] });
    unloop.signal('SIGHUP');
    await until(
      () => reloads(unloop, 'failed'),
      (count) => count >= 1,
    );
    const reply = await askUdp(port, { name: 'www.example' });
    expect(reply.answers[0]).toMatchObject({ data: OLD });
    expect(await unloop.adminJson('/config')).toMatchObject({ listen: [{ port }] });
  });

  it('whose admin address is taken changes nothing', async () => {
    const [before, after] = [await upstreamSaying(OLD), await upstreamSaying(NEW)];
    const config = { upstreams: [before.text], loop: QUIET_LOOP };
    const admin = await freePort();
    const unloop = await startUnloop({ config: { ...config, admin: { listen: `127.0.0.1:${admin}` } } });
    const taken = net.createServer();
    onTestFinished(() => void taken.close());
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(taken.address() as net.AddressInfo).port}`;
    unloop.writeConfig({ ...config, upstreams: [after.text], admin: { listen: address } });
    unloop.signal('SIGHUP');
    const line = await unloop.waitForLog((entry) => entry.level === 'error');
    expect(JSON.stringify(line)).toContain(address);
    expect(await reloads(unloop, 'failed')).toBeGreaterThan(0);
    const reply = await askUdp(unloop.port, { name: 'www.example' });
    expect(reply.answers[0]).toMatchObject({ data: OLD });
  });
});

describe('a reload changes', () => {
  it('the listen addresses: the new ones serve, those that stay go on, the old ones are closed', async () => {
    const upstream = await upstreamSaying(OLD);
    const [gone, stays, comes] = [await freePort(), await freePort(), await freePort()];
    const config = (ports: number[]) => ({
      upstreams: [upstream.text],
      listen: ports.map((port) => `127.0.0.1:${port}`),
      loop: QUIET_LOOP,
    });
    const unloop = await startUnloop({ config: config([gone, stays]) });
    const load = startLoad(stays);
    await load.seen(OLD, 50);
    unloop.writeConfig(config([stays, comes]));
    unloop.signal('SIGHUP');
    await reloaded(unloop);
    await load.more(50);
    expect((await load.stop()).lost).toEqual([]);
    expect(await isAnswered(comes)).toBe(true);
    expect(await isAnswered(stays)).toBe(true);
    expect(await isAnswered(gone)).toBe(false);
  });

  // Four generations of workers: on a busy machine that takes its time.
  it('workers and cache under load, without losing a query', async () => {
    const upstream = await upstreamSaying(OLD);
    const config = { upstreams: [upstream.text], loop: QUIET_LOOP };
    const unloop = await startUnloop({ config: { ...config, workers: 1 } });
    const load = startLoad(unloop.port);
    await load.seen(OLD, 50);
    const changes = [
      { workers: 2 },
      { workers: 3 },
      { workers: 1 },
      { workers: 1, cache: { maxEntries: 500, prefetch: { hits: 0, remaining: '10%' } } },
    ];
    for (const [i, change] of changes.entries()) {
      unloop.writeConfig({ ...config, ...change });
      unloop.signal('SIGHUP');
      await unloop.waitForMetrics(
        (metrics) =>
          metrics.value('unloop_reloads_total', { result: 'ok' }) > i &&
          metrics.value('unloop_workers') === change.workers,
      );
      await load.more(100);
    }
    // The file's watch and the signal each reload: of the last two changes, the count and the
    // workers do not tell.
    await until(
      () => unloop.adminJson<{ cache: { maxEntries: number } }>('/config'),
      ({ cache }) => cache.maxEntries === 500,
    );
    const { sent, lost, answers } = await load.stop();
    expect(lost).toEqual([]);
    expect(answers.get(OLD)).toBe(sent);
    const metrics = await unloop.metrics();
    // What the workers that went had counted is not forgotten, and a worker that goes on purpose is
    // no restart.
    expect(metrics.value('unloop_queries_total')).toBe(sent);
    expect(metrics.value('unloop_worker_restarts_total')).toBe(0);
  }, 120_000);

  it('the admin listener: the new address answers, the old one is closed', async () => {
    const upstream = await upstreamSaying(OLD);
    const [before, after] = [await freePort(), await freePort()];
    const config = (port: number) => ({
      upstreams: [upstream.text],
      admin: { listen: `127.0.0.1:${port}` },
      loop: QUIET_LOOP,
    });
    const unloop = await startUnloop({ config: config(before) });
    unloop.writeConfig(config(after));
    unloop.signal('SIGHUP');
    const health = (port: number) => fetch(`http://127.0.0.1:${port}/health`).then((reply) => reply.status);
    await until(
      () => health(after).catch(() => 0),
      (status) => status === 200,
    );
    await until(
      () => health(before).catch(() => 0),
      (status) => status === 0,
    );
  });

  it('its token alone', async () => {
    const upstream = await upstreamSaying(OLD);
    const port = await freePort();
    const config = (token: string) => ({
      upstreams: [upstream.text],
      admin: { listen: `127.0.0.1:${port}`, token },
      loop: QUIET_LOOP,
    });
    const unloop = await startUnloop({ config: config('') });
    expect((await unloop.admin('/config')).status).toBe(200);
    unloop.writeConfig(config('open-sesame-open-sesame'));
    unloop.signal('SIGHUP');
    await until(
      () =>
        unloop
          .admin('/config')
          .then((reply) => reply.status)
          .catch(() => 0),
      (status) => status === 401,
    );
    const headers = { Authorization: 'Bearer open-sesame-open-sesame' };
    const shown = await (await unloop.admin('/config', { headers })).text();
    expect(shown).not.toContain('sesame');
  });
});
