// A random-subdomain attack, with no answer for a quarter of the names: memory stays bounded, and
// cached names are still answered. FLOOD_SECONDS and FLOOD_QPS make it longer and heavier,
// FLOOD_REPORT names a file for its figures.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { type Answer, askUdp, nameBytes, queryBytes, readAnswer, UdpClient } from '../kit/dns-client.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { fitTrend, sureGrowth } from '../soak/regression.ts';
import { addressFor, FloodUpstream } from './flood-upstream.ts';
import { Flooder } from './flooder.ts';

const SECONDS = Number(process.env.FLOOD_SECONDS ?? 10);
const QUERIES_PER_SECOND = Number(process.env.FLOOD_QPS ?? 2000);
const HOT_NAMES = 50;
const CACHE_ENTRIES = 5000;
/**
 * More than the cache and its 16 MiB, thousands of flights and waiters, and a heap before its
 * collection can take.
 */
const MOST_GROWTH_MIB = 200;

const rssMib = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
const hotName = (i: number) => `hot${i % HOT_NAMES}.example`;

/** Asks for hot names one after the other for a while; times in ms, sorted. */
async function askHot(
  client: UdpClient,
  forMs: number,
): Promise<{ timesMs: number[]; wrong: number; lost: number }> {
  const timesMs: number[] = [];
  let wrong = 0;
  let lost = 0;
  const endMs = performance.now() + forMs;
  for (let i = 0; performance.now() < endMs; i++) {
    const startMs = performance.now();
    client.send(queryBytes({ name: hotName(i), id: i & 0xffff }));
    const reply = await receiveReply(client, i & 0xffff);
    if (reply === null) {
      lost++;
      continue;
    }
    timesMs.push(performance.now() - startMs);
    const truth = [...addressFor(nameBytes(hotName(i)))].join('.');
    const [first] = reply.answers;
    if (reply.rcode !== 0 || (first as { data?: unknown }).data !== truth) wrong++;
    await sleep(5);
  }
  return { timesMs: timesMs.sort((a, b) => a - b), wrong, lost };
}

/**
 * The answer with this ID; null where none comes: on a machine with no time to read, the kernel
 * drops datagrams.
 */
async function receiveReply(client: UdpClient, id: number): Promise<Answer | null> {
  for (;;) {
    const bytes = await client.receive(2000).catch(() => null);
    if (bytes === null) return null;
    const reply = readAnswer(bytes);
    if (reply.id === id) return reply;
  }
}

const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)]!;

it('memory is bounded, and names in the cache are answered from it', {
  timeout: (SECONDS + 60) * 1000,
}, async () => {
  const upstream = await FloodUpstream.open();
  onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    config: {
      workers: 1,
      upstreams: [upstream.text],
      cache: { maxEntries: CACHE_ENTRIES, maxBytes: '16MiB', prefetch: { hits: 1_000_000 } },
      forward: { maxInFlight: 4000, deadline: '1800ms' },
    },
  });
  const client = await UdpClient.open(unloop.port);
  onTestFinished(() => client.close());
  // Into the cache; a stalled machine may miss a deadline.
  for (let i = 0; i < HOT_NAMES; i++) {
    while ((await askUdp(unloop.port, { name: hotName(i) })).rcode !== 0);
  }
  const before = await askHot(client, 2000);
  expect(before.wrong).toBe(0);
  const startMib = rssMib(unloop.child.pid);

  const flooder = await Flooder.open(unloop.port, (i) =>
    i % 4 === 0 ? `r${i}x${Math.random()}.silent.example` : `r${i}x${Math.random()}.example`,
  );
  const rss: { atMs: number; value: number }[] = [];
  const watch = setInterval(
    () => rss.push({ atMs: performance.now(), value: rssMib(unloop.child.pid) }),
    SECONDS > 60 ? 1000 : 100,
  );
  flooder.start(QUERIES_PER_SECOND);
  const during = await askHot(client, SECONDS * 1000);
  const sent = flooder.stop();
  clearInterval(watch);

  const metrics = await unloop.metrics();
  // The first third fills the cache and the pools.
  const settled = rss.slice(Math.floor(rss.length / 3));
  const trend = fitTrend(
    settled.map(({ atMs }) => atMs),
    settled.map(({ value }) => value),
    'mean',
  );
  const growthMib = sureGrowth(trend, settled.at(-1)!.atMs - settled[0]!.atMs);
  const figures = {
    seconds: SECONDS,
    sent,
    answered: flooder.answered,
    rcodes: flooder.rcodes,
    hotBefore: {
      asked: before.timesMs.length,
      medianMs: at(before.timesMs, 0.5),
      p99Ms: at(before.timesMs, 0.99),
    },
    hotDuring: {
      asked: during.timesMs.length,
      wrong: during.wrong,
      lost: during.lost,
      medianMs: at(during.timesMs, 0.5),
      p99Ms: at(during.timesMs, 0.99),
      worstMs: during.timesMs.at(-1),
    },
    startMib,
    mostMib: Math.max(...rss.map(({ value }) => value)),
    endMib: rss.at(-1)!.value,
    sureGrowthMib: growthMib,
    mibPerHour: trend.perHour,
    mibPerHourError: trend.perHourError,
    cacheEntries: metrics.value('unloop_cache_entries'),
    cacheBytes: metrics.value('unloop_cache_bytes'),
    evictions: metrics.value('unloop_cache_evictions_total'),
    restarts: metrics.value('unloop_worker_restarts_total'),
  };
  console.log(JSON.stringify(figures));
  if (process.env.FLOOD_REPORT !== undefined)
    writeFileSync(process.env.FLOOD_REPORT, `${JSON.stringify(figures, null, 2)}\n`);

  expect(during.wrong).toBe(0);
  expect(during.lost).toBeLessThanOrEqual(3 + during.timesMs.length / 50);
  expect(flooder.wrong).toBe(0);
  expect(figures.restarts).toBe(0);
  expect(figures.evictions).toBeGreaterThan(0);
  expect(figures.cacheEntries).toBeLessThanOrEqual(CACHE_ENTRIES);
  expect(figures.mostMib - startMib).toBeLessThan(MOST_GROWTH_MIB);
});
