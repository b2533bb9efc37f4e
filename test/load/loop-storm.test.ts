import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runLoopStorm } from '../../src/load/loop-storm.ts';
import { stormText } from '../../src/load/loop-storm-command.ts';
import { Reflector } from '../../src/load/reflector.ts';
import { Responder } from '../../src/load/responder.ts';

/**
 * A forwarder that notices nothing by itself, but stops after `laps` of a name: names below
 * loop.example go to the reflector, others to the responder.
 */
async function startForwarder(reflectorPort: number, responderPort: number, laps: number): Promise<number> {
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  const seen = new Map<string, number>();
  const waiting = new Map<number, { id: number; port: number; address: string }>();
  let nextId = 0;
  front.on('message', (query, peer) => {
    const name = query.toString('latin1', 12);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    const loops = name.includes('\x04loop\x07example');
    if (loops && count > laps) {
      query[2] = 0x81;
      query[3] = 0x82;
      front.send(query, peer.port, peer.address);
      return;
    }
    waiting.set(++nextId, { id: query.readUInt16BE(0), port: peer.port, address: peer.address });
    query.writeUInt16BE(nextId, 0);
    back.send(query, loops ? reflectorPort : responderPort, '127.0.0.1');
  });
  back.on('message', (reply) => {
    const client = waiting.get(reply.readUInt16BE(0))!;
    reply.writeUInt16BE(client.id, 0);
    front.send(reply, client.port, client.address);
  });
  for (const socket of [front, back]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
  onTestFinished(() => {
    front.close();
    back.close();
  });
  return front.address().port;
}

async function storm(laps: number) {
  const reflector = await Reflector.start('127.0.0.1', 0);
  const responder = await Responder.start('127.0.0.1', 0);
  const port = await startForwarder(reflector.port, responder.port, laps);
  await reflector.reflectTo('127.0.0.1', port);
  try {
    return await runLoopStorm({
      plan: {
        target: { proto: 'udp', address: '127.0.0.1', port, serverName: '', insecure: false, ca: null },
        clients: 2,
        concurrency: 0,
        qps: 200,
        durationMs: 600,
        queries: Infinity,
        timeoutMs: 5000,
      },
      unrelated: {
        hotNames: 10,
        zipfExponent: 1,
        uniqueShare: 1,
        nxdomainShare: 0,
        suffix: 'bench.example',
        nxdomainSuffix: 'bench.missing',
        qtypes: [1],
        seed: 5,
        randomCase: false,
        ednsShare: 0.5,
        dnssecShare: 0,
      },
      loopQps: 50,
      pids: [process.pid],
      reflector,
      label: 'test',
    });
  } finally {
    await reflector.close();
    await responder.close();
  }
}

describe('the loop storm', () => {
  it('counts the packets that each query costs', async () => {
    for (const laps of [1, 5]) {
      const report = await storm(laps);
      expect(report.loop).toMatchObject({ sent: 30, answered: 30, rcodes: { SERVFAIL: 30 } });
      expect(report.reflected).toBe(30 * laps);
      expect(report.packetsPerQuery).toBe(laps);
    }
  });

  it('asks the unrelated names before and during, and tells what came of it', async () => {
    const report = await storm(2);
    expect(report.before).toMatchObject({ sent: 40, answered: 40, lost: 0, rcodes: { NOERROR: 40 } });
    expect(report.during).toMatchObject({ sent: 120, answered: 120, lost: 0, rcodes: { NOERROR: 120 } });
    expect(report.cpuSeconds).toBeGreaterThanOrEqual(0);
    expect(stormText(report)).toContain('60 packets for 30 queries: 2 packets per query');
  });
});
