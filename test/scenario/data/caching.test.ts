// What is cached, for how long and for which clients, and what never is.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeConnection } from '../../kit/actions.ts';
import { answer, nxdomain, servfail, truncated } from '../../kit/answers.ts';
import { type Answer, askTcp, askUdp } from '../../kit/dns-client.ts';
import { type Forwarder, SOCKETS, startForwarder, until } from './forwarder.ts';

const soa = (minimum: number) => ({
  type: 'SOA' as const,
  name: 'example',
  ttl: 600,
  data: {
    mname: 'ns.example',
    rname: 'host.example',
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum,
  },
});

describe.each(SOCKETS)('caching over the $socket', ({ native }) => {
  let f: Forwarder;
  beforeAll(async () => {
    f = await startForwarder({ native, config: { cache: { failureTtl: '1s' } } });
  });
  beforeEach(() => f.mark());
  afterAll(() => f.close());

  describe.each([
    { transport: 'UDP', ask: askUdp },
    { transport: 'TCP', ask: askTcp },
  ])('$transport', ({ transport, ask }) => {
    const name = (label: string) => `${label}.${transport.toLowerCase()}.example`;

    it('ages TTLs (RFC 1035 §3.2.1)', async () => {
      f.on(name('age'), (query) => answer(query, { ttl: 100 }));
      const startMs = Date.now();
      expect((await ask(f.port, { name: name('age') })).ttl).toBe(100);
      const aged = await until(
        () => ask(f.port, { name: name('age') }),
        (reply) => reply.ttl < 100,
      );
      expect(aged.ttl).toBeGreaterThanOrEqual(100 - Math.ceil((Date.now() - startMs) / 1000));
      expect(await f.questions(name('age'))).toBe(1);
    });

    it('asks again once the TTL is over', async () => {
      f.on(name('short'), (query) => answer(query, { ttl: 1 }));
      await ask(f.port, { name: name('short') });
      // On a loaded machine one question may be several messages.
      const before = f.asked(name('short')).length;
      await until(
        () => ask(f.port, { name: name('short') }),
        () => f.asked(name('short')).length > before,
      );
    });

    it('keeps nothing of TTL 0 (RFC 1035 §3.2.1)', async () => {
      f.on(name('zero'), (query) => answer(query, { ttl: 0 }));
      expect((await ask(f.port, { name: name('zero') })).ttl).toBe(0);
      await ask(f.port, { name: name('zero') });
      expect(await f.questions(name('zero'))).toBe(2);
    });

    it('takes a TTL with the top bit set for 0 (RFC 2181 §8)', async () => {
      f.on(name('topbit'), (query) => answer(query, { ttl: 0x8000_0001 }));
      await ask(f.port, { name: name('topbit') });
      await ask(f.port, { name: name('topbit') });
      expect(await f.questions(name('topbit'))).toBe(2);
    });

    it('keeps NXDOMAIN for its SOA’s time, with the SOA, and for every type of the name (RFC 2308 §5)', async () => {
      f.on(name('nx'), (query) => nxdomain(query, 77));
      const first = await ask(f.port, { name: name('nx') });
      const second = await ask(f.port, { name: name('nx'), type: 'MX' });
      expect(first).toMatchObject({ rcode: 3, ttl: 77 });
      expect(second).toMatchObject({ rcode: 3, authorities: [{ type: 'SOA' }] });
      expect(second.ttl).toBeGreaterThan(70);
      expect(await f.questions(name('nx'))).toBe(1);
    });

    it('keeps NODATA for its type alone (RFC 2308 §5)', async () => {
      f.on(name('nodata'), (query) =>
        query.type === 'AAAA'
          ? answer(query, { answers: [], authorities: [soa(50)] })
          : answer(query, { ttl: 300 }),
      );
      for (let round = 0; round < 2; round++) {
        expect(await ask(f.port, { name: name('nodata'), type: 'AAAA' })).toMatchObject({
          rcode: 0,
          answers: [],
          authorities: [{ type: 'SOA' }],
        });
        expect((await ask(f.port, { name: name('nodata'), type: 'A' })).answers).toHaveLength(1);
      }
      expect(await f.questions(name('nodata'))).toBe(2);
    });

    it('limits a negative’s TTL by SOA.MINIMUM (RFC 2308 §5)', async () => {
      f.on(name('minimum'), (query) => answer(query, { rcode: 3, answers: [], authorities: [soa(40)] }));
      await ask(f.port, { name: name('minimum') });
      const kept = await ask(f.port, { name: name('minimum') });
      expect(kept.ttl).toBeLessThanOrEqual(40);
      expect(kept.ttl).toBeGreaterThan(30);
    });

    it('keeps no negative without SOA (RFC 2308 §5)', async () => {
      f.on(name('bare-nx'), (query) => answer(query, { rcode: 3, answers: [] }));
      f.on(name('bare-nodata'), (query) => answer(query, { answers: [] }));
      for (let round = 0; round < 2; round++) {
        expect(await ask(f.port, { name: name('bare-nx') })).toMatchObject({ rcode: 3 });
        expect(await ask(f.port, { name: name('bare-nodata') })).toMatchObject({ rcode: 0, answers: [] });
      }
      expect(await f.questions(name('bare-nx'), name('bare-nodata'))).toBe(4);
    });

    it('keeps a failure, says so, and tries again later (RFC 9520 §3.2, RFC 8914)', async () => {
      f.on(name('failing'), servfail);
      const first = await ask(f.port, { name: name('failing') });
      expect(first).toMatchObject({ rcode: 2, ede: { code: 22 } });
      const again = await ask(f.port, { name: name('failing') });
      expect(again).toMatchObject({ rcode: 2, ede: { code: 13 } });
      const tries = f.asked(name('failing')).length;
      expect(tries).toBeLessThanOrEqual(3);
      f.on(name('failing'), (query) => answer(query));
      await until(
        () => ask(f.port, { name: name('failing') }),
        (reply) => reply.rcode === 0,
      );
    });

    it('says nothing of EDE to clients without EDNS (RFC 8914 §3)', async () => {
      f.on(name('no-ede'), servfail);
      const reply = await ask(f.port, { name: name('no-ede'), edns: false });
      expect(reply).toMatchObject({ rcode: 2, opt: null });
      expect(reply.additionals).toHaveLength(0);
    });

    it('never keeps a truncated answer (RFC 2181 §9): TC over UDP is asked over TCP each time that fails', async () => {
      f.on(name('tc'), (query) => (query.transport === 'udp' ? truncated(query) : closeConnection()));
      const cut = await ask(f.port, { name: name('tc') });
      const isUdp = transport === 'UDP';
      expect(cut).toMatchObject({ rcode: isUdp ? 0 : 2, truncated: isUdp, answers: [] });
      f.on(name('tc'), (query) => (query.transport === 'udp' ? truncated(query) : answer(query)));
      const whole = await until(
        () => ask(f.port, { name: name('tc') }),
        (reply) => !reply.truncated && reply.rcode === 0,
      );
      expect(whole.answers).toHaveLength(1);
    });

    it('keeps apart what differs in CD, and in DO (RFC 8906 §6)', async () => {
      const variants = [
        {},
        { checkingDisabled: true },
        { dnssecOk: true },
        { dnssecOk: true, checkingDisabled: true },
      ];
      for (const variant of [...variants, ...variants]) await ask(f.port, { name: name('key'), ...variant });
      expect(await f.questions(name('key'))).toBe(4);
    });

    it('keeps ANY apart from the types it holds', async () => {
      await ask(f.port, { name: name('any'), type: 'ANY' });
      await ask(f.port, { name: name('any'), type: 'A' });
      expect(await f.questions(name('any'))).toBe(2);
    });
  });

  it('answers over TCP from what came for UDP, and the other way round', async () => {
    await f.udp({ name: 'one.shared.example' });
    await f.tcp({ name: 'one.shared.example' });
    await f.tcp({ name: 'two.shared.example' });
    await f.udp({ name: 'two.shared.example' });
    expect(await f.questions('one.shared.example', 'two.shared.example')).toBe(2);
  });
});

describe('the cache’s limits of time', () => {
  it('holds TTLs between minTtl and maxTtl, negatives to maxNegativeTtl', async () => {
    const f = await startForwarder({
      config: { cache: { minTtl: '30s', maxTtl: '60s', maxNegativeTtl: '40s' } },
    });
    f.on('low.example', (query) => answer(query, { ttl: 5 }));
    f.on('high.example', (query) => answer(query, { ttl: 86_400 }));
    f.on('none.example', (query) => nxdomain(query, 3600));
    for (const name of ['low.example', 'high.example', 'none.example']) await f.udp({ name });
    const ttls = await Promise.all(
      ['low.example', 'high.example', 'none.example'].map(async (name) => (await f.udp({ name })).ttl),
    );
    const limits = [30, 60, 40];
    for (const [index, ttl] of ttls.entries()) {
      expect(ttl).toBeLessThanOrEqual(limits[index]!);
      expect(ttl).toBeGreaterThan(limits[index]! - 10);
    }
    await f.close();
  });

  it('asks every time with maxEntries 0', async () => {
    const f = await startForwarder({ config: { cache: { maxEntries: 0 } } });
    for (let round = 0; round < 3; round++) {
      expect((await f.udp({ name: 'www.example' })).answers).toHaveLength(1);
    }
    expect(await f.questions('www.example')).toBe(3);
    await f.close();
  });

  it('keeps to maxBytes under names that never end', async () => {
    const f = await startForwarder({ config: { cache: { maxBytes: '256KiB' } } });
    for (let i = 0; i < 40; i++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => f.udp({ name: `n${i}x${j}.${'w'.repeat(50)}.example` })),
      );
    }
    const metrics = await f.unloop.waitForMetrics((m) => m.value('unloop_cache_evictions_total') > 0);
    expect(metrics.value('unloop_cache_bytes')).toBeLessThanOrEqual(256 * 1024);
    expect(metrics.value('unloop_cache_entries')).toBeGreaterThan(0);
    await f.close();
  });
});

describe('prefetch', () => {
  it('fetches a popular answer again before it expires, and answers from the old one meanwhile', async () => {
    const f = await startForwarder({ config: { cache: { prefetch: { hits: 3, remaining: '90%' } } } });
    f.on('hot.example', (query) =>
      answer(query, { ttl: 20, address: `192.0.2.${1 + f.asked('hot.example').length}` }),
    );
    const addressOf = (reply: Answer) => (reply.answers[0] as { data?: unknown } | undefined)?.data;
    const first = await f.udp({ name: 'hot.example' });
    await until(
      async () => {
        const reply = await f.udp({ name: 'hot.example' });
        // Never an answer from nowhere: the old one or the new one.
        expect(reply.answers).toHaveLength(1);
        return reply;
      },
      (reply) => addressOf(reply) !== addressOf(first),
    );
    expect(f.asked('hot.example').length).toBeGreaterThanOrEqual(2);
    expect((await f.unloop.metrics()).value('unloop_cache_prefetches_total')).toBeGreaterThanOrEqual(1);
    await f.close();
  });
});
