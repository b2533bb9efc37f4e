// Expired answers replace missing ones where upstreams fail or are slow (RFC 8767), with EDE 3 (RFC
// 8914 §4.4).
import { describe, expect, it } from 'vitest';
import { answer, nxdomain, servfail } from '../../kit/answers.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import { SOCKETS, startForwarder, until } from './forwarder.ts';

const WAYS = SOCKETS.flatMap(({ socket, native }) => [
  { socket, native, transport: 'UDP', ask: askUdp },
  { socket, native, transport: 'TCP', ask: askTcp },
]);
/** Wakes after the TTL of 1 s has run out. */
const expiry = () => new Promise((resolve) => setTimeout(resolve, 1300));

describe.each(WAYS)('stale data over $transport, $socket', ({ native, ask }) => {
  it('is served when the upstream is gone, with TTL 30 and EDE 3', async () => {
    const f = await startForwarder({
      native,
      config: { forward: { deadline: '1s', healthCheck: { interval: '100ms', maxFails: 1 } } },
    });
    f.on('www.example', (query) => answer(query, { ttl: 1, address: '192.0.2.9' }));
    // Within the short deadline, which a stalled machine may miss.
    await until(
      () => ask(f.port, { name: 'www.example' }),
      ({ rcode }) => rcode === 0,
    );
    await f.upstream.close();
    await expiry();
    const stale = await ask(f.port, { name: 'www.example' });
    expect(stale).toMatchObject({ rcode: 0, ttl: 30, ede: { code: 3 } });
    expect(stale.answers).toMatchObject([{ data: '192.0.2.9' }]);
    const bare = await ask(f.port, { name: 'www.example', edns: false });
    expect(bare).toMatchObject({ rcode: 0, ttl: 30, opt: null });
    // What was never known cannot be stale.
    expect(await ask(f.port, { name: 'other.example' })).toMatchObject({ rcode: 2 });
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_cache_stale_total')).toBe(2);
    await f.close();
  });

  it('is served at serveStale.after when the upstream is slow; the late answer is kept (RFC 8767 §5)', async () => {
    const f = await startForwarder({
      native,
      config: { forward: { deadline: '8s' }, cache: { serveStale: { after: '200ms' } } },
    });
    f.on('slow.example', (query) => answer(query, { ttl: 1, address: '192.0.2.1' }));
    await ask(f.port, { name: 'slow.example' });
    // Not before the client has the stale answer.
    f.on('slow.example', () => undefined);
    await expiry();
    const before = f.asked('slow.example').length;
    const startMs = Date.now();
    const stale = await ask(f.port, { name: 'slow.example' });
    const waitedMs = Date.now() - startMs;
    expect(stale).toMatchObject({ ttl: 30, ede: { code: 3 }, answers: [{ data: '192.0.2.1' }] });
    expect(waitedMs).toBeGreaterThanOrEqual(150);
    const late = (query: ReceivedQuery) => answer(query, { ttl: 100, address: '192.0.2.2' });
    for (const query of f.asked('slow.example').slice(before)) f.upstream.act(query, late(query));
    const fresh = await until(
      () => ask(f.port, { name: 'slow.example' }),
      (reply) => reply.ttl > 30,
    );
    expect(fresh).toMatchObject({ ede: null, answers: [{ data: '192.0.2.2' }] });
    await f.close();
  });
});

describe('stale data', () => {
  it('stands in for SERVFAIL, and the upstreams are left alone for a while (RFC 8767 §5)', async () => {
    const f = await startForwarder();
    f.on('www.example', (query) => answer(query, { ttl: 1 }));
    await f.udp({ name: 'www.example' });
    f.on('www.example', servfail);
    await expiry();
    const askedBefore = f.asked('www.example').length;
    for (let round = 0; round < 5; round++) {
      expect(await f.udp({ name: 'www.example' })).toMatchObject({ rcode: 0, ttl: 30, ede: { code: 3 } });
    }
    expect(f.asked('www.example').length - askedBefore).toBeLessThanOrEqual(3);
    await f.close();
  });

  it('is replaced by NXDOMAIN, but not by SERVFAIL (RFC 8767 §4)', async () => {
    const f = await startForwarder();
    f.on('www.example', (query) => answer(query, { ttl: 1 }));
    await f.udp({ name: 'www.example' });
    f.on('www.example', (query) => nxdomain(query, 1));
    await expiry();
    expect(await f.udp({ name: 'www.example' })).toMatchObject({ rcode: 3, ede: null });
    f.on('www.example', servfail);
    await expiry();
    expect(await f.udp({ name: 'www.example' })).toMatchObject({ rcode: 3, ede: { code: 19 } });
    await f.close();
  });

  it('may be NXDOMAIN: EDE 19', async () => {
    const f = await startForwarder();
    f.on('gone.example', (query) => nxdomain(query, 1));
    expect(await f.udp({ name: 'gone.example' })).toMatchObject({ rcode: 3, ede: null });
    f.on('gone.example', servfail);
    await expiry();
    expect(await f.udp({ name: 'gone.example' })).toMatchObject({ rcode: 3, ede: { code: 19 } });
    await f.close();
  });

  it('is not served beyond serveStale.maxAge, nor with maxAge 0', async () => {
    const limited = await startForwarder({ config: { cache: { serveStale: { maxAge: '1s' } } } });
    const never = await startForwarder({ config: { cache: { serveStale: { maxAge: '0s' } } } });
    for (const f of [limited, never]) {
      f.on('www.example', (query) => answer(query, { ttl: 1 }));
      await f.udp({ name: 'www.example' });
      f.on('www.example', servfail);
    }
    await expiry();
    expect(await never.udp({ name: 'www.example' })).toMatchObject({ rcode: 2, answers: [] });
    await expiry();
    expect(await limited.udp({ name: 'www.example' })).toMatchObject({ rcode: 2, answers: [] });
    await limited.close();
    await never.close();
  });
});
