// What is answered here: configured records, hosts files, and special-use names, unless a zone has
// them or a server of a private network may know them. What leaves is what the upstream was asked.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startForwarder } from './forwarder.ts';

const PRIVATE_REVERSE = '7.0.0.10.in-addr.arpa';

describe('special-use names', () => {
  it('are answered here over UDP and TCP, with the reason, and never leave', async () => {
    const f = await startForwarder();
    for (const ask of [f.udp.bind(f), f.tcp.bind(f)]) {
      const loopback = await ask({ name: 'Localhost', type: 'A' });
      expect(loopback).toMatchObject({ rcode: 0, answers: [{ data: '127.0.0.1' }], ede: { code: 29 } });
      expect(await ask({ name: 'db.localhost', type: 'AAAA' })).toMatchObject({ answers: [{ data: '::1' }] });
      expect(await ask({ name: 'a.invalid', type: 'A', edns: false })).toMatchObject({ rcode: 3, ede: null });
      expect(await ask({ name: 'b.onion', type: 'A' })).toMatchObject({ rcode: 3, answers: [] });
    }
    for (const name of ['localhost', 'db.localhost', 'a.invalid', 'b.onion'])
      expect(f.asked(name), name).toEqual([]);
    await f.close();
  });

  it('of a private network go to a server on one', async () => {
    const f = await startForwarder();
    expect(await f.udp({ name: PRIVATE_REVERSE, type: 'A' })).toMatchObject({ rcode: 0, ede: null });
    expect(f.asked(PRIVATE_REVERSE)).toHaveLength(1);
    await f.close();
  });

  it('belong to a zone that is configured for them, or to the upstreams where they are switched off', async () => {
    const f = await startForwarder();
    const zones = { onion: { upstreams: [f.upstream.text] } };
    const given = await startForwarder({ config: { zones } });
    expect(await given.udp({ name: 'c.onion', type: 'A' })).toMatchObject({ rcode: 0, answers: [{}] });
    expect(f.asked('c.onion')).toHaveLength(1);
    const off = await startForwarder({ config: { local: { specialNames: false } } });
    expect(await off.udp({ name: 'd.invalid', type: 'A' })).toMatchObject({ rcode: 0, answers: [{}] });
    expect(off.asked('d.invalid')).toHaveLength(1);
    for (const each of [f, given, off]) await each.close();
  });
});

it('type ANY gets one record that is made here, over UDP and TCP (RFC 8482)', async () => {
  const f = await startForwarder({ config: { local: { any: 'minimal' } } });
  for (const ask of [f.udp.bind(f), f.tcp.bind(f)])
    expect(await ask({ name: 'www.example', type: 'ANY' })).toMatchObject({
      rcode: 0,
      answers: [{ type: 'HINFO', data: { cpu: 'RFC8482' } }],
    });
  expect(f.asked('www.example')).toEqual([]);
  await f.close();
});

it('records of the configuration are answered over UDP and TCP', async () => {
  const records = ['db.internal A 10.0.0.9', '*.apps.internal CNAME db.internal'];
  const f = await startForwarder({ config: { local: { records } } });
  for (const ask of [f.udp.bind(f), f.tcp.bind(f)]) {
    expect(await ask({ name: 'DB.internal', type: 'A' })).toMatchObject({
      rcode: 0,
      answers: [{ data: '10.0.0.9' }],
      ttl: 60,
    });
    expect(await ask({ name: 'shop.apps.internal', type: 'A' })).toMatchObject({
      answers: [{ data: 'db.internal' }, { data: '10.0.0.9' }],
    });
    expect(await ask({ name: 'db.internal', type: 'AAAA' })).toMatchObject({ rcode: 0, answers: [] });
  }
  expect(f.asked('db.internal')).toEqual([]);
  await f.close();
});

it('names of a hosts file are answered, and others when the file changes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-hosts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, '10.0.0.9 db.internal\n');
  const f = await startForwarder({ config: { local: { hosts: [hosts] } } });
  expect(await f.udp({ name: 'db.internal', type: 'A' })).toMatchObject({ answers: [{ data: '10.0.0.9' }] });
  const pointer = await f.udp({ name: '9.0.0.10.in-addr.arpa', type: 'PTR' });
  expect(pointer).toMatchObject({ answers: [{ data: 'db.internal' }] });
  writeFileSync(join(folder, 'next'), '10.0.0.10 db.internal\n');
  renameSync(join(folder, 'next'), hosts);
  await vi.waitFor(async () => {
    const changed = await f.udp({ name: 'db.internal', type: 'A' });
    expect(changed).toMatchObject({ answers: [{ data: '10.0.0.10' }] });
  }, 20_000);
  expect(f.asked('db.internal')).toEqual([]);
  await f.close();
});
