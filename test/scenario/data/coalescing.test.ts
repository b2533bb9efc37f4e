// Identical queries in flight share one query to the upstream (RFC 5452 §5); each client gets its
// own answer.
import { describe, expect, it } from 'vitest';
import { later } from '../../kit/actions.ts';
import { answer, servfail } from '../../kit/answers.ts';
import { queryBytes, readAnswer, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import { SOCKETS, startForwarder } from './forwarder.ts';

describe.each(SOCKETS)('coalescing over the $socket', ({ native }) => {
  it('asks once for a hundred clients, and gives each its ID, case, OPT and size', async () => {
    const f = await startForwarder({ native, config: { forward: { deadline: '15s' } } });
    // Silent until all have come.
    f.on('www.example', () => undefined);
    const whole = (query: ReceivedQuery) =>
      answer(query, {
        answers: Array.from({ length: 12 }, () => ({
          type: 'TXT',
          name: 'www.example',
          ttl: 60,
          data: ['x'.repeat(60)],
        })),
      });
    const spell = (i: number) =>
      [...'www.example'].map((letter, at) => ((i >> at) & 1 ? letter.toUpperCase() : letter)).join('');
    const udp = await UdpClient.open(f.port);
    const tcp = await TcpClient.connect(f.port);
    for (let i = 0; i < 100; i++) {
      const query = queryBytes({ name: spell(i), type: 'TXT', id: 1000 + i, edns: i % 2 === 0 });
      (i % 5 === 0 ? tcp : udp).send(query);
    }
    await f.unloop.waitForMetrics((metrics) => metrics.value('unloop_coalesced_total') === 99);
    for (const query of f.asked('www.example')) f.upstream.act(query, whole(query));
    for (let n = 0; n < 100; n++) {
      const reply = readAnswer(await (n < 20 ? tcp : udp).receive());
      const i = reply.id - 1000;
      expect(reply.name).toBe(spell(i));
      expect(reply.opt !== null).toBe(i % 2 === 0);
      // 12 × 73 bytes, as owners become pointers to the question: of 512, which is what a client
      // without OPT takes over UDP, six fit behind it.
      const fits = i % 5 === 0 || i % 2 === 0;
      expect(reply.truncated).toBe(!fits);
      expect(reply.answers).toHaveLength(fits ? 12 : 6);
    }
    udp.close();
    tcp.close();
    expect(await f.questions('www.example')).toBe(1);
    await f.close();
  });

  it('gives a failure to all who waited', async () => {
    const f = await startForwarder({ native });
    f.on('bad.example', (query) => later(200, servfail(query)));
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? f.udp : f.tcp).call(f, { name: 'bad.example', id: i }),
      ),
    );
    expect(replies.map((reply) => reply.rcode)).toEqual(Array(20).fill(2));
    expect(replies.map((reply) => reply.id)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(f.asked('bad.example').length).toBeLessThanOrEqual(3);
    await f.close();
  });

  it('keeps apart what differs in type, class, DO or CD', async () => {
    const f = await startForwarder({ native });
    f.on('www.example', (query) => later(200, answer(query)));
    await Promise.all([
      f.udp({ name: 'www.example' }),
      f.udp({ name: 'www.example', type: 'AAAA' }),
      f.udp({ name: 'www.example', qclass: 3 }),
      f.udp({ name: 'www.example', dnssecOk: true }),
      f.udp({ name: 'www.example', checkingDisabled: true }),
      f.udp({ name: 'WWW.example' }),
    ]);
    expect(await f.questions('www.example')).toBe(5);
    await f.close();
  });

  it('lets a client that is gone not keep the others waiting', async () => {
    const f = await startForwarder({ native });
    f.on('www.example', (query) => later(300, answer(query)));
    const gone = await TcpClient.connect(f.port);
    gone.send(queryBytes({ name: 'www.example' }));
    await f.upstream.received(1);
    const staying = f.udp({ name: 'www.example' });
    gone.socket.resetAndDestroy();
    expect((await staying).answers).toHaveLength(1);
    expect(await f.tcp({ name: 'www.example' })).toMatchObject({ rcode: 0 });
    expect(await f.questions('www.example')).toBe(1);
    await f.close();
  });
});
