// DNS rebinding, a public name with a private address: withheld with limits.rebindProtection,
// passed on without.

import { writeFileSync } from 'node:fs';
import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { send } from '../../kit/actions.ts';
import { withFlags } from '../../kit/altered-answers.ts';
import { answer, truncated } from '../../kit/answers.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { bytesOf, QNAME_POINTER, record } from '../../wire/build-message.ts';
import { scenarioConfig, startForwarder, until } from './forwarder.ts';

const PROTECTED = { limits: { rebindProtection: true, rebindExceptions: ['home.arpa', 'Corp.Example'] } };
const BLOCKED = { rcode: 0, answers: [], truncated: false, ede: { code: 15 } };

/** An HTTPS record with hints, as RFC 9460 writes them. */
function httpsWith(key: number, hint: Uint8Array): Uint8Array {
  return record(QNAME_POINTER, 65, 300, bytesOf('0001 00 0001 0003 026832', 0, key, 0, hint.length, hint));
}

describe('limits.rebindProtection', () => {
  it('withholds private addresses of names from outside, in every kind of record', async () => {
    const f = await startForwarder({ config: PROTECTED });
    for (const address of ['10.0.0.1', '127.0.0.1', '192.168.1.1', '169.254.169.254', '0.0.0.0']) {
      f.on('evil.example', (query) => answer(query, { address, ttl: 0 }));
      expect(await f.udp({ name: 'evil.example' }), address).toMatchObject(BLOCKED);
    }
    for (const address of ['::1', 'fe80::1', 'fd00::1', '::ffff:192.168.1.1', '64:ff9b::a00:1']) {
      f.on('evil6.example', (query) => answer(query, { address, ttl: 0 }));
      expect(await f.tcp({ name: 'evil6.example', type: 'AAAA' }), address).toMatchObject(BLOCKED);
    }
    // Behind an alias, among good addresses, and to a client without EDNS.
    f.on('alias.example', (query) =>
      answer(query, {
        answers: [
          { type: 'CNAME', name: 'alias.example', ttl: 300, data: 'x.alias.example' },
          { type: 'A', name: 'x.alias.example', ttl: 300, data: '192.0.2.1' },
          { type: 'A', name: 'x.alias.example', ttl: 300, data: '172.16.0.1' },
        ],
      }),
    );
    const bare = await f.udp({ name: 'alias.example', edns: false });
    expect(bare).toMatchObject({ rcode: 0, answers: [], opt: null });
    for (const [key, hint] of [
      [4, bytesOf(192, 0, 2, 1, 10, 0, 0, 1)],
      [6, bytesOf('fd'.repeat(16))],
    ] as const) {
      f.on('svc.example', (query) => {
        const bytes = Buffer.from(answer(query, { answers: [], opt: false }).bytes);
        bytes.writeUInt16BE(1, 6);
        return send(Buffer.concat([bytes, httpsWith(key, hint)]));
      });
      expect(await f.udp({ name: 'svc.example', type: 'HTTPS' }), `key ${key}`).toMatchObject(BLOCKED);
    }
    const metrics = await f.unloop.metrics();
    const blocked = metrics.value('unloop_rebind_blocked_total');
    expect(blocked).toBeGreaterThanOrEqual(13);
    // A stalled machine repeats a question, and may get two answers.
    const repeated = metrics.value('unloop_upstream_failures_total', { reason: 'timeout' });
    expect(blocked).toBeLessThanOrEqual(13 + repeated);
    await f.close();
  });

  it('lets public addresses, exceptions and localhost pass; withholds nothing from zones', async () => {
    const inside = await startScriptedUpstream((query) => answer(query, { address: '10.0.0.9', ttl: 0 }));
    const zones = { 'lan.example': { upstreams: [`127.0.0.1:${inside.port}`] } };
    const f = await startForwarder({ config: { ...PROTECTED, zones } });
    f.upstream.script = inside.script;
    const passes = ['printer.lan.example', 'home.arpa', 'nas.HOME.arpa', 'x.corp.example', 'localhost'];
    for (const name of passes) expect((await f.udp({ name })).answers, name).toHaveLength(1);
    for (const name of ['nothome.arpa', 'lan.example.evil', 'corp.example.evil.example', 'arpa'])
      expect(await f.udp({ name }), name).toMatchObject(BLOCKED);
    f.upstream.script = (query) => answer(query, { address: '100.128.0.1' });
    expect((await f.udp({ name: 'good.example' })).answers).toHaveLength(1);
    await f.close();
    await inside.close();
  });

  it('holds for truncated answers that are passed on, and drops what the cache had when it is switched on', async () => {
    const f = await startForwarder({ upstream: { tcp: false } });
    const upstream = `127.0.0.1:${f.upstream.port}`;
    f.on('kept.example', (query) => answer(query, { address: '10.0.0.1' }));
    f.on('cut.example', (query) =>
      withFlags(answer(query, { address: '10.0.0.1' }), (flags) => flags | 0x0200),
    );
    f.on('bare.example', (query) => truncated(query));
    expect((await f.udp({ name: 'kept.example' })).answers).toHaveLength(1);
    expect((await f.udp({ name: 'cut.example' })).answers).toHaveLength(1);
    writeFileSync(f.unloop.configPath, JSON.stringify(scenarioConfig([upstream], PROTECTED)));
    await until(
      () => f.udp({ name: 'kept.example' }),
      (reply) => reply.answers.length === 0,
    );
    expect((await f.udp({ name: 'cut.example' })).answers).toEqual([]);
    expect(await f.udp({ name: 'bare.example' })).toMatchObject({ rcode: 0, truncated: true });
    await f.close();
  });

  it('is off by default', async () => {
    const f = await startForwarder();
    f.on('evil.example', (query) => answer(query, { address: '127.0.0.1' }));
    const reply = await f.udp({ name: 'evil.example' });
    expect(dnsPacket.decode(reply.bytes).answers).toMatchObject([{ data: '127.0.0.1' }]);
    expect((await f.unloop.metrics()).value('unloop_rebind_blocked_total')).toBe(0);
    await f.close();
  });
});
