// Real servers that close connections or answer HTTP errors for some questions: dnsdist with
// DropAction over TLS and HTTPS, CoreDNS over HTTPS. Who asks such questions costs an honest client
// nothing. And a server without a route is down for that reason.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer } from '../kit/answers.ts';
import { askUdp, queryBytes, UdpClient } from '../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { startUnloopIn } from './support/contenders.ts';
import { Lab, UPSTREAM } from './support/namespace.ts';
import { StreamServers } from './support/stream-servers.ts';

const RUN_MS = 8000;
const ATTACKS_PER_SECOND = 8;
let backend: ScriptedUpstream;
let servers: StreamServers;

beforeAll(async () => {
  backend = await startScriptedUpstream((query) => answer(query));
  servers = await StreamServers.before(backend.port);
});
afterAll(() => backend.close());

const dropped = (i: number) => queryBytes({ name: `x${i}.drop.example`, id: i });

/** An A record whose RDATA has three bytes: it is passed on as it is, and no server can read it. */
const unreadable = (i: number) => {
  const query = Buffer.from(queryBytes({ name: `x${i}.example`, id: i }));
  query.writeUInt16BE(1, 10);
  return Buffer.concat([query.subarray(0, query.length), Buffer.from('0000010001000000000003010203', 'hex')]);
};

/**
 * Honest questions lost while the attacker asks; without an attack: what this machine loses by
 * itself at the same time.
 */
async function lost(upstreams: readonly string[], attack: ((i: number) => Uint8Array) | null) {
  const unloop = await startUnloop({
    env: { NODE_EXTRA_CA_CERTS: servers.caPath },
    config: { workers: 1, upstreams, loop: { probe: { onStart: false, interval: '0s' } } },
  });
  const attacker = await UdpClient.open(unloop.port);
  let sent = 0;
  const timer = setInterval(() => {
    if (attack !== null) attacker.send(attack(sent++));
  }, 1000 / ATTACKS_PER_SECOND);
  let honestLost = 0;
  let asked = 0;
  const endMs = Date.now() + RUN_MS;
  while (Date.now() < endMs) {
    const reply = await askUdp(unloop.port, { name: `n${asked++}.honest.example` });
    if (reply.rcode !== 0) honestLost++;
    await sleep(20);
  }
  clearInterval(timer);
  attacker.close();
  const down = unloop.log.filter((line) => /is down/.test(line.msg)).map((line) => line.msg);
  await unloop.stop();
  return { honestLost, asked, down };
}

describe('an attacker beside an honest client', () => {
  it('that asks dnsdist for what it drops, over TLS and HTTPS, takes no upstream out of use', async () => {
    const dnsdist = await servers.startDnsdist('addAction("drop.example.", DropAction())');
    const ways = [[dnsdist.tls], [dnsdist.https], [dnsdist.tls, dnsdist.https]];
    const runs = ways.map((upstreams) => Promise.all([lost(upstreams, null), lost(upstreams, dropped)]));
    for (const [i, [calm, attacked]] of (await Promise.all(runs)).entries()) {
      expect(attacked.down, ways[i]!.join()).toEqual([]);
      expect(attacked.honestLost, ways[i]!.join()).toBeLessThanOrEqual(calm.honestLost);
      expect(attacked.asked).toBeGreaterThan(5);
    }
    await dnsdist.stop();
  });

  it('that sends CoreDNS unreadable messages over HTTPS takes no upstream out of use', async () => {
    const coredns = await servers.startCoredns();
    const upstreams = [coredns.https];
    const [calm, attacked] = await Promise.all([lost(upstreams, null), lost(upstreams, unreadable)]);
    expect(attacked.down).toEqual([]);
    expect(attacked.honestLost).toBeLessThanOrEqual(calm.honestLost);
    expect(attacked.asked).toBeGreaterThan(50);
    await coredns.stop();
  });
});

describe('an upstream without a route', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = Lab.create();
  });
  afterAll(() => lab.close());

  it('is down, and says why', async () => {
    const upstream = await lab.upstream.agent();
    await upstream.call('serve', { address: UPSTREAM });
    const { process } = await startUnloopIn(lab, { upstreams: ['2001:db8::1', UPSTREAM] });
    const agent = await lab.node.agent();
    const asking = setInterval(() => {
      // The last ones may be under way when the laboratory ends.
      agent.call('ask', { server: '10.91.0.2', name: `n${Date.now()}.example` }).catch(() => {});
    }, 100);
    const line = await process.waitForLog(({ msg }) => /is down/.test(msg));
    clearInterval(asking);
    expect(line).toMatchObject({ level: 'warn', reason: expect.stringContaining('network unreachable') });
  });
});
