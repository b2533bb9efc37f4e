// A worker that throws, hangs or uses all memory: it is replaced, the log says why once, and only
// its own clients wait. Who asks one that hangs is answered by another one.
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { ManyClients, truth } from './many-clients.ts';

async function start(fault: string) {
  const upstream = await startScriptedUpstream(truth);
  onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    config: { workers: 2, upstreams: [`127.0.0.1:${upstream.port}`] },
    env: {
      NODE_OPTIONS: `--require ${join(import.meta.dirname, 'fault-in-a-worker.cjs')}`,
      TEST_WORKER_FAULT: fault,
    },
  });
  const clients = await ManyClients.open(unloop.port);
  onTestFinished(() => clients.close());
  expect(await clients.askEach()).toMatchObject({ right: 40 });
  return { unloop, clients };
}

it.each([
  { fault: 'throw', reason: 'exception', says: 'as the test wants it' },
  { fault: 'hang', reason: 'hang', says: '5000 ms' },
  // Its own limit, and not V8's.
  { fault: 'memory', reason: 'memory', says: 'more than the 384 MiB it may have' },
])('$fault: the other worker serves on, and another one takes its place', {
  timeout: 120_000,
}, async (example) => {
  const { fault, reason, says } = example;
  const { unloop, clients } = await start(fault);

  unloop.signal('SIGUSR2');
  // While it lasts: one of two workers, and so about half of the clients. None of 40 on one worker:
  // odds of 2⁻³⁹.
  const during = await clients.askEach(500);
  expect(during).toMatchObject({ wrong: 0, failed: 0 });
  expect(during.right).toBeGreaterThan(0);
  const line = await unloop.waitForLog((entry) => entry.msg === 'a worker died and is replaced', 30_000);
  expect(line).toMatchObject({ level: 'error', reason });
  expect(line.err).toMatchObject({ message: expect.stringContaining(says) });
  expect(line.remedy).toMatch(/\./);

  await unloop.waitForMetrics(
    (metrics) => metrics.value('unloop_workers') === 2 && metrics.value('unloop_worker_restarts_total') === 1,
  );
  expect(await clients.askEach()).toEqual({ asked: 40, right: 40, wrong: 0, failed: 0, lost: 0 });
  expect(unloop.log.filter((entry) => entry.level === 'error')).toHaveLength(1);
  expect(await unloop.stop()).toBe(0);
});

it.runIf(nativeStatus().available)(
  'hang: what waits for it is answered by another worker, and not lost with it',
  { timeout: 120_000 },
  async () => {
    const { unloop, clients } = await start('hang');
    unloop.signal('SIGUSR2');
    await vi.waitFor(() => expect(unloop.stderr).toContain('fault'), 30_000);
    const during = clients.askEach(30_000);
    await unloop.waitForLog((entry) => entry.msg === 'a worker died and is replaced', 30_000);
    expect(await during).toEqual({ asked: 40, right: 40, wrong: 0, failed: 0, lost: 0 });
    await unloop.waitForMetrics((metrics) => metrics.value('unloop_workers') === 2);
    expect(await clients.askEach()).toMatchObject({ right: 40 });
    expect(await unloop.stop()).toBe(0);
  },
);

it('pause: a worker that stood still for a while lives on, and nobody is left without an answer', {
  timeout: 120_000,
}, async () => {
  const { unloop, clients } = await start('pause');
  unloop.signal('SIGUSR2');
  await vi.waitFor(() => expect(unloop.stderr).toContain('fault'), 30_000);
  expect(await clients.askEach(30_000)).toMatchObject({ right: 40 });
  expect(await clients.askEach(30_000)).toMatchObject({ right: 40 });
  expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  expect(await unloop.stop()).toBe(0);
});
