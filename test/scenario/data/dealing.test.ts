// Queries dealt to the workers by name (docs/adr/0023-names-dealt-to-workers.md): several workers
// are one cache, whatever becomes of them.
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { whyKernelCannotDeal } from '../../../src/io/deal-by-name.ts';
import { nativeStatus } from '../../../src/io/open-socket.ts';
import { portOf } from '../../../src/load/unloop-process.ts';
import { later } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { queryBytes, readAnswer, UdpClient } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import type { ScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamDoing } from '../control/scene.ts';
import { startLoad } from '../control/steady-load.ts';

const canDeal = nativeStatus().available && whyKernelCannotDeal() === '';
const HAS_IPV6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

/** On SIGUSR2 the first worker throws. */
const FAULTY = {
  NODE_OPTIONS: `--require ${join(import.meta.dirname, '../../process-faults/fault-in-a-worker.cjs')}`,
  TEST_WORKER_FAULT: 'throw',
};

/** Upper and lower case mixed, another mix each round. */
function inMixedCase(name: string, round: number): string {
  return [...name].map((letter, i) => ((i + round) % 3 === 0 ? letter.toUpperCase() : letter)).join('');
}

/**
 * Expects that each of these names was asked for upstream once, and that no TTL rose. Where this
 * machine was slow, unloop may have repeated some questions before it read the answer: no more than
 * it counted.
 */
async function expectAskedOnce(
  unloop: UnloopProcess,
  upstream: ScriptedUpstream,
  names: readonly string[],
  { risen }: Asked,
): Promise<void> {
  const known = new Set(names);
  // The others are probes: on a slow machine a client that asks again looks like a loop.
  const asked = upstream.queries.map(({ name }) => name.toLowerCase()).filter((name) => known.has(name));
  expect(new Set(asked).size).toBe(names.length);
  const repeated = (await unloop.metrics()).value('unloop_upstream_failures_total', { reason: 'timeout' });
  expect(asked.length - names.length).toBeLessThanOrEqual(repeated);
  expect(risen.length).toBeLessThanOrEqual(repeated);
}

interface Asked {
  /** Names whose TTL was higher than in an earlier answer. */
  readonly risen: string[];
}

/** Queries of one socket that may wait at a time, and how long until it asks again. */
const WINDOW = 8;
const PATIENCE_MS = 3000;

/**
 * Asks each name in each round from another one of the sockets, and waits for all answers. Whatever
 * a stalled machine loses is asked again.
 */
async function askAll(
  names: readonly string[],
  rounds: number,
  clients: readonly UdpClient[],
): Promise<Asked> {
  const lowestTtl = new Map<string, number>();
  const risen: string[] = [];
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      clients.map(async (client, index) => {
        const mine = names.filter((_, i) => (i + round * 7) % clients.length === index);
        for (let from = 0; from < mine.length; from += WINDOW) {
          const missing = new Map<number, string>();
          for (const [i, name] of mine.slice(from, from + WINDOW).entries())
            missing.set((from + i + round * 1000) & 0xffff, inMixedCase(name, round));
          while (missing.size > 0) {
            for (const [id, name] of missing) client.send(queryBytes({ name, id, edns: round % 2 === 0 }));
            try {
              while (missing.size > 0) {
                const got = readAnswer(await client.receive(PATIENCE_MS));
                const name = missing.get(got.id)?.toLowerCase();
                if (name === undefined || name !== got.name.toLowerCase()) continue;
                // SERVFAIL: the upstream, in this process, was too slow. Asked again.
                if (got.rcode !== 0) continue;
                missing.delete(got.id);
                if (got.ttl > (lowestTtl.get(name) ?? Number.POSITIVE_INFINITY)) risen.push(name);
                lowestTtl.set(name, got.ttl);
              }
            } catch {
              // Lost on the way: asked again.
            }
          }
        }
      }),
    );
  }
  return { risen };
}

const openClients = (port: number, count: number, address?: string) =>
  Promise.all(Array.from({ length: count }, () => UdpClient.open(port, address)));

let series = 0;
/** Names that were never asked for. */
function newNames(count: number): string[] {
  series++;
  return Array.from({ length: count }, (_, i) => `n${i}.series${series}.example`);
}

/** Expects that new names go upstream once, on whatever address and port they are asked. */
async function expectOneHome(
  unloop: UnloopProcess,
  upstream: ScriptedUpstream,
  clients: readonly UdpClient[],
): Promise<void> {
  const names = newNames(40);
  await expectAskedOnce(unloop, upstream, names, await askAll(names, 6, clients));
}

/**
 * Expects that it comes to that: the kernel learns of a process that has left when its program is
 * attached again.
 */
const reachOneHome = (...scene: Parameters<typeof expectOneHome>) =>
  vi.waitFor(() => expectOneHome(...scene), { timeout: 30_000, interval: 500 });

/** Queries that each worker has received. */
async function spread(unloop: UnloopProcess): Promise<number[]> {
  const { series } = (await unloop.metrics()).families.get('unloop_worker_queries_total')!;
  return series.map(({ value }) => value);
}

const dealtAmong = (unloop: UnloopProcess, workers: number) =>
  unloop.waitForMetrics(
    (metrics) =>
      metrics.value('unloop_workers') === workers &&
      metrics.value('unloop_workers_dealt_by_name') === (workers === 1 ? 0 : workers),
    30_000,
  );

describe.runIf(canDeal)('names dealt to workers', () => {
  it.each([
    2, 4,
  ])('%i workers: 10,000 names asked 10 times from 50 ports go upstream once each; no TTL rises', {
    timeout: 300_000,
  }, async (workers) => {
    const upstream = await upstreamDoing((query) => answer(query, { ttl: 3600 }));
    const unloop = await startUnloop({ config: { workers, upstreams: [upstream.text], loop: QUIET_LOOP } });
    const clients = await openClients(unloop.port, 50);
    const names = newNames(10_000);
    await expectAskedOnce(unloop, upstream, names, await askAll(names, 10, clients));

    // The gauge is up to a second old.
    const metrics = await unloop.waitForMetrics((now) => now.value('unloop_cache_entries') >= 10_000);
    expect(metrics.value('unloop_cache_entries')).toBeLessThan(10_100);
    expect(metrics.value('unloop_workers_dealt_by_name')).toBe(workers);
    const queries = metrics.value('unloop_worker_queries_total');
    for (let worker = 0; worker < workers; worker++) {
      const share = metrics.value('unloop_worker_queries_total', { worker: String(worker) }) / queries;
      expect(Math.abs(share * workers - 1)).toBeLessThan(0.5);
    }
    for (const client of clients) client.close();
    expect(await unloop.stop()).toBe(0);
  });

  it('one home for a name on every address, also after a worker died and after a reload', {
    timeout: 120_000,
  }, async () => {
    const upstream = await upstreamDoing((query) => answer(query, { ttl: 3600 }));
    const listen = ['127.0.0.1:0', '127.0.0.2:0', '0.0.0.0:0', ...(HAS_IPV6 ? ['[::1]:0', '[::]:0'] : [])];
    const config = { listen, workers: 3, upstreams: [upstream.text], loop: QUIET_LOOP };
    const unloop = await startUnloop({
      config,
      env: FAULTY,
    });
    const clients: UdpClient[] = [];
    for (const bound of unloop.listen) {
      const host = bound.slice(0, bound.lastIndexOf(':')).replace(/[[\]]/g, '');
      const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
      clients.push(...(await openClients(portOf(bound), 4, address)));
    }
    await expectOneHome(unloop, upstream, clients);

    unloop.signal('SIGUSR2');
    await unloop.waitForMetrics((metrics) => metrics.value('unloop_worker_restarts_total') === 1, 30_000);
    await dealtAmong(unloop, 3);
    await expectOneHome(unloop, upstream, clients);

    for (const [reload, workers] of [4, 2].entries()) {
      unloop.writeConfig({ ...config, workers });
      await unloop.waitForMetrics(
        (metrics) => metrics.value('unloop_reloads_total', { result: 'ok' }) > reload,
        30_000,
      );
      await dealtAmong(unloop, workers);
      await expectOneHome(unloop, upstream, clients);
    }
    for (const client of clients) client.close();
    expect(await unloop.stop()).toBe(0);
  });

  it.each([
    ['127.0.0.1', '0.0.0.0'],
    ['0.0.0.0', '127.0.0.1'],
  ])('%s and %s on one port', { timeout: 120_000 }, async (...hosts) => {
    const upstream = await upstreamDoing((query) => answer(query, { ttl: 3600 }));
    const port = await freePort();
    const listen = hosts.map((host) => `${host}:${port}`);
    const unloop = await startUnloop({
      config: { listen, workers: 3, upstreams: [upstream.text], loop: QUIET_LOOP },
    });
    const clients = [...(await openClients(port, 4)), ...(await openClients(port, 4, '127.0.0.2'))];
    await expectOneHome(unloop, upstream, clients);
    for (const client of clients) client.close();
    expect(await unloop.stop()).toBe(0);
  });

  it('a worker that dies under load takes with it what it had in flight, and nothing else', {
    timeout: 120_000,
  }, async () => {
    const upstream = await upstreamDoing((query) => later(50, answer(query, { address: '192.0.2.1' })));
    const unloop = await startUnloop({
      config: { workers: 2, upstreams: [upstream.text], loop: QUIET_LOOP },
      env: FAULTY,
    });
    const load = startLoad(unloop.port);
    await load.seen('192.0.2.1', 400);
    unloop.signal('SIGUSR2');
    await unloop.waitForLog((line) => line.msg === 'a worker died and is replaced', 30_000);
    const sentAtDeath = load.sent;
    await unloop.waitForMetrics(
      (metrics) =>
        metrics.value('unloop_workers_dealt_by_name') === 2 && metrics.value('unloop_workers') === 2,
    );
    await load.more(400);
    const { lost, sent, answers } = await load.stop();
    expect(answers.get('192.0.2.1')! + lost.length).toBe(sent);
    // Sent while it lived. What was sent long before its death had been answered.
    const numbers = lost.map((name) => Number(/^q(\d+)\./.exec(name)![1]));
    for (const number of numbers) expect(number).toBeLessThan(sentAtDeath);
    expect(lost.length).toBeLessThan(sentAtDeath / 2);
    expect(await unloop.stop()).toBe(0);
  });

  it('the process that follows deals them too, once the one before has left', {
    timeout: 120_000,
  }, async () => {
    const upstream = await upstreamDoing((query) => answer(query, { ttl: 3600 }));
    const port = await freePort();
    const config = { listen: [`127.0.0.1:${port}`], upstreams: [upstream.text], loop: QUIET_LOOP };
    const first = await startUnloop({ config: { ...config, workers: 2 } });
    const clients = await openClients(port, 16);
    await expectOneHome(first, upstream, clients);
    const second = await startUnloop({ config: { ...config, workers: 3, takeOver: true } });
    expect(await first.stop()).toBe(0);
    await reachOneHome(second, upstream, clients);
    for (const client of clients) client.close();
    expect(await second.stop()).toBe(0);
  });

  it.each([1, 4])('so does the process before, when one with %i workers follows and dies', {
    timeout: 120_000,
  }, async (workers) => {
    const upstream = await upstreamDoing((query) => answer(query, { ttl: 3600 }));
    const port = await freePort();
    const config = { listen: [`127.0.0.1:${port}`], upstreams: [upstream.text], loop: QUIET_LOOP };
    const first = await startUnloop({ config: { ...config, workers: 3 } });
    const clients = await openClients(port, 16);
    await expectOneHome(first, upstream, clients);
    const second = await startUnloop({ config: { ...config, workers, takeOver: true } });
    second.signal('SIGKILL');
    await second.exited;
    await reachOneHome(first, upstream, clients);
    await vi.waitFor(
      async () => {
        const before = await spread(first);
        await askAll(newNames(60), 1, clients);
        const after = await spread(first);
        expect(after.map((count, worker) => count > before[worker]!)).toEqual([true, true, true]);
      },
      { timeout: 30_000, interval: 500 },
    );
    for (const client of clients) client.close();
    expect(await first.stop()).toBe(0);
  });
});
