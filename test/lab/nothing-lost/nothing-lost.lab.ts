// What is lost at 5,000 queries a second through an upstream that takes 200 ms, so that a thousand
// are always in flight: nothing when unloop is told to change or to end, and a stated amount when
// it is killed. Prints the figures of docs/kubernetes/nothing-lost.md. Needs python3.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';
import { spawnUnloop, startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { Supervisor } from '../support/supervisor.ts';
import { type Counted, CountingClient, QUERIES_PER_SECOND } from './counting-client.ts';

const DELAY_MS = 200;
/** So many are in flight at any time. */
const IN_FLIGHT = (QUERIES_PER_SECOND * DELAY_MS) / 1000;

async function startSlowUpstream(): Promise<string> {
  const script = join(import.meta.dirname, 'slow-upstream.mjs');
  const child = new Child([process.execPath, script, String(DELAY_MS)], { ipc: true });
  onTestFinished(() => child.kill());
  const port = await child.until(() => /^(\d+)\n/.exec(child.stdout)?.[1], 10_000);
  return `127.0.0.1:${port}`;
}

/** The load is one client with a thousand queries waiting, more on a machine that stands still. */
const limits = { perClientWaiting: 0 };

/** An upstream, unloop before it, and the load, once it flows. */
async function underLoad(more: object = {}): Promise<{
  upstream: string;
  config: object;
  unloop: UnloopProcess;
  client: CountingClient;
}> {
  const upstream = await startSlowUpstream();
  const port = await freePort();
  const config = { listen: [`127.0.0.1:${port}`], workers: 2, upstreams: [upstream], limits, ...more };
  const unloop = await startUnloop({ config });
  const client = new CountingClient(port);
  await client.answers(QUERIES_PER_SECOND / 2);
  return { upstream, config, unloop, client };
}

function report(what: string, { sent, lost, failed, gapMs }: Counted): void {
  console.log(`${what}: ${lost} of ${sent} lost, ${failed} failed${lost > 0 ? `, within ${gapMs} ms` : ''}`);
}

it('SIGTERM: of what was sent before, and while it is lame, nothing', async () => {
  const { unloop, client } = await underLoad({ lameduck: '1s' });
  unloop.signal('SIGTERM');
  await unloop.waitForLog((line) => line.msg === 'stopping');
  await client.forMs(700);
  const until = client.sent;
  expect((await unloop.admin('/ready')).status).toBe(503);
  expect(await unloop.exited).toBe(0);
  await client.end();
  const counted = client.count(0, until);
  report('SIGTERM', counted);
  expect(counted).toMatchObject({ lost: 0, failed: 0 });
});

it('SIGTERM without lameduck: of what was sent before, nothing', async () => {
  const { unloop, client } = await underLoad();
  const until = client.sent;
  unloop.signal('SIGTERM');
  expect(await unloop.exited).toBe(0);
  await client.end();
  const counted = client.count(0, until);
  report('SIGTERM without lameduck', counted);
  expect(counted).toMatchObject({ lost: 0, failed: 0 });
});

it('SIGHUP with another configuration, again and again: nothing', async () => {
  const { unloop, client, config } = await underLoad();
  for (let round = 1; round <= 3; round++) {
    // Cache bounds are given to workers at birth: all are replaced.
    unloop.writeConfig({ ...config, cache: { maxEntries: 1000 * round } });
    unloop.signal('SIGHUP');
    await unloop.waitForMetrics(
      (metrics) => metrics.value('unloop_reloads_total', { result: 'ok' }) >= round,
    );
    await client.answers(1000);
  }
  await client.end();
  report('SIGHUP', client.count());
  expect(client.count()).toMatchObject({ lost: 0, failed: 0 });
});

it('a ConfigMap that is swapped by its symbolic link: nothing', async () => {
  const folder = scratchDirectory();
  const upstream = await startSlowUpstream();
  const version = (name: string, maxEntries: number) => {
    mkdirSync(join(folder, name));
    writeFileSync(
      join(folder, name, 'unloop.yaml'),
      JSON.stringify({ workers: 2, upstreams: [upstream], cache: { maxEntries }, limits }),
    );
    symlinkSync(name, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  version('..0', 1000);
  symlinkSync('..data/unloop.yaml', join(folder, 'unloop.yaml'));
  const unloop = await startUnloop({ args: ['--config', join(folder, 'unloop.yaml')] });
  const client = new CountingClient(unloop.port);
  await client.answers(1000);
  for (let round = 1; round <= 3; round++) {
    version(`..${round}`, 1000 + round);
    rmSync(join(folder, `..${round - 1}`), { recursive: true });
    await unloop.waitForMetrics(
      (metrics) => metrics.value('unloop_reloads_total', { result: 'ok' }) >= round,
    );
    await client.answers(1000);
  }
  await client.end();
  report('ConfigMap', client.count());
  expect(client.count()).toMatchObject({ lost: 0, failed: 0 });
});

it('one process replaced by the next on the same port: nothing', async () => {
  const { unloop, client, config } = await underLoad();
  const next = await startUnloop({ config: { ...config, takeOver: true } });
  unloop.signal('SIGTERM');
  expect(await unloop.exited).toBe(0);
  await client.answers(1000);
  await client.end();
  report('SO_REUSEPORT', client.count());
  expect(client.count()).toMatchObject({ lost: 0, failed: 0 });
  expect(await next.stop()).toBe(0);
});

it.each([
  { how: 'restarted with sockets that systemd holds', signal: 'SIGTERM', most: 0 },
  // What was in flight, and what the dead process had read.
  { how: 'killed, with sockets that systemd holds', signal: 'SIGKILL', most: 2 * IN_FLIGHT },
])('$how: at most $most', async ({ how, signal, most }) => {
  const upstream = await startSlowUpstream();
  const supervisor = new Supervisor('--workers', '2', '--upstream', upstream);
  const port = await supervisor.port();
  await supervisor.start();
  const client = new CountingClient(port);
  await client.answers(QUERIES_PER_SECOND / 2);
  await supervisor.end(signal);
  await supervisor.start();
  await client.answers(1000);
  await client.end();
  const counted = client.count();
  report(how, counted);
  expect(counted.lost).toBeLessThanOrEqual(most);
});

it('killed and started again: what was in flight, and what came until the new one listened', async () => {
  const { unloop, client, config } = await underLoad();
  const killedMs = performance.now();
  await unloop.kill();
  const next = spawnUnloop({ config });
  await next.ready();
  const awayMs = performance.now() - killedMs;
  await client.answers(1000);
  await client.end();
  const counted = client.count();
  report(`killed (away for ${Math.round(awayMs)} ms)`, counted);
  expect(counted.lost).toBeGreaterThan(0);
  expect(counted.lost).toBeLessThanOrEqual(2 * IN_FLIGHT + (awayMs / 1000) * QUERIES_PER_SECOND);
});

it('a worker that dies: what it had in flight, while the other one serves on', async () => {
  const upstream = await startSlowUpstream();
  const unloop = await startUnloop({
    config: { workers: 2, upstreams: [upstream], limits },
    env: { NODE_OPTIONS: `--require ${join(import.meta.dirname, 'kill-a-worker.cjs')}` },
  });
  const client = new CountingClient(unloop.port);
  await client.answers(QUERIES_PER_SECOND / 2);
  const atSignal = client.sent;
  const inFlight = atSignal - client.answered;
  unloop.signal('SIGUSR2');
  await unloop.waitForLog((line) => line.msg === 'a worker died and is replaced');
  const atDeath = client.sent;
  await unloop.waitForMetrics((metrics) => metrics.value('unloop_workers') === 2);
  await client.answers(2000);
  await client.end();
  const counted = client.count();
  report('a dead worker', counted);
  expect(counted.lost).toBeGreaterThan(0);
  // What it had in flight, and what came until its sockets were gone; of both the other worker has
  // half, more or less, and answers it.
  expect(client.count(0, atSignal).lost).toBeLessThanOrEqual(inFlight);
  expect(client.count(atDeath).lost).toBe(0);
  expect(counted.lost).toBeLessThan(0.8 * (inFlight + atDeath - atSignal));
  expect(counted.failed).toBe(0);
  expect((await unloop.metrics()).value('unloop_workers')).toBe(2);
});
