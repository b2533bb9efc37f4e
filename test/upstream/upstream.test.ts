import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FROM_CONFIGURATION, type Transport } from '../../src/base/endpoint.ts';
import { RandomPool } from '../../src/base/random.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { specFor, Upstream } from '../../src/upstream/upstream.ts';
import { answer, truncated } from '../kit/answers.ts';
import { createTestCertificate, type TestCertificate } from '../kit/certificates.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { SkewedClock } from './skewed-clock.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

let certificate: TestCertificate;
let server: ScriptedUpstream;
let upstream: Upstream;
let owner: RecordingOwner;

async function open(transport: Transport, host = '127.0.0.1'): Promise<void> {
  const port = { udp: server.port, tcp: server.port, tls: server.tlsPort, https: server.httpsPort }[
    transport
  ];
  upstream = await Upstream.open(
    specFor(7, {
      endpoint: {
        transport,
        host,
        port,
        serverName: transport === 'tls' || transport === 'https' ? 'dns.test' : '',
        urlPath: transport === 'https' ? '/dns-query' : '',
      },
      origin: FROM_CONFIGURATION,
    }),
    {
      random: new RandomPool(),
      clock: new SkewedClock(),
      counters: new Counters(createCounterBlock()),
      ca: certificate.cert,
    },
  );
}

beforeAll(async () => {
  certificate = await createTestCertificate(['dns.test']);
});

beforeEach(async () => {
  server = await startScriptedUpstream((query) => answer(query), { certificate });
  owner = new RecordingOwner();
});

afterEach(async () => {
  await upstream.close(true);
  await server.close();
});

describe('Upstream', () => {
  it.each(['udp', 'tcp', 'tls', 'https'] as const)('asks over %s', async (transport) => {
    await open(transport);
    upstream.send(createQuery('www.example', owner), false);
    expect((await owner.outcome(0)).kind).toBe('reply');
    expect(server.queries[0]?.transport).toBe(transport);
    expect(upstream.isPublic).toBe(false);
  });

  it.each([
    'udp',
    'tcp',
    'tls',
    'https',
  ] as const)('asks over a stream when told to: %s', async (transport) => {
    await open(transport);
    upstream.send(createQuery('www.example', owner), true);
    expect((await owner.outcome(0)).kind).toBe('reply');
    expect(server.queries[0]?.transport).toBe(transport === 'udp' ? 'tcp' : transport);
  });

  it('gives a truncated reply to its owner, who may ask again over TCP', async () => {
    server.script = (query) => (query.transport === 'udp' ? truncated(query) : answer(query));
    await open('udp');
    const query = createQuery('large.example', owner);
    owner.takes = (bytes) => {
      if ((bytes[2]! & 0x02) !== 0) upstream.send(query, true);
      return true;
    };
    upstream.send(query, false);
    await owner.told(2);
    expect(owner.replies).toBe(2);
    expect(server.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
    expect(upstream.inFlight).toBe(0);
  });

  it('is told from local clients by its address, but not by one that it shares with them', async () => {
    await open('udp');
    expect(upstream.peer).toBeNull();
    await upstream.close(true);
    await open('udp', '127.0.0.53');
    expect(upstream.peer).not.toBeNull();
  });

  it('cancels a query over any transport', async () => {
    server.script = () => undefined;
    await open('udp');
    const queries = [createQuery('a.example', owner), createQuery('b.example', owner)];
    upstream.send(queries[0]!, false);
    upstream.send(queries[1]!, true);
    expect(upstream.inFlight).toBe(2);
    for (const query of queries) upstream.cancel(query);
    expect(upstream.inFlight).toBe(0);
  });

  it('closes everything open with force, and tells the owners', async () => {
    server.script = () => undefined;
    await open('udp');
    upstream.send(createQuery('a.example', owner), false);
    upstream.send(createQuery('b.example', owner), true);
    await server.received(2);
    await upstream.close(true);
    expect(owner.outcomes).toMatchObject([
      { kind: 'failure', reason: FailureReason.closed },
      { kind: 'failure', reason: FailureReason.closed },
    ]);
  });
});
