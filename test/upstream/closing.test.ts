// In a file of its own, and so in a process of its own: it counts open handles.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FROM_CONFIGURATION } from '../../src/base/endpoint.ts';
import { RandomPool } from '../../src/base/random.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { specFor, Upstream } from '../../src/upstream/upstream.ts';
import { answer } from '../kit/answers.ts';
import { createTestCertificate, type TestCertificate } from '../kit/certificates.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { SkewedClock } from './skewed-clock.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

let certificate: TestCertificate;
let server: ScriptedUpstream;

beforeAll(async () => {
  certificate = await createTestCertificate(['dns.test']);
  server = await startScriptedUpstream((query) => answer(query), { certificate });
});

afterAll(() => server.close());

/** What keeps this process alive, by kind; without timers, of which the test runner has its own. */
function openResources(): string[] {
  const timers = ['Immediate', 'Timeout'];
  const resources = process.getActiveResourcesInfo().filter((resource) => !timers.includes(resource));
  return resources.toSorted();
}

describe('a closed Upstream', () => {
  it.each(['udp', 'tcp', 'tls', 'https'] as const)('over %s leaves nothing open', async (transport) => {
    const before = openResources();
    const port = { udp: server.port, tcp: server.port, tls: server.tlsPort, https: server.httpsPort }[
      transport
    ];
    const upstream = await Upstream.open(
      specFor(0, {
        endpoint: { transport, host: '127.0.0.1', port, serverName: 'dns.test', urlPath: '/dns-query' },
        origin: FROM_CONFIGURATION,
      }),
      {
        random: new RandomPool(),
        clock: new SkewedClock(),
        counters: new Counters(createCounterBlock()),
        ca: certificate.cert,
      },
    );
    const owner = new RecordingOwner();
    upstream.send(createQuery('a.example', owner), false);
    upstream.send(createQuery('b.example', owner), true);
    await owner.told(2);
    expect(owner.replies).toBe(2);
    await upstream.close(false);
    // The server's ends of the connections close a little later.
    while (server.connectionsOpen > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(openResources()).toEqual(before);
  });
});
