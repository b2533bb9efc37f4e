// Overload of every kind: a burst, one greedy client, more connections than descriptors, half-
// written queries. Unloop sheds what is over the limit, gives no wrong answer, and serves as before
// once it is over.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { askTcp, askUdp, queryBytes, readAnswer, TcpClient, UdpClient } from '../kit/dns-client.ts';
import { startUnloop, type UnloopOptions, type UnloopProcess } from '../kit/unloop-process.ts';
import { FloodUpstream } from './flood-upstream.ts';
import { Flooder } from './flooder.ts';

const TIMEOUT = { timeout: 120_000 };
const REFUSED = 5;
const BURSTS = 3;

async function start(
  config: object,
  options: UnloopOptions = {},
): Promise<{ unloop: UnloopProcess; upstream: FloodUpstream }> {
  const upstream = await FloodUpstream.open();
  onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    config: { workers: 1, upstreams: [upstream.text], ...config },
    ...options,
  });
  return { unloop, upstream };
}

/**
 * Asks for new names, one every few ms as one may be refused or lost; resolves when one is
 * answered.
 */
async function untilAnswered(client: UdpClient): Promise<void> {
  const ask = () => client.send(queryBytes({ name: `new${Math.random()}.example` }));
  const asking = setInterval(ask, 10);
  try {
    ask();
    while (readAnswer(await client.receive(20_000)).rcode !== 0);
  } finally {
    clearInterval(asking);
  }
}

/**
 * How long new names take that are asked one after the other, ms: the slowest of a second's worth.
 */
async function slowestMs(unloop: UnloopProcess): Promise<number> {
  let slowest = 0;
  for (let i = 0; i < 10; i++) {
    const startMs = performance.now();
    expect((await askUdp(unloop.port, { name: `calm${Math.random()}.example` })).rcode).toBe(0);
    slowest = Math.max(slowest, performance.now() - startMs);
  }
  return slowest;
}

it(
  '50,000 different questions at once: what is beyond maxInFlight is REFUSED, and within a second all is as before',
  TIMEOUT,
  async () => {
    const { unloop, upstream } = await start({ forward: { maxInFlight: 500 } });
    upstream.delayMs = 100;
    const flooder = await Flooder.open(unloop.port, (i) => `b${i}.example`);
    const client = await UdpClient.open(unloop.port);
    onTestFinished(() => {
      flooder.close();
      client.close();
    });
    // A machine that stalls just then is late once; an unloop that does not recover is, each time.
    let isInTime = false;
    for (let round = 1; round <= BURSTS && !isInTime; round++) {
      const calmMs = await slowestMs(unloop);
      // In parts, so that the kernel's buffers do not swallow most of it before unloop sees any.
      let lastMs = 0;
      while (flooder.sent < 50_000 * round) {
        flooder.send(500);
        lastMs = performance.now();
        await sleep(1);
      }
      await untilAnswered(client);
      const recoveryMs = performance.now() - lastMs;
      const afterwardsMs = await slowestMs(unloop);
      console.log(
        `answered again ${Math.round(recoveryMs)} ms after the last of 50,000; new names took ${Math.round(calmMs)} ms before, ` +
          `${Math.round(afterwardsMs)} ms afterwards, ${upstream.delayMs} of them upstream`,
      );
      // A second, where a new name takes what its upstream takes; as many times longer as
      // everything does on this machine just now.
      const slowness = Math.max(calmMs, afterwardsMs) / upstream.delayMs;
      isInTime = recoveryMs < 1000 * slowness;
    }
    expect(isInTime).toBe(true);
    const metrics = await unloop.metrics();
    expect(flooder.wrong).toBe(0);
    expect(flooder.rcodes[REFUSED]).toBeGreaterThan(0);
    expect(metrics.value('unloop_dropped_total', { reason: 'in_flight_limit' })).toBeGreaterThan(0);
    expect(metrics.value('unloop_worker_restarts_total')).toBe(0);
  },
);

/**
 * Of 40 clients, each with a question of its own, how many are answered. Each asks again once, as a
 * machine under this load may lose a datagram or miss the deadline; not one that was refused.
 */
async function countAnswered(unloop: UnloopProcess): Promise<number> {
  let answered = 0;
  for (let i = 0; i < 40; i++) {
    const client = await UdpClient.open(unloop.port, '127.0.0.1', `127.0.1.${i + 1}`);
    for (let time = 1; time <= 2; time++) {
      client.send(queryBytes({ name: `o${i}-${time}.example` }));
      // Longer than the deadline: a late reply would be taken for the next one.
      const reply = await client.receive(8000).catch(() => null);
      const rcode = reply === null ? -1 : readAnswer(reply).rcode;
      if (rcode === 0) answered++;
      if (rcode === 0 || rcode === REFUSED) break;
    }
    client.close();
  }
  return answered;
}

it.each([
  ['is held to what others leave', { perClientWaiting: 0 }, REFUSED],
  ['is held to its rate, where it has one', { perClientQps: 50 }, 0],
  ['is held to so many that wait', { perClientWaiting: 100 }, 0],
])('one client that asks without end %s; others are answered', TIMEOUT, async (_, limits, rcode) => {
  const { unloop } = await start({ limits, forward: { maxInFlight: 500 } });
  const flooder = await Flooder.open(unloop.port, (i) => `g${i}.silent.example`, '127.0.0.9');
  onTestFinished(() => flooder.close());
  flooder.start(2000);
  await expect.poll(() => flooder.rcodes[rcode] ?? 0, { timeout: 30_000 }).toBeGreaterThan(100);
  const answered = await countAnswered(unloop);
  flooder.stop();
  // Left to itself it would have all 500 places; a datagram may be lost on a machine under load.
  expect(answered).toBeGreaterThanOrEqual(38);
  // Of what it asked nothing has an answer: what it got of NOERROR was TC alone.
  expect(flooder.rightAnswers).toBe(0);
});

it(
  'one client that asks more than an upstream takes at once leaves room there for others',
  TIMEOUT,
  async () => {
    const { unloop } = await start({ limits: { perClientWaiting: 0 }, forward: { deadline: '1800ms' } });
    const flooder = await Flooder.open(unloop.port, (i) => `u${i}.silent.example`, '127.0.0.9');
    onTestFinished(() => flooder.close());
    flooder.start(5000);
    const overloads = { reason: 'overload' };
    await unloop.waitForMetrics((now) => now.value('unloop_upstream_failures_total', overloads) > 1000);
    // The first are past their deadline, and linger for late replies.
    await sleep(1000);
    expect(await countAnswered(unloop)).toBeGreaterThanOrEqual(38);
    flooder.stop();
  },
);

it('a client that asks alone has every slot, and no more', TIMEOUT, async () => {
  const { unloop } = await start({ forward: { maxInFlight: 500, deadline: '30s' } });
  const flooder = await Flooder.open(unloop.port, (i) => `a${i}.silent.example`);
  onTestFinished(() => flooder.close());
  for (let i = 0; i < 14; i++) {
    flooder.send(50);
    await sleep(10);
  }
  await unloop.waitForMetrics((now) => {
    const queries = now.value('unloop_queries_total');
    const refused = now.value('unloop_dropped_total', { reason: 'in_flight_limit' });
    return queries > 600 && refused === queries - 500 && now.value('unloop_in_flight') === 500;
  });
});

it(
  'more TCP connections than descriptors: UDP is answered meanwhile, TCP again when they are gone',
  TIMEOUT,
  async () => {
    const { unloop } = await start({}, { prefix: ['prlimit', '--nofile=80:80'] });
    const connections = await Promise.all(Array.from({ length: 200 }, () => TcpClient.connect(unloop.port)));
    onTestFinished(() => {
      for (const connection of connections) connection.close();
    });
    const descriptors = () => readdirSync(`/proc/${unloop.child.pid}/fd`).length;
    await expect.poll(descriptors, { timeout: 30_000 }).toBeGreaterThanOrEqual(76);
    for (let i = 0; i < 20; i++) expect((await askUdp(unloop.port, { name: `d${i}.example` })).rcode).toBe(0);
    for (const connection of connections) connection.close();
    await expect
      .poll(() => askTcp(unloop.port, { name: 'later.example' }).then(({ rcode }) => rcode), {
        timeout: 40_000,
      })
      .toBe(0);
    expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  },
);

it(
  'a thousand connections that send half a message: UDP is answered meanwhile, and they are closed in time',
  TIMEOUT,
  async () => {
    const { unloop } = await start({ limits: { tcpConnections: 1000, tcpIdle: '2s' } });
    const half = queryBytes({ name: 'half.example' }).subarray(0, 7);
    const connections = await Promise.all(Array.from({ length: 1000 }, () => TcpClient.connect(unloop.port)));
    onTestFinished(() => {
      for (const connection of connections) connection.close();
    });
    for (const connection of connections) connection.socket.write(Buffer.concat([Buffer.of(0, 30), half]));
    for (let i = 0; i < 20; i++) expect((await askUdp(unloop.port, { name: `t${i}.example` })).rcode).toBe(0);
    await Promise.all(connections.map(({ closed }) => closed));
    expect((await askTcp(unloop.port, { name: 'later.example' })).rcode).toBe(0);
    await unloop.waitForMetrics((metrics) => metrics.value('unloop_tcp_connections') <= 1);
  },
);
