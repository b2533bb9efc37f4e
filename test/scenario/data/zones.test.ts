// Conditional forwarding: the longest suffix wins, each zone has its own upstreams and policy.
import { describe, expect, it, onTestFinished } from 'vitest';
import { answer } from '../../kit/answers.ts';
import { type Answer, askTcp, askUdp, queryBytes, UdpClient } from '../../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { askedOf, SOCKETS, scenarioConfig } from './forwarder.ts';

async function startNamed(address: string): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream((query) => answer(query, { address }));
  onTestFinished(() => upstream.close());
  return upstream;
}

const at = (upstream: ScriptedUpstream) => `127.0.0.1:${upstream.port}`;
const dataOf = (reply: Answer) => (reply.answers[0] as { data?: unknown } | undefined)?.data;

const WAYS = SOCKETS.flatMap(({ socket, native }) => [
  { socket, native, transport: 'UDP', ask: askUdp },
  { socket, native, transport: 'TCP', ask: askTcp },
]);

describe.each(WAYS)('zones over $transport, $socket', ({ native, ask }) => {
  it('are chosen by the longest suffix, at label boundaries, whatever the case', async () => {
    const [root, corp, deep] = await Promise.all(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(startNamed));
    const unloop = await startUnloop({
      native,
      config: scenarioConfig([at(root!)], {
        zones: {
          'corp.example': { upstreams: [at(corp!)] },
          'deep.corp.example': { upstreams: [at(deep!)] },
        },
      }),
    });
    const expected: Record<string, string> = {
      'www.example': '192.0.2.1',
      'corp.example': '192.0.2.2',
      'a.b.corp.example': '192.0.2.2',
      'A.B.CoRp.ExAmPlE': '192.0.2.2',
      'notcorp.example': '192.0.2.1',
      'corp.example.org': '192.0.2.1',
      'deep.corp.example': '192.0.2.3',
      'x.deep.corp.example': '192.0.2.3',
      'undeep.corp.example': '192.0.2.2',
      example: '192.0.2.1',
    };
    for (const [name, address] of Object.entries(expected)) {
      expect(dataOf(await ask(unloop.port, { name })), name).toBe(address);
    }
  });
});

describe('a zone', () => {
  it('whose upstreams are dead slows no other', async () => {
    const good = await startNamed('192.0.2.1');
    const dead = await startScriptedUpstream(() => undefined);
    onTestFinished(() => dead.close());
    const unloop = await startUnloop({
      config: scenarioConfig([at(good)], {
        zones: { 'dead.example': { upstreams: [at(dead)] } },
        forward: { deadline: '8s', maxInFlight: 100 },
      }),
    });
    const victims = await UdpClient.open(unloop.port);
    for (let i = 0; i < 60; i++) victims.send(queryBytes({ name: `n${i}.dead.example`, id: i }));
    await dead.receivedNames(60);
    // All of these are answered while none of those is.
    for (let i = 0; i < 30; i++)
      expect(await askUdp(unloop.port, { name: `n${i}.example` })).toMatchObject({ rcode: 0 });
    expect(victims.waiting).toHaveLength(0);
    for (let i = 0; i < 60; i++) expect((await victims.receive()).readUInt16BE(2) & 15).toBe(2);
    victims.close();
  });

  it('fails over among its own upstreams alone', async () => {
    const [root, second] = await Promise.all(['192.0.2.1', '192.0.2.2'].map(startNamed));
    const failing = await startScriptedUpstream((query) => answer(query, { rcode: 2, answers: [] }));
    onTestFinished(() => failing.close());
    const unloop = await startUnloop({
      config: scenarioConfig([at(root!)], {
        zones: {
          'two.example': { upstreams: [at(failing), at(second!)], policy: 'sequential' },
          'one.example': { upstreams: [at(failing)] },
        },
      }),
    });
    expect(dataOf(await askUdp(unloop.port, { name: 'www.two.example' }))).toBe('192.0.2.2');
    expect(await askUdp(unloop.port, { name: 'www.one.example' })).toMatchObject({ rcode: 2 });
    expect(askedOf(root!, 'www.one.example')).toHaveLength(0);
  });

  it('shares an upstream with another, and the cache keeps what each said apart from the root', async () => {
    const upstream = await startNamed('192.0.2.9');
    const unloop = await startUnloop({
      config: scenarioConfig([at(upstream)], { zones: { 'corp.example': { upstreams: [at(upstream)] } } }),
    });
    for (let round = 0; round < 2; round++) {
      expect(dataOf(await askUdp(unloop.port, { name: 'www.corp.example' }))).toBe('192.0.2.9');
      expect(dataOf(await askUdp(unloop.port, { name: 'www.example' }))).toBe('192.0.2.9');
    }
    expect((await unloop.metrics()).value('unloop_cache_hits_total')).toBe(2);
  });

  it('of the flag --zone works like one of the file', async () => {
    const [root, corp] = await Promise.all(['192.0.2.1', '192.0.2.2'].map(startNamed));
    const unloop = await startUnloop({
      args: ['--upstream', at(root!), '--zone', `corp.example=${at(corp!)}`, '--workers', '1'],
    });
    expect(dataOf(await askUdp(unloop.port, { name: 'www.corp.example' }))).toBe('192.0.2.2');
    expect(dataOf(await askUdp(unloop.port, { name: 'www.example' }))).toBe('192.0.2.1');
  });
});
