// Stop: queries in flight get answers, new ones go elsewhere, and the exit code is 0.
import { describe, expect, it } from 'vitest';
import { later } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { askUdp, queryBytes, readAnswer, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamDoing, upstreamSaying } from './scene.ts';
import { startLoad } from './steady-load.ts';

const SOCKETS = [
  { socket: 'batched socket', native: true },
  { socket: 'node:dgram', native: false },
] as const;

describe.each(SOCKETS)('with the $socket', ({ native }) => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s: everything in flight is answered', async (signal) => {
    const upstream = await upstreamDoing((query) => later(300, answer(query)));
    const unloop = await startUnloop({
      native,
      config: { upstreams: [upstream.text], workers: 2, loop: QUIET_LOOP },
    });
    const udp = await UdpClient.open(unloop.port);
    const tcp = await TcpClient.connect(unloop.port);
    const ids = Array.from({ length: 100 }, (_, i) => i);
    for (const id of ids) udp.send(queryBytes({ name: `u${id}.example`, id }));
    for (const id of ids) tcp.send(queryBytes({ name: `t${id}.example`, id }));
    await upstream.receivedNames(200);
    unloop.signal(signal);
    for (const client of [udp, tcp]) {
      const answers = await Promise.all(ids.map(async () => readAnswer(await client.receive())));
      expect(answers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(ids);
      expect(answers.every(({ rcode, ttl }) => rcode === 0 && ttl > 0)).toBe(true);
    }
    await tcp.closed;
    udp.close();
    tcp.close();
    expect(await unloop.exited).toBe(0);
    expect(unloop.log.at(-1)!.msg).toBe('unloop has stopped');
  });
});

it('answers new queries in the lameduck phase, but is no longer ready', async () => {
  const upstream = await upstreamSaying('192.0.2.1');
  const unloop = await startUnloop({
    config: { upstreams: [upstream.text], lameduck: '2s', loop: QUIET_LOOP },
  });
  for (const path of ['/ready', '/serving']) expect((await unloop.admin(path)).status).toBe(200);
  const load = startLoad(unloop.port);
  await load.more(40);
  unloop.signal('SIGTERM');
  const ready = await until(
    () => unloop.admin('/ready'),
    (reply) => reply.status !== 200,
  );
  expect(ready.status).toBe(503);
  expect(await ready.json()).toEqual({ ready: false, reason: 'draining' });
  expect((await unloop.admin('/health')).status).toBe(200);
  expect((await unloop.admin('/serving')).status).toBe(503);
  await load.more(100);
  const { lost, answers } = await load.stop();
  expect(lost).toEqual([]);
  expect([...answers.keys()]).toEqual(['192.0.2.1']);
  expect((await askUdp(unloop.port, { name: 'late.example' })).rcode).toBe(0);
  expect(await unloop.exited).toBe(0);
});

it('stops at once on a second signal', async () => {
  const upstream = await upstreamDoing(() => undefined);
  const unloop = await startUnloop({
    config: { upstreams: [upstream.text], lameduck: '2m', forward: { deadline: '30s' }, loop: QUIET_LOOP },
  });
  const client = await UdpClient.open(unloop.port);
  client.send(queryBytes({ name: 'never.example' }));
  await upstream.received(1);
  unloop.signal('SIGTERM');
  await unloop.waitForLog((line) => line.msg === 'stopping');
  unloop.signal('SIGINT');
  // The test's time-out is far below the two minutes of the first signal.
  expect(await unloop.exited).toBe(0);
  expect(unloop.log.some((line) => line.msg === 'stopping at once')).toBe(true);
  client.close();
});

it('keeps running when nobody reads its log any more', async () => {
  const upstream = await upstreamSaying('192.0.2.1');
  const unloop = await startUnloop({
    config: { upstreams: [upstream.text], log: { level: 'debug', queries: true }, loop: QUIET_LOOP },
  });
  unloop.child.process.stdout!.destroy();
  unloop.child.process.stderr!.destroy();
  for (let i = 0; i < 50; i++) expect((await askUdp(unloop.port, { name: `n${i}.example` })).rcode).toBe(0);
  unloop.signal('SIGHUP');
  await unloop.waitForMetrics((metrics) => metrics.value('unloop_reloads_total', { result: 'ok' }) === 1);
  expect((await askUdp(unloop.port, { name: 'still.example' })).rcode).toBe(0);
  expect(await unloop.stop()).toBe(0);
});
