// One client asks for names with a silent authority, beside an honest client: over TCP, TLS and
// HTTPS the honest client loses no more than without them. A server that handles one query after
// the other, as dnsdist does by default for DoT, waits for the silent one.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { later, type Script } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { queryBytes, UdpClient } from '../../kit/dns-client.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { scenarioConfig } from './forwarder.ts';

const SECONDS = 5;
/**
 * A machine that stops for a second loses queries in one of the two halves. An attack that works
 * does in each round.
 */
const ROUNDS = 3;
const HONEST_PER_SECOND = 10;

const isSilent = (query: ReceivedQuery) => /^silent/i.test(query.name);

const concurrent = (): Script => (query) => (isSilent(query) ? undefined : later(5, answer(query)));

/** One query after the other on each connection: what comes after a silent one waits forever. */
const serial = (): Script => {
  const stuck = new Set<number>();
  return (query) => {
    if (isSilent(query)) stuck.add(query.connection);
    return stuck.has(query.connection) ? undefined : later(5, answer(query));
  };
};

/**
 * One client can be both, and the server still keeps up; where it cannot, the honest client has an
 * address of its own.
 */
const SERVERS = [
  {
    server: 'HTTPS, 100 streams',
    scheme: 'https',
    script: concurrent,
    silentPerSecond: 60,
    from: '127.0.0.1',
  },
  {
    server: 'TLS, many queries at a time',
    scheme: 'tls',
    script: concurrent,
    silentPerSecond: 60,
    from: '127.0.0.2',
  },
  {
    server: 'TLS, one query after the other',
    scheme: 'tls',
    script: serial,
    silentPerSecond: 3,
    from: '127.0.0.1',
  },
  {
    server: 'TLS, one query after the other, flooded',
    scheme: 'tls',
    script: serial,
    silentPerSecond: 30,
    from: '127.0.0.2',
  },
  {
    server: 'TCP, one query after the other',
    scheme: 'tcp',
    script: serial,
    silentPerSecond: 3,
    from: '127.0.0.1',
  },
] as const;

/**
 * Asks at a constant rate beside an attacker; returns how many honest queries were not answered.
 */
async function countLost(port: number, run: string, from: string, silentPerSecond: number): Promise<number> {
  const honest = await UdpClient.open(port, '127.0.0.1', from);
  const attacker = await UdpClient.open(port);
  const tick = 1000 / Math.max(HONEST_PER_SECOND, silentPerSecond);
  const startMs = performance.now();
  let asked = 0;
  for (let silent = 0; ; ) {
    const seconds = (performance.now() - startMs) / 1000;
    if (seconds >= SECONDS) break;
    for (; silent < seconds * silentPerSecond; silent++)
      attacker.send(queryBytes({ name: `silent${silent}.${run}.example`, id: silent }));
    for (; asked < seconds * HONEST_PER_SECOND; asked++)
      honest.send(queryBytes({ name: `honest${asked}.${run}.example`, id: asked }));
    await sleep(tick);
  }
  let lost = 0;
  for (let i = 0; i < asked; i++) if (((await honest.receive()).readUInt16BE(2) & 15) !== 0) lost++;
  honest.close();
  attacker.close();
  return lost;
}

describe.each(SERVERS)('silent names toward $server', ({ scheme, script, silentPerSecond, from }) => {
  it('cost an honest client no more than it loses without them', async () => {
    const authority = new TestAuthority();
    const upstream = await startScriptedUpstream(script(), {
      certificate: authority.issue(['127.0.0.1']),
      maxStreams: 100,
    });
    onTestFinished(async () => {
      await upstream.close();
      authority.remove();
    });
    const { port, tlsPort, httpsPort } = upstream;
    const address = { tcp: `${port}`, tls: `${tlsPort}`, https: `${httpsPort}/dns-query` }[scheme];
    const unloop = await startUnloop({
      config: scenarioConfig([`${scheme}://127.0.0.1:${address}`], { forward: { deadline: '1800ms' } }),
      env: { NODE_EXTRA_CA_CERTS: authority.caPath },
    });
    let surplus = 1;
    for (let round = 0; round < ROUNDS && surplus > 0; round++) {
      const lostBeside = await countLost(unloop.port, `${round}.beside`, from, silentPerSecond);
      surplus = lostBeside - (await countLost(unloop.port, `${round}.alone`, from, 0));
    }
    expect(surplus).toBeLessThanOrEqual(0);
    expect(await unloop.stop()).toBe(0);
  }, 120_000);
});
