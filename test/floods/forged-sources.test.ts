// Datagrams with a forged source address neither lock out the victim nor cause a pulse of answers
// toward it. Every address of 127/8 may be used on loopback, so the attacker binds a socket to the
// victim's.
import dgram from 'node:dgram';
import { expect, it, onTestFinished } from 'vitest';
import { askTcp, askUdp, queryBytes, readAnswer, TcpClient } from '../kit/dns-client.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { FloodUpstream } from './flood-upstream.ts';
import { Flooder } from './flooder.ts';
import { PulseUpstream } from './pulse-upstream.ts';

const VICTIM = '127.0.0.9';

it('limits.perClientQps: while a victim’s address is forged, it has its answers over TCP', {
  timeout: 120_000,
}, async () => {
  const upstream = await FloodUpstream.open();
  onTestFinished(() => upstream.close());
  const config = { workers: 1, upstreams: [upstream.text], limits: { perClientQps: 50 } };
  const unloop = await startUnloop({ config });
  const forger = await Flooder.open(unloop.port, (i) => `f${i}.example`, VICTIM);
  onTestFinished(() => forger.close());
  forger.start(2000);
  await unloop.waitForMetrics(
    (metrics) => metrics.value('unloop_dropped_total', { reason: 'rate_limited' }) > 500,
  );
  for (let i = 0; i < 20; i++) {
    const question = { name: `v${i}.example` };
    const overUdp = await askUdp(unloop.port, question, '127.0.0.1', VICTIM);
    // Now and then the victim is quicker than the forger.
    expect(overUdp.rcode).toBe(0);
    if (overUdp.truncated) {
      expect(overUdp.answers).toEqual([]);
      expect(overUdp.bytes.length).toBeLessThanOrEqual(queryBytes(question).length);
    }
    const overTcp = await askTcp(unloop.port, question, '127.0.0.1', VICTIM);
    expect(overTcp).toMatchObject({ rcode: 0, truncated: false });
    expect(overTcp.answers).toHaveLength(1);
    expect((await askUdp(unloop.port, question, '127.0.0.1', '127.0.0.10')).answers).toHaveLength(1);
  }
  forger.stop();
  expect(forger.wrong).toBe(0);
});

it('limits.perClientWaiting: answers held for a victim’s address do not become a pulse, and others are served meanwhile', {
  timeout: 120_000,
}, async () => {
  const upstream = await PulseUpstream.open();
  onTestFinished(() => upstream.close());
  const config = {
    workers: 1,
    upstreams: [upstream.text],
    forward: { deadline: '30s' },
    limits: { perClientWaiting: 100 },
  };
  const unloop = await startUnloop({ config });
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 8 * 1024 * 1024 });
  onTestFinished(() => {
    socket.close();
  });
  await new Promise<void>((resolve) => socket.bind(0, VICTIM, resolve));
  const got = { sentToTcp: 0, pulse: 0, longest: 0 };
  socket.on('message', (bytes) => {
    if ((bytes[2]! & 2) !== 0) {
      got.sentToTcp++;
      got.longest = Math.max(got.longest, bytes.length);
    } else got.pulse++;
  });

  // A whole batch of queries slowly, each with an answer that is kept back.
  const question = (i: number) => ({ name: `p${i}.held.example`, type: 'TXT', id: i });
  for (let i = 0; i < 500; i++) {
    socket.send(queryBytes(question(i)), unloop.port, '127.0.0.1');
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const limited = { reason: 'client_waiting_limit' };
  await unloop.waitForMetrics((metrics) => metrics.value('unloop_dropped_total', limited) === 400);
  await expect.poll(() => got.sentToTcp, { timeout: 30_000 }).toBe(400);
  expect(got.longest).toBeLessThanOrEqual(queryBytes(question(499)).length);

  // Honest clients meanwhile, and the victim itself, which is sent to TCP.
  expect((await askUdp(unloop.port, { name: 'victim.example' }, '127.0.0.1', VICTIM)).truncated).toBe(true);
  for (let i = 0; i < 40; i++) {
    const reply = await askUdp(unloop.port, { name: `h${i}.example` }, '127.0.0.1', `127.0.1.${i + 1}`);
    expect(reply.rcode).toBe(0);
  }
  const stream = await TcpClient.connect(unloop.port, '127.0.0.1', VICTIM);
  stream.send(queryBytes({ name: 'stream.example' }));
  expect(readAnswer(await stream.receive()).rcode).toBe(0);
  stream.close();

  expect(got.pulse).toBe(0);
  upstream.release();
  await expect.poll(() => got.pulse, { timeout: 30_000 }).toBe(100);
  expect((await askUdp(unloop.port, { name: 'after.example' }, '127.0.0.1', VICTIM)).rcode).toBe(0);
});
