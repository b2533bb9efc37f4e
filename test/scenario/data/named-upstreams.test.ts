// Upstreams given by name: their addresses come from the other upstreams, never from us.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Script } from '../../kit/actions.ts';
import { answer, nxdomain } from '../../kit/answers.ts';
import { createTestCertificate } from '../../kit/certificates.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { askedOf, scenarioConfig, until } from './forwarder.ts';

interface UpstreamPage {
  readonly upstreams: readonly {
    readonly address: string;
    readonly transport: string;
    readonly zones: string[];
  }[];
}

/** A plain server that knows where dns.example is, and a server of that name. */
async function startPair(
  knows: Script,
): Promise<{ plain: ScriptedUpstream; named: ScriptedUpstream; ca: string }> {
  const certificate = await createTestCertificate(['dns.example']);
  const plain = await startScriptedUpstream(knows);
  const named = await startScriptedUpstream((query) => answer(query, { address: '192.0.2.99' }), {
    certificate,
  });
  const directory = mkdtempSync(join(tmpdir(), 'unloop-ca-'));
  onTestFinished(async () => {
    await Promise.all([plain.close(), named.close()]);
    rmSync(directory, { recursive: true });
  });
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, certificate.cert);
  return { plain, named, ca };
}

const isNamed = (name: string) => name.toLowerCase() === 'dns.example';
const knowing: Script = (query) => {
  if (!isNamed(query.name)) return answer(query);
  return query.type === 'A'
    ? answer(query, { address: '127.0.0.1', ttl: 300 })
    : answer(query, { answers: [] });
};

describe('an upstream given by name', () => {
  it.each([
    { scheme: 'https', text: (u: ScriptedUpstream) => `https://dns.example:${u.httpsPort}/dns-query` },
    { scheme: 'tls', text: (u: ScriptedUpstream) => `tls://dns.example:${u.tlsPort}` },
  ])('is resolved through the plain ones, and proves its name: $scheme', async ({ scheme, text }) => {
    const { plain, named, ca } = await startPair(knowing);
    const unloop = await startUnloop({
      config: scenarioConfig([`127.0.0.1:${plain.port}`], {
        zones: { 'corp.example': { upstreams: [text(named)] } },
      }),
      env: { NODE_EXTRA_CA_CERTS: ca },
    });
    const reply = await askUdp(unloop.port, { name: 'www.corp.example' });
    expect(reply.answers).toMatchObject([{ data: '192.0.2.99' }]);
    expect(askedOf(plain, 'www.corp.example')).toHaveLength(0);
    expect(askedOf(plain, 'dns.example').length).toBeGreaterThanOrEqual(1);
    const { upstreams } = await unloop.adminJson<UpstreamPage>('/upstreams');
    expect(upstreams.find((upstream) => upstream.transport === scheme)).toMatchObject({
      address: expect.stringContaining('127.0.0.1'),
      zones: ['corp.example'],
    });
  });

  it('has one server for each of its addresses', async () => {
    const { plain, named, ca } = await startPair((query) => {
      if (!isNamed(query.name)) return answer(query);
      const addresses = query.type === 'A' ? ['127.0.0.1', '127.0.0.3'] : [];
      return answer(query, {
        answers: addresses.map((data) => ({ type: 'A' as const, name: 'dns.example', ttl: 300, data })),
      });
    });
    const unloop = await startUnloop({
      config: scenarioConfig([`127.0.0.1:${plain.port}`], {
        zones: {
          'corp.example': { upstreams: [`tls://dns.example:${named.tlsPort}`], policy: 'sequential' },
        },
      }),
      env: { NODE_EXTRA_CA_CERTS: ca },
    });
    const { upstreams } = await unloop.adminJson<UpstreamPage>('/upstreams');
    expect(upstreams.filter((upstream) => upstream.zones.includes('corp.example'))).toHaveLength(2);
    expect((await askUdp(unloop.port, { name: 'www.corp.example' })).answers).toHaveLength(1);
  });

  it('that has no address yet is told of, keeps nobody from starting, and is put to use when it has one', async () => {
    let known = false;
    const { plain, named, ca } = await startPair((query) => {
      if (!isNamed(query.name)) return answer(query);
      return known ? knowing(query) : nxdomain(query);
    });
    const unloop = await startUnloop({
      config: scenarioConfig([`127.0.0.1:${plain.port}`], {
        zones: { 'corp.example': { upstreams: [`tls://dns.example:${named.tlsPort}`] } },
      }),
      env: { NODE_EXTRA_CA_CERTS: ca },
    });
    expect(await askUdp(unloop.port, { name: 'www.example' })).toMatchObject({ rcode: 0 });
    expect(await askUdp(unloop.port, { name: 'one.corp.example' })).toMatchObject({ rcode: 2 });
    const line = await unloop.waitForLog((entry) => entry.code === 'upstream-unresolved');
    expect(line).toMatchObject({ level: 'warn', msg: expect.stringContaining('dns.example') });
    known = true;
    await until(
      () => askUdp(unloop.port, { name: 'two.corp.example' }),
      (reply) => reply.rcode === 0,
      15_000,
    );
  });
});
