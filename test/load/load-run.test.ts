import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { GeneratedQueries } from '../../src/load/generated-queries.ts';
import { type LoadPlan, type LoadResult, runLoad } from '../../src/load/load-run.ts';
import type { Proto, Target } from '../../src/load/target.ts';
import { createTestCertificate } from '../kit/certificates.ts';
import { startStreamResponder, startUdpResponder } from './test-responder.ts';

const source = (seed = 1) =>
  new GeneratedQueries({
    hotNames: 50,
    zipfExponent: 1,
    uniqueShare: 0.5,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    qtypes: [1],
    seed,
    randomCase: true,
    ednsShare: 0.5,
    dnssecShare: 0.1,
  });

function target(port: number, proto: Proto = 'udp', more: Partial<Target> = {}): Target {
  return { proto, address: '127.0.0.1', port, serverName: '127.0.0.1', insecure: false, ca: null, ...more };
}

function load(to: Target, plan: Partial<LoadPlan>, signal?: AbortSignal): Promise<LoadResult> {
  return runLoad(
    {
      target: to,
      clients: 3,
      concurrency: 20,
      qps: 0,
      durationMs: Infinity,
      queries: Infinity,
      timeoutMs: 5000,
      ...plan,
    },
    source(),
    undefined,
    signal,
  );
}

describe('a closed loop over UDP', () => {
  it('sends exactly as many queries as asked and counts each answer once', async () => {
    const server = await startUdpResponder();
    const { tally, elapsedMs } = await load(target(server.port), { queries: 1000 });
    expect(tally).toMatchObject({
      sent: 1000,
      answered: 1000,
      lost: 0,
      late: 0,
      unexpected: 0,
      truncated: 0,
    });
    expect(server.queries).toHaveLength(1000);
    expect(tally.latency.count).toBe(1000);
    expect(tally.rcodes[0]).toBe(1000);
    expect(elapsedMs).toBeGreaterThan(0);
  });

  it('never has more in flight than its concurrency', async () => {
    let inFlight = 0;
    let most = 0;
    const server = await startUdpResponder(() => {
      most = Math.max(most, ++inFlight);
      setTimeout(() => inFlight--, 4.9);
      return { delayMs: 5 };
    });
    await load(target(server.port), { queries: 200, concurrency: 7 });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(7);
  });

  it('spreads over as many sockets as clients, and sends queries that parse', async () => {
    const server = await startUdpResponder();
    await load(target(server.port), { queries: 50 });
    for (const query of server.queries) {
      expect(query.readUInt16BE(2)).toBe(0x0100);
      expect(query.readUInt16BE(4)).toBe(1);
      expect(query.toString('latin1').toLowerCase()).toContain('\x05bench\x07example\x00\x00\x01\x00\x01');
    }
  });

  it('counts what the server drops as lost, and goes on in the meantime', async () => {
    const server = await startUdpResponder((i) => (i % 10 === 0 ? null : {}));
    const { tally } = await load(target(server.port), { queries: 500, timeoutMs: 300 });
    expect(tally).toMatchObject({ sent: 500, answered: 450, lost: 50, late: 0 });
  });

  it('counts an answer after the timeout as late, its query as lost', async () => {
    // Of one query at a time, the second is sent when the first has been given up.
    let given = () => {};
    const givenUp = new Promise<void>((resolve) => {
      given = resolve;
    });
    const server = await startUdpResponder((i) => {
      if (i === 0) return { after: givenUp };
      given();
      return null;
    });
    // Query 1 is never answered; its own timeout is far enough off for the late answer to query 0.
    const { tally } = await load(target(server.port), {
      queries: 2,
      concurrency: 1,
      clients: 1,
      timeoutMs: 500,
    });
    expect(tally).toMatchObject({ sent: 2, answered: 0, lost: 2, late: 1 });
  });

  it('takes no answer for lost that came while it stood still itself', async () => {
    const server = await startUdpResponder((i) => ({ delayMs: i < 20 ? 50 : 0 }));
    const held = load(target(server.port), { queries: 100, timeoutMs: 200 });
    while (server.queries.length < 20) await new Promise((resolve) => setTimeout(resolve, 1));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect((await held).tally).toMatchObject({ sent: 100, answered: 100, lost: 0, late: 0 });
  });

  it('counts rcodes, duplicates apart', async () => {
    const server = await startUdpResponder((i) => ({ rcode: [0, 2, 3, 5][i % 4]!, times: i === 0 ? 2 : 1 }));
    const { tally } = await load(target(server.port), { queries: 400 });
    expect([tally.rcodes[0], tally.rcodes[2], tally.rcodes[3], tally.rcodes[5]]).toEqual([
      100, 100, 100, 100,
    ]);
    expect(tally.unexpected).toBe(1);
    expect(tally.answered).toBe(400);
  });

  it('does not take an answer to another question for one to its own', async () => {
    const server = await startUdpResponder((i, query) => {
      if (i === 0) query[13] = 0x7a;
      return {};
    });
    const { tally } = await load(target(server.port), { queries: 10, timeoutMs: 200 });
    expect(tally).toMatchObject({ answered: 9, lost: 1, unexpected: 1 });
  });

  it('measures the delay of the server', async () => {
    const server = await startUdpResponder(() => ({ delayMs: 40 }));
    const { tally } = await load(target(server.port), { queries: 60 });
    // Timers may fire up to a millisecond early.
    expect(tally.latency.minMs).toBeGreaterThanOrEqual(38.5);
    expect(tally.latency.percentile(50)).toBeGreaterThanOrEqual(38.5);
    expect(tally.latency.maxMs).toBeLessThan(5000);
  });

  it('stops after its duration, or when told', async () => {
    const server = await startUdpResponder();
    const { tally, elapsedMs } = await load(target(server.port), { durationMs: 200 });
    expect(tally.sent).toBe(tally.answered);
    expect(elapsedMs).toBeGreaterThanOrEqual(190);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const stopped = await load(target(server.port), {}, abort.signal);
    expect(stopped.tally.sent).toBe(stopped.tally.answered);
  });

  it('reports a closed port and ends', async () => {
    const { tally } = await load(target(1), { queries: 5, concurrency: 5, timeoutMs: 100 });
    expect(tally).toMatchObject({ answered: 0, lost: 5 });
    expect(tally.errors.get('ECONNREFUSED')).toBeGreaterThan(0);
  });
});

describe('an open loop', () => {
  it('sends all that its schedule holds', async () => {
    const server = await startUdpResponder();
    const { tally } = await load(target(server.port), { qps: 1000, durationMs: 500 });
    expect(tally).toMatchObject({ sent: 500, answered: 500, lost: 0 });
  });

  it('goes on sending when nothing is answered', async () => {
    const server = await startUdpResponder(() => null);
    const { tally } = await load(target(server.port), { qps: 500, durationMs: 400, timeoutMs: 5000 });
    expect(tally).toMatchObject({ sent: 200, answered: 0, lost: 200 });
  });

  it('counts latency from the intended time when it was held up itself', async () => {
    const server = await startUdpResponder();
    const held = load(target(server.port), { qps: 1000, durationMs: 300 });
    // Once the run is going, both the tool and the server stand still for a tenth of a second.
    while (server.queries.length < 20) await new Promise((resolve) => setTimeout(resolve, 1));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    const { tally } = await held;
    expect(tally).toMatchObject({ sent: 300, answered: 300 });
    // Some 100 queries were due meanwhile, on the average half the pause ago.
    expect(tally.behindMs).toBeGreaterThan(80);
    expect(tally.latency.percentile(90)).toBeGreaterThan(40);
  });
});

describe('streams', () => {
  it('pipeline over TCP', async () => {
    const server = await startStreamResponder();
    const { tally } = await load(target(server.port, 'tcp'), { queries: 1000 });
    expect(tally).toMatchObject({ sent: 1000, answered: 1000, lost: 0, connectionFailures: 0 });
    expect(server.queries).toHaveLength(1000);
  });

  it('keep a schedule over TCP', async () => {
    const server = await startStreamResponder();
    const { tally } = await load(target(server.port, 'tcp'), { qps: 1000, durationMs: 300 });
    expect(tally).toMatchObject({ sent: 300, answered: 300 });
  });

  it('verify the certificate over TLS', async () => {
    const certificate = await createTestCertificate(['dns.example'], ['127.0.0.1']);
    const server = await startStreamResponder(undefined, certificate);
    const trusted = target(server.port, 'tls', { ca: certificate.cert, serverName: 'dns.example' });
    const { tally } = await load(trusted, { queries: 100 });
    expect(tally).toMatchObject({ sent: 100, answered: 100, lost: 0 });
    await expect(load(target(server.port, 'tls'), { queries: 1 })).rejects.toThrow(/self.signed/);
    await expect(load({ ...trusted, serverName: 'other.example' }, { queries: 1 })).rejects.toThrow();
    const insecure = await load(target(server.port, 'tls', { insecure: true }), { queries: 10 });
    expect(insecure.tally.answered).toBe(10);
  });

  it('lose the queries of a broken connection, and connect again', async () => {
    let first: Socket | undefined;
    const server = await startStreamResponder(
      (i) => {
        if (i === 4) first?.destroy();
        return i < 5 ? null : {};
      },
      undefined,
      (socket, index) => {
        if (index === 0) first = socket;
      },
    );
    const { tally } = await load(target(server.port, 'tcp'), { queries: 50, clients: 1, concurrency: 5 });
    expect(tally).toMatchObject({ sent: 50, answered: 45, lost: 5, connectionFailures: 1 });
  });

  it('that cannot be opened at all reject', async () => {
    await expect(load(target(1, 'tcp'), { queries: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
