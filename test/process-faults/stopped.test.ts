// The whole process stops and continues, as after SIGSTOP, a debugger, a frozen control group or
// suspend: no worker counts as hung, no upstream as dead, no reply as late.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { later } from '../kit/actions.ts';
import { answer } from '../kit/answers.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { addressOf, ManyClients } from './many-clients.ts';

const STOPPED_MS = 10_000;

it('SIGSTOP for ten seconds, then SIGCONT', { timeout: 120_000 }, async () => {
  const upstream = await startScriptedUpstream((query) =>
    later(300, answer(query, { address: addressOf(query.name) })),
  );
  onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    config: { workers: 2, upstreams: [`127.0.0.1:${upstream.port}`], loop: { probe: { onStart: false } } },
  });
  const clients = await ManyClients.open(unloop.port);
  const others = await ManyClients.open(unloop.port, 40, 100_001);
  onTestFinished(() => {
    clients.close();
    others.close();
  });
  expect(await clients.askEach()).toMatchObject({ right: 40 });

  // In flight: asked of the upstream, not answered yet.
  const inFlight = clients.askEach(30_000);
  await upstream.receivedNames(80);
  unloop.signal('SIGSTOP');
  await sleep(STOPPED_MS / 2);
  const atStop = upstream.queries.length;
  // Waiting in the sockets, unread.
  const unread = others.askEach(30_000);
  await sleep(STOPPED_MS / 2);
  unloop.signal('SIGCONT');

  const all = { asked: 40, right: 40, wrong: 0, failed: 0, lost: 0 };
  expect(await inFlight).toEqual(all);
  expect(await unread).toEqual(all);
  expect(await clients.askEach()).toEqual(all);
  // What waited was asked once; repeats there may be where this machine was slow, a storm not.
  expect(upstream.queries.length - atStop).toBeLessThanOrEqual(2 * 80);
  const metrics = await unloop.metrics();
  expect(metrics.value('unloop_worker_restarts_total')).toBe(0);
  expect(metrics.value('unloop_upstream_state', { state: 'up' })).toBe(1);
  expect(unloop.log.filter(({ level }) => level === 'error')).toEqual([]);
  // All 40 in flight, if the standstill were taken for the upstream's. A few may be late where this
  // machine was slow.
  expect(metrics.value('unloop_upstream_failures_total', { reason: 'timeout' })).toBeLessThan(40);
  expect(await unloop.stop()).toBe(0);
});
