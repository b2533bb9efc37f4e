// Load over a limit, and clients outside limits.allow: REFUSED, a counter, and service as before
// once it is over.
import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { answer } from '../../kit/answers.ts';
import {
  type Answer,
  askTcp,
  askUdp,
  queryBytes,
  readAnswer,
  TcpClient,
  UdpClient,
} from '../../kit/dns-client.ts';
import { SOCKETS, startForwarder, until } from './forwarder.ts';

describe.each(SOCKETS)('forward.maxInFlight over the $socket', ({ native }) => {
  it('refuses what is beyond with EDE 0, answers from the cache all the same, and recovers', async () => {
    const f = await startForwarder({ native, config: { forward: { maxInFlight: 10, deadline: '8s' } } });
    await f.udp({ name: 'known.example' });
    f.upstream.script = () => undefined;
    const client = await UdpClient.open(f.port);
    for (let i = 0; i < 15; i++) client.send(queryBytes({ name: `n${i}.example`, id: i }));
    for (let i = 0; i < 5; i++) {
      expect(readAnswer(await client.receive())).toMatchObject({ rcode: 5, ede: { code: 0 } });
    }
    expect(await f.tcp({ name: 'over.example' })).toMatchObject({ rcode: 5, ede: { code: 0 } });
    expect(await f.udp({ name: 'known.example' })).toMatchObject({ rcode: 0 });
    await f.upstream.receivedNames(11);
    f.upstream.script = (query) => answer(query);
    for (const query of f.upstream.queries.slice(1)) f.upstream.act(query, answer(query));
    for (let i = 0; i < 10; i++) expect(readAnswer(await client.receive())).toMatchObject({ rcode: 0 });
    client.close();
    for (let i = 0; i < 20; i++) expect(await f.udp({ name: `m${i}.example` })).toMatchObject({ rcode: 0 });
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_dropped_total', { reason: 'in_flight_limit' })).toBe(6);
    await f.close();
  });

  it('is free again as soon as the deadline has answered everybody', async () => {
    const f = await startForwarder({ native, config: { forward: { maxInFlight: 10, deadline: '300ms' } } });
    f.upstream.script = (query) => (/^n\d/i.test(query.name) ? undefined : answer(query));
    const client = await UdpClient.open(f.port);
    for (let i = 0; i < 10; i++) client.send(queryBytes({ name: `n${i}.example`, id: i }));
    for (let i = 0; i < 10; i++) expect(readAnswer(await client.receive())).toMatchObject({ rcode: 2 });
    client.close();
    expect((await f.udp({ name: 'after.example' })).rcode).not.toBe(5);
    // The deadline is short for a machine that stalls.
    let asked = 0;
    await until(
      () => f.udp({ name: `after${asked++}.example` }),
      ({ rcode }) => rcode === 0,
    );
    await f.close();
  });
});

describe.each(SOCKETS)('clients over the $socket', ({ native }) => {
  it('that are not allowed, or denied, are REFUSED with EDE 18', async () => {
    const f = await startForwarder({
      native,
      config: {
        listen: ['0.0.0.0:0'],
        limits: { allow: ['127.0.0.0/24', '127.0.1.0/24'], deny: ['127.0.0.66', '127.0.1.0/25'] },
      },
    });
    const served = ['127.0.0.1', '127.0.1.200'];
    const refused = ['127.0.0.66', '127.0.1.7', '127.0.2.1'];
    for (const ask of [askUdp, askTcp]) {
      for (const from of served)
        expect(await ask(f.port, { name: 'www.example' }, '127.0.0.1', from)).toMatchObject({ rcode: 0 });
      for (const from of refused) {
        const reply = await ask(f.port, { name: 'www.example' }, '127.0.0.1', from);
        expect(reply).toMatchObject({ rcode: 5, answers: [], ede: { code: 18 } });
        const bare = await ask(f.port, { name: 'www.example', edns: false }, '127.0.0.1', from);
        expect(bare).toMatchObject({ rcode: 5, opt: null });
      }
    }
    expect((await f.unloop.metrics()).value('unloop_dropped_total', { reason: 'not_allowed' })).toBe(12);
    await f.close();
  });

  it('are held to perClientQps each', async () => {
    const f = await startForwarder({ native, config: { limits: { perClientQps: 20 } } });
    await f.udp({ name: 'www.example' });
    const greedy = await UdpClient.open(f.port, '127.0.0.1', '127.0.0.9');
    for (let i = 0; i < 200; i++) greedy.send(queryBytes({ name: 'www.example', id: i }));
    const replies: Answer[] = [];
    for (let i = 0; i < 200; i++) replies.push(readAnswer(await greedy.receive()));
    greedy.close();
    const served = replies.filter((reply) => !reply.truncated).length;
    const limited = replies.filter((reply) => reply.truncated);
    expect(replies.every((reply) => reply.rcode === 0)).toBe(true);
    expect(served).toBeGreaterThanOrEqual(19);
    expect(limited.length).toBeGreaterThan(50);
    // TC alone, no longer than the query.
    const longest = queryBytes({ name: 'www.example' }).length;
    expect(limited.every(({ bytes, answers }) => bytes.length <= longest && answers.length === 0)).toBe(true);
    // Over TCP it has an allowance of its own, and REFUSED beyond.
    const connection = await TcpClient.connect(f.port, '127.0.0.1', '127.0.0.9');
    for (let i = 0; i < 200; i++) connection.send(queryBytes({ name: 'www.example', id: i }));
    const rcodes = [];
    for (let i = 0; i < 200; i++) rcodes.push(readAnswer(await connection.receive()).rcode);
    connection.close();
    expect(rcodes.slice(0, 19)).toEqual(Array(19).fill(0));
    const refused = rcodes.filter((rcode) => rcode === 5).length;
    expect(refused).toBeGreaterThan(50);
    // Others have an allowance of their own, and the greedy one is served again after a while.
    expect(await f.udp({ name: 'www.example' })).toMatchObject({ rcode: 0 });
    await until(
      () => askUdp(f.port, { name: 'www.example' }, '127.0.0.1', '127.0.0.9'),
      (reply) => !reply.truncated,
    );
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_dropped_total', { reason: 'rate_limited' })).toBeGreaterThanOrEqual(
      limited.length + refused,
    );
    await f.close();
  });
});

describe('limits.tcpConnections', () => {
  it('closes the oldest idle one for a newcomer', async () => {
    const f = await startForwarder({ config: { limits: { tcpConnections: 5 } } });
    const connections = await Promise.all(Array.from({ length: 5 }, () => TcpClient.connect(f.port)));
    const ask = async (connection: TcpClient) => {
      connection.send(queryBytes({ name: 'www.example' }));
      return readAnswer(await connection.receive());
    };
    for (const connection of connections) await ask(connection);
    const extra = await TcpClient.connect(f.port);
    expect(await ask(extra)).toMatchObject({ rcode: 0 });
    await Promise.race(connections.map((connection) => connection.closed));
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_tcp_connections')).toBe(5);
    expect(metrics.value('unloop_tcp_connections_refused_total')).toBe(0);
    for (const connection of [extra, ...connections]) connection.close();
    await f.unloop.waitForMetrics((now) => now.value('unloop_tcp_connections') === 0);
    expect(await f.tcp({ name: 'www.example' })).toMatchObject({ rcode: 0 });
    await f.close();
  });

  it('1,500 idle connections of one client keep nobody out, from its own address or another', async () => {
    const f = await startForwarder();
    const greedy: net.Socket[] = [];
    for (let i = 0; i < 1500; i++) {
      const socket = net.connect({ host: '127.0.0.1', port: f.port });
      socket.on('error', () => {});
      greedy.push(socket);
      if (i % 50 === 49) await once(socket, 'connect');
    }
    await f.unloop.waitForMetrics((now) => now.value('unloop_tcp_connections') >= 900);
    for (let i = 0; i < 20; i++)
      expect(await f.tcp({ name: 'www.example' }), `question ${i}`).toMatchObject({ rcode: 0 });
    for (const socket of greedy) socket.destroy();
    await f.close();
  });
});
