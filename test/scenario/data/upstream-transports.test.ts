// Transports toward upstreams: EDNS that they refuse, TCP, TLS and HTTPS, good and bad
// certificates.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { closeConnection, resetConnection, type Script } from '../../kit/actions.ts';
import { answer, formerrOnEdns, truncated } from '../../kit/answers.ts';
import { createTestCertificate } from '../../kit/certificates.ts';
import { askTcp, askUdp, queryBytes, UdpClient } from '../../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { askedOf, SOCKETS, scenarioConfig, startForwarder, until } from './forwarder.ts';

describe.each(SOCKETS)('EDNS toward upstreams, $socket', ({ native }) => {
  it('is left out for one that answers FORMERR to it, and that is remembered (RFC 6891 §7)', async () => {
    const f = await startForwarder({ native });
    f.upstream.script = formerrOnEdns;
    const first = await f.udp({ name: 'one.old.example' });
    expect(first).toMatchObject({ rcode: 0, opt: { udpSize: 1232 } });
    expect(first.answers).toHaveLength(1);
    expect((await f.tcp({ name: 'two.old.example' })).answers).toHaveLength(1);
    expect((await f.udp({ name: 'three.old.example' })).answers).toHaveLength(1);
    expect(f.asked('one.old.example').some((query) => query.hasOpt)).toBe(true);
    expect(f.asked('three.old.example').some((query) => query.hasOpt)).toBe(false);
    await f.close();
  });

  it('is left out when an upstream is silent toward it', async () => {
    const f = await startForwarder({ native });
    f.upstream.script = (query) => (query.hasOpt ? undefined : answer(query));
    expect((await f.udp({ name: 'quiet.example' })).answers).toHaveLength(1);
    await f.close();
  });

  it('carries none of the client’s options: they belong to its leg (RFC 7873 §5.2, RFC 7871 §7.1.3)', async () => {
    const f = await startForwarder({ native });
    const cookie = Buffer.from('c0ffee0123456789', 'hex');
    const subnet = Buffer.from([0, 1, 24, 0, 192, 0, 2]);
    const reply = await f.udp({
      name: 'options.example',
      options: [
        { code: 10, data: cookie },
        { code: 8, data: subnet },
        { code: 65100, data: Buffer.from('unknown') },
      ],
    });
    expect(reply.answers).toHaveLength(1);
    expect(reply.opt?.options).toEqual([]);
    const sent = f.asked('options.example')[0]!.bytes;
    expect(sent.includes(cookie)).toBe(false);
    expect(sent.includes(subnet.subarray(4))).toBe(false);
    expect(sent.includes('unknown')).toBe(false);
    await f.close();
  });
});

describe('TCP toward upstreams', () => {
  it('is used from the start for tcp://, on few connections (RFC 7766 §6.2)', async () => {
    const upstream = await startScriptedUpstream((query) => answer(query), { udp: false });
    onTestFinished(() => upstream.close());
    const unloop = await startUnloop({ config: scenarioConfig([`tcp://127.0.0.1:${upstream.port}`]) });
    const client = await UdpClient.open(unloop.port);
    for (let i = 0; i < 100; i++) client.send(queryBytes({ name: `n${i}.example`, id: i }));
    for (let i = 0; i < 100; i++) expect((await client.receive()).readUInt16BE(2) & 15).toBe(0);
    client.close();
    // 16 of the worker's, and the main thread's.
    expect(upstream.connectionsAccepted).toBeLessThanOrEqual(17);
  });

  it('brings answers in any order', async () => {
    const upstream = await startScriptedUpstream(() => undefined, { udp: false });
    onTestFinished(() => upstream.close());
    const unloop = await startUnloop({ config: scenarioConfig([`tcp://127.0.0.1:${upstream.port}`]) });
    const names = ['a.example', 'b.example', 'c.example'];
    const asked = names.map((name) => askUdp(unloop.port, { name }));
    // Not the first three: on a loaded machine one of them may be asked twice.
    await until(
      async () => names.map((name) => askedOf(upstream, name).length),
      (counts) => counts.every((count) => count > 0),
    );
    for (const query of upstream.queries.toReversed())
      upstream.act(query, answer(query, { address: `192.0.2.${query.name.toLowerCase().charCodeAt(0)}` }));
    const addresses = (await Promise.all(asked)).map(
      (reply) => (reply.answers[0] as { data?: unknown }).data,
    );
    expect(addresses).toEqual(['192.0.2.97', '192.0.2.98', '192.0.2.99']);
  });

  it('that is refused after TC leaves TC, which is not cached', async () => {
    const f = await startForwarder({ upstream: { tcp: false } });
    f.upstream.script = truncated;
    expect(await f.udp({ name: 'tc.example' })).toMatchObject({ rcode: 0, truncated: true, answers: [] });
    const tries = f.asked('tc.example').length;
    expect(await f.udp({ name: 'tc.example' })).toMatchObject({ rcode: 0, truncated: true });
    expect(f.asked('tc.example').length).toBeGreaterThan(tries);
    await f.close();
  });

  it.each([
    { how: 'closes', action: closeConnection() },
    { how: 'resets', action: resetConnection() },
  ])('asks again when the server $how a connection that had served before (RFC 7766 §6.2.4)', async ({
    action,
  }) => {
    const upstream = await startScriptedUpstream(() => undefined, { udp: false });
    onTestFinished(() => upstream.close());
    upstream.script = (query) => {
      const isWarm = /^warm/i.test(query.name) || askedOf(upstream, query.name).length > 1;
      return isWarm ? answer(query) : action;
    };
    const unloop = await startUnloop({ config: scenarioConfig([`tcp://127.0.0.1:${upstream.port}`]) });
    for (const name of ['warm.example', 'one.old.example', 'two.old.example']) {
      expect(await askUdp(unloop.port, { name })).toMatchObject({ rcode: 0 });
    }
    expect(upstream.connectionsAccepted).toBeGreaterThanOrEqual(2);
  });
});

/**
 * An upstream with TLS and HTTPS for this name and address, and the file that makes Node trust it.
 */
async function startSecure(
  script: Script,
  names: string[] = ['dns.example'],
  addresses: string[] = ['127.0.0.1'],
) {
  const certificate = await createTestCertificate(names, addresses);
  const upstream: ScriptedUpstream = await startScriptedUpstream(script, { certificate });
  const directory = mkdtempSync(join(tmpdir(), 'unloop-ca-'));
  onTestFinished(async () => {
    await upstream.close();
    rmSync(directory, { recursive: true });
  });
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, certificate.cert);
  return { upstream, env: { NODE_EXTRA_CA_CERTS: ca } };
}

describe.each([
  { scheme: 'tls', text: (u: ScriptedUpstream) => `tls://127.0.0.1:${u.tlsPort}#dns.example` },
  { scheme: 'tls', text: (u: ScriptedUpstream) => `tls://127.0.0.1:${u.tlsPort}` },
  { scheme: 'https', text: (u: ScriptedUpstream) => `https://127.0.0.1:${u.httpsPort}/dns-query` },
])('$scheme:// toward upstreams', ({ scheme, text }) => {
  it('answers over UDP and TCP, large answers too, on few connections', async () => {
    const { upstream, env } = await startSecure((query) =>
      /^large/i.test(query.name)
        ? answer(query, {
            answers: Array.from({ length: 100 }, () => ({
              type: 'TXT',
              name: 'large.example',
              ttl: 60,
              data: ['x'.repeat(200)],
            })),
          })
        : answer(query),
    );
    const unloop = await startUnloop({ config: scenarioConfig([text(upstream)]), env });
    expect((await askUdp(unloop.port, { name: 'www.example' })).answers).toHaveLength(1);
    expect((await askTcp(unloop.port, { name: 'www2.example' })).answers).toHaveLength(1);
    expect((await askTcp(unloop.port, { name: 'large.example', type: 'TXT' })).answers).toHaveLength(100);
    expect(await askUdp(unloop.port, { name: 'large.example', type: 'TXT' })).toMatchObject({
      truncated: true,
    });
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) =>
        expect(await askUdp(unloop.port, { name: `n${i}.example` })).toMatchObject({ rcode: 0 }),
      ),
    );
    expect(upstream.queries.every((query) => query.transport === scheme)).toBe(true);
    // Toward a server that seems silent, as on a loaded machine, up to 16 are opened; and the main
    // thread has one.
    expect(upstream.connectionsAccepted).toBeLessThanOrEqual(17);
  });

  it('comes back after the server broke its connections', async () => {
    const { upstream, env } = await startSecure((query) => answer(query));
    const unloop = await startUnloop({ config: scenarioConfig([text(upstream)]), env });
    expect(await askUdp(unloop.port, { name: 'one.old.example' })).toMatchObject({ rcode: 0 });
    upstream.dropConnections();
    expect(await askUdp(unloop.port, { name: 'two.old.example' })).toMatchObject({ rcode: 0 });
  });
});

describe('a server that cannot prove its name', () => {
  it.each([
    { scheme: 'tls', text: (u: ScriptedUpstream) => `tls://127.0.0.1:${u.tlsPort}#other.example` },
    { scheme: 'tls without a name', text: (u: ScriptedUpstream) => `tls://127.0.0.1:${u.tlsPort}` },
    { scheme: 'https', text: (u: ScriptedUpstream) => `https://127.0.0.1:${u.httpsPort}/dns-query` },
  ])('is told nothing over $scheme, and the log says why', async ({ text }) => {
    const { upstream, env } = await startSecure((query) => answer(query), ['dns.example'], []);
    const unloop = await startUnloop({ config: scenarioConfig([text(upstream)]), env });
    expect(await askUdp(unloop.port, { name: 'secret.example' })).toMatchObject({ rcode: 2 });
    expect(upstream.queries).toHaveLength(0);
    await unloop.waitForMetrics((m) => m.value('unloop_upstream_failures_total', { reason: 'tls' }) > 0);
    await unloop.waitForLog((line) => line.level === 'warn' && /tls|certificate/i.test(JSON.stringify(line)));
  });

  it('nor is one whose certificate nobody vouches for', async () => {
    const { upstream } = await startSecure((query) => answer(query));
    const unloop = await startUnloop({
      config: scenarioConfig([`tls://127.0.0.1:${upstream.tlsPort}#dns.example`]),
    });
    expect(await askUdp(unloop.port, { name: 'secret.example' })).toMatchObject({ rcode: 2 });
    expect(upstream.queries).toHaveLength(0);
  });
});
