// TCP as clients use and misuse it (RFC 7766): pipelines, split and joined reads, half-close, idle
// connections, slow readers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { later } from '../../kit/actions.ts';
import { answer, truncated } from '../../kit/answers.ts';
import { framed, queryBytes, readAnswer, TcpClient } from '../../kit/dns-client.ts';
import { type Forwarder, startForwarder } from './forwarder.ts';

describe('a TCP client', () => {
  let f: Forwarder;
  beforeAll(async () => {
    f = await startForwarder();
  });
  afterAll(() => f.close());

  it('may pipeline: every query is answered, on the same connection (RFC 7766 §6.2.1.1)', async () => {
    const client = await TcpClient.connect(f.port);
    const queries = Array.from({ length: 200 }, (_, i) =>
      framed(queryBytes({ name: `p${i}.example`, id: i })),
    );
    client.write(Buffer.concat(queries));
    const ids = new Set<number>();
    for (let i = 0; i < 200; i++) ids.add((await client.receive()).readUInt16BE(0));
    expect(ids.size).toBe(200);
    client.close();
  });

  it('may have more in its pipeline than is read at once', async () => {
    const client = await TcpClient.connect(f.port);
    for (let i = 0; i < 3000; i++) client.send(queryBytes({ name: `q${i % 700}.example`, id: i }));
    const ids = new Set<number>();
    for (let i = 0; i < 3000; i++) ids.add((await client.receive()).readUInt16BE(0));
    expect(ids.size).toBe(3000);
    client.close();
  });

  it('gets answers as they come, not in the order asked (RFC 7766 §6.2.1.1)', async () => {
    f.on('slow.example', () => undefined);
    const client = await TcpClient.connect(f.port);
    client.send(queryBytes({ name: 'slow.example', id: 1 }));
    client.send(queryBytes({ name: 'quick.example', id: 2 }));
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
    f.on('slow.example', (query) => answer(query));
    for (const query of f.asked('slow.example')) f.upstream.act(query, answer(query));
    expect((await client.receive()).readUInt16BE(0)).toBe(1);
    client.close();
  });

  it('may send byte by byte (RFC 7766 §8)', async () => {
    const client = await TcpClient.connect(f.port);
    for (const byte of framed(queryBytes({ name: 'drip.example', id: 77 }))) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(readAnswer(await client.receive())).toMatchObject({ id: 77, rcode: 0 });
    client.close();
  });

  it('may cut its stream anywhere', async () => {
    const stream = Buffer.concat(
      Array.from({ length: 10 }, (_, i) => framed(queryBytes({ name: `cut${i}.example`, id: i }))),
    );
    const client = await TcpClient.connect(f.port);
    for (let at = 0; at < stream.length; at += 17) {
      client.write(stream.subarray(at, at + 17));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const ids = new Set<number>();
    for (let i = 0; i < 10; i++) ids.add((await client.receive()).readUInt16BE(0));
    expect(ids.size).toBe(10);
    client.close();
  });

  it('that closes its side is answered all the same, then the connection ends (RFC 7766 §6.2.4)', async () => {
    f.on('half.example', (query) => later(300, answer(query)));
    const client = await TcpClient.connect(f.port);
    client.send(queryBytes({ name: 'half.example', id: 5 }));
    client.send(queryBytes({ name: 'half2.example', id: 6 }));
    client.end();
    const ids = [await client.receive(), await client.receive()].map((bytes) => bytes.readUInt16BE(0));
    expect(ids.sort()).toEqual([5, 6]);
    await client.closed;
    client.close();
  });

  it('that is gone before its answer does no harm', async () => {
    f.on('gone.example', (query) => later(200, answer(query)));
    for (let i = 0; i < 20; i++) {
      const client = await TcpClient.connect(f.port);
      client.send(queryBytes({ name: 'gone.example' }));
      if (i % 2 === 0) client.close();
      else client.socket.resetAndDestroy();
    }
    expect(await f.tcp({ name: 'gone.example' })).toMatchObject({ rcode: 0 });
    await f.unloop.waitForMetrics((metrics) => metrics.value('unloop_tcp_connections') === 0);
  });

  it('that never reads what it asks for is not read from for ever, and starves nobody', async () => {
    const records = Array.from({ length: 60 }, () => ({
      type: 'TXT' as const,
      name: 'large.example',
      ttl: 60,
      data: ['x'.repeat(250)],
    }));
    f.on('large.example', (query) =>
      query.transport === 'udp' ? truncated(query) : answer(query, { answers: records }),
    );
    await f.tcp({ name: 'large.example', type: 'TXT' });
    const client = await TcpClient.connect(f.port);
    client.socket.pause();
    const query = framed(queryBytes({ name: 'large.example', type: 'TXT' }));
    // 5,000 answers of 16 KB: 80 MB that nobody reads.
    for (let i = 0; i < 5000; i++) client.write(query);
    for (let i = 0; i < 20; i++)
      expect(await f.udp({ name: 'large.example', type: 'TXT' })).toMatchObject({ rcode: 0 });
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_responses_total')).toBeLessThan(5000);
    client.close();
  });
});

describe('limits.tcpIdle', () => {
  it('closes a connection on which nothing whole comes; bytes alone do not keep it open (RFC 7766 §6.2.3)', async () => {
    const IDLE_MS = 1000;
    const f = await startForwarder({ config: { limits: { tcpIdle: `${IDLE_MS}ms` } } });
    // Again, where this process stood still so long that the busy one was idle.
    for (let longestPauseMs = IDLE_MS; longestPauseMs >= IDLE_MS; ) {
      const silent = await TcpClient.connect(f.port);
      const dripping = await TcpClient.connect(f.port);
      const busy = await TcpClient.connect(f.port);
      let busyEnded = false;
      void busy.closed.then(() => {
        busyEnded = true;
      });
      const bytes = framed(queryBytes({ name: 'never.whole.example' }));
      let at = 0;
      let lastMs = performance.now();
      longestPauseMs = 0;
      const note = () => {
        const nowMs = performance.now();
        longestPauseMs = Math.max(longestPauseMs, nowMs - lastMs);
        lastMs = nowMs;
      };
      const drip = setInterval(() => {
        note();
        if (at < bytes.length - 1) dripping.write(bytes.subarray(at, ++at));
        busy.send(queryBytes({ name: 'www.example' }));
      }, 30);
      await Promise.all([silent.closed, dripping.closed]);
      clearInterval(drip);
      note();
      if (longestPauseMs < IDLE_MS) expect(busyEnded).toBe(false);
      await busy.closed;
      for (const client of [silent, dripping, busy]) client.close();
    }
    await f.unloop.waitForMetrics((metrics) => metrics.value('unloop_tcp_connections') === 0);
    await f.close();
  });

  it('waits for an answer that is under way', async () => {
    // Half a second: before it sends, a client on a stalled machine is idle too.
    const f = await startForwarder({ config: { limits: { tcpIdle: '500ms' } } });
    f.on('slow.example', (query) => later(2000, answer(query)));
    expect(await f.tcp({ name: 'slow.example' })).toMatchObject({ rcode: 0 });
    await f.close();
  });
});
