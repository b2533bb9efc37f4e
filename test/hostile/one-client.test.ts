// One abusive client, or the owner of some names, beside an honest client: it can use up its own
// share only.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Flooder } from '../floods/flooder.ts';
import type { Script } from '../kit/actions.ts';
import { answer, nxdomain } from '../kit/answers.ts';
import { askUdp } from '../kit/dns-client.ts';
import { isMixed, type ReceivedQuery } from '../kit/received-query.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';

async function start(scripts: readonly Script[], forward: Record<string, unknown> = {}) {
  const servers = [];
  for (const script of scripts) {
    const server = await startScriptedUpstream(script);
    servers.push(server);
    onTestFinished(() => server.close());
  }
  const unloop = await startUnloop({
    config: {
      workers: 1,
      upstreams: servers.map(({ port }) => `127.0.0.1:${port}`),
      forward,
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  onTestFinished(async () => {
    await unloop.kill();
  });
  return { unloop, servers };
}

/** A client at another address, which asks for these names, so many a second. */
async function attack(unloop: UnloopProcess, perSecond: number, nameOf: (i: number) => string) {
  const attacker = await Flooder.open(unloop.port, nameOf, '127.0.0.66');
  onTestFinished(() => attacker.close());
  attacker.start(perSecond);
  return attacker;
}

const under = (domain: string) => (query: ReceivedQuery) => query.name.toLowerCase().endsWith(domain);

it('silent names leave others questions to a server that is taken for down', {
  timeout: 120_000,
}, async () => {
  const isEvil = under('evil.example');
  const { unloop } = await start([
    (query) => (query.name === '.' || isEvil(query) ? undefined : answer(query)),
  ]);
  await askUdp(unloop.port, { name: 'before.example' });
  const attacker = await attack(unloop, 200, (i) => `y${i}.evil.example`);
  await unloop.waitForMetrics(
    (metrics) => metrics.value('unloop_upstream_state', { state: 'down' }) === 1,
    20_000,
  );
  await sleep(2000);
  const replies: number[] = [];
  for (let i = 0; i < 20; i++) {
    replies.push((await askUdp(unloop.port, { name: `after${i}.example` })).rcode);
  }
  attacker.stop();
  expect(replies).toEqual(new Array(20).fill(0));
});

// Of bad names in many domains: test/pipeline/mark-lessons.test.ts.
it('bad names of one domain: answers that a server of it gives wrongly, as it compares letters, are checked for others', {
  timeout: 120_000,
}, async () => {
  // As a resolver before a server of one domain that compares names letter for letter.
  const { unloop } = await start([
    (query) => {
      const name = query.name.toLowerCase();
      if (/none\d/.test(name)) return nxdomain(query);
      return name.endsWith('strict.test') && isMixed(query) ? nxdomain(query) : answer(query);
    },
  ]);
  await askUdp(unloop.port, { name: 'www.other.example' });
  // More than may be checked in all.
  const attacker = await attack(unloop, 300, (i) => `none${i}.strict.test`);
  await sleep(2500);
  const replies: number[] = [];
  for (let i = 0; i < 20; i++) {
    replies.push((await askUdp(unloop.port, { name: `h${i}.strict.test` })).rcode);
    await sleep(10);
  }
  attacker.stop();
  // One check shows it for the domain; a slow machine may be in the way of the first.
  expect(replies.slice(10)).toEqual(new Array(10).fill(0));
});

it('slow names of two owners do not teach a round-trip time', { timeout: 120_000 }, async () => {
  const isSlow = (query: ReceivedQuery) => /slow\d/.test(query.name.toLowerCase());
  const fast: Script = (query) => (isSlow(query) ? { ...answer(query), delayMs: 300 } : answer(query));
  const slow: Script = (query) => ({ ...answer(query), delayMs: 40 });
  const { unloop, servers } = await start([fast, slow], { policy: 'fastest' });
  for (let i = 0; i < 40; i++) await askUdp(unloop.port, { name: `warm${i}.example` });
  const attacker = await attack(unloop, 500, (i) => `n${i}.slow${i % 2}.test`);
  for (let i = 0; i < 300; i++) {
    await askUdp(unloop.port, { name: `honest${i}.example${i}.org` });
    await sleep(10);
  }
  attacker.stop();
  const asked = servers.map(
    ({ queries }) => queries.slice().filter(({ name }) => /^honest(1|2)\d\d\./i.test(name)).length,
  );
  expect(asked[0]!).toBeGreaterThan(asked[1]! * 5);
});
