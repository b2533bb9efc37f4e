// Whoever owns a name decides what a resolver answers for it: dnsmasq and CoreDNS pass our letter
// case, options and the authority's errors on. He stumbles over each of them beside an honest
// client; unloop gives nothing up for others, and loses none of their questions beyond what the
// same run loses without him.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { COREDNS_BINARY, ensureCoredns } from '../../bench/compare/build-coredns.ts';
import { Flooder } from '../floods/flooder.ts';
import type { Action } from '../kit/actions.ts';
import { withLowerCase } from '../kit/altered-answers.ts';
import { answer, errorAnswer, nxdomain, servfail, truncated } from '../kit/answers.ts';
import { askUdp } from '../kit/dns-client.ts';
import { freePort } from '../kit/free-port.ts';
import { hasOptions, isMixed, type ReceivedQuery } from '../kit/received-query.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { type RealServer, runServer, startDnsmasq } from './support/real-server.ts';

const RUN_MS = 4000;
const ATTACKS_PER_SECOND = 50;
const ATTACKER = '127.0.0.66';
const EVIL = /\.(evil|bad\d)\.example$/i;

beforeAll(() => ensureCoredns());

async function startResolver(name: 'dnsmasq' | 'CoreDNS', backend: number): Promise<RealServer> {
  const address = '127.0.0.1';
  if (name === 'dnsmasq')
    return startDnsmasq(['--cache-size=0', '--dns-forward-max=5000', `--server=${address}#${backend}`]);
  const port = await freePort();
  const file = join(scratchDirectory(), 'Corefile');
  writeFileSync(
    file,
    `.:${port} {\n  bind ${address}\n  forward . ${address}:${backend} {\n    max_fails 0\n  }\n}\n`,
  );
  return runServer({ name, command: COREDNS_BINARY, args: ['-conf', file], address, port });
}

const FORGED = '192.0.2.66';
/** What a forger who does not see the letter case would have us believe. */
const isForged = ({ name, transport }: ReceivedQuery) =>
  transport === 'udp' && name.toLowerCase() === 'forged.victim.example';

/** What the owner's authority does, kind by kind. */
const KINDS: readonly (readonly [string, (query: ReceivedQuery) => Action | undefined])[] = [
  ['FORMERR to EDNS', (query) => (query.hasOpt ? errorAnswer(query, 1) : answer(query))],
  ['FORMERR to options', (query) => (hasOptions(query) ? errorAnswer(query, 1) : answer(query))],
  ['SERVFAIL to options', (query) => (hasOptions(query) ? servfail(query) : answer(query))],
  ['NXDOMAIN to upper case', (query) => (isMixed(query) ? nxdomain(query) : answer(query))],
  [
    'TC, then lower case over TCP',
    (query) => (query.transport === 'udp' ? truncated(query) : withLowerCase(answer(query))),
  ],
];

const RESOLVERS = ['dnsmasq', 'CoreDNS'] as const;
const RUNS = RESOLVERS.flatMap((resolver) => KINDS.map(([kind, evil]) => [resolver, kind, evil] as const));
it.each(RUNS)('through %s: %s', async (resolver, _, evil) => {
  const backend = await startScriptedUpstream((query) => {
    if (EVIL.test(query.name)) return evil(query);
    return isForged(query) ? withLowerCase(answer(query, { address: FORGED })) : answer(query);
  });
  onTestFinished(() => backend.close());
  const server = await startResolver(resolver, backend.port);
  const unloop = await startUnloop({
    config: {
      workers: 1,
      upstreams: [`127.0.0.1:${server.port}`],
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  const lost = async (letter: string) => {
    let count = 0;
    const endMs = Date.now() + RUN_MS;
    for (let i = 0; Date.now() < endMs; i++) {
      const reply = await askUdp(unloop.port, { name: `${letter}${i}.honest.example` });
      if (reply.rcode !== 0 || reply.answers.length !== 1) count++;
      await sleep(20);
    }
    return count;
  };

  // The owner is the first whose answers the server is known by.
  const attacker = await Flooder.open(
    unloop.port,
    (i) => `x${i}.${i % 2 ? 'evil' : `bad${i % 9}`}.example`,
    ATTACKER,
  );
  attacker.start(ATTACKS_PER_SECOND);
  await expect.poll(() => attacker.answered, { timeout: 40_000 }).toBeGreaterThan(3);
  const attacked = await lost('attacked');
  attacker.stop();
  await attacker.close();
  const calm = await lost('calm');
  expect(attacked).toBeLessThanOrEqual(calm);

  // What he asked for came to the authority, and still nobody else is asked with less.
  expect(backend.queries.filter(({ name }) => EVIL.test(name)).length).toBeGreaterThan(50);
  const { upstreams } = await unloop.adminJson<{ upstreams: { learned: unknown[] }[] }>('/upstreams');
  expect(upstreams.flatMap(({ learned }) => learned)).toEqual([]);
  await askUdp(unloop.port, { name: 'www.victim.example' });
  const victim = backend.queries.find(({ name }) => name.toLowerCase() === 'www.victim.example')!;
  expect(isMixed(victim)).toBe(true);
  expect(victim.hasOpt).toBe(true);
  expect(hasOptions(victim)).toBe(true);
  // A reply in lower case over UDP is not believed.
  const believed = await askUdp(unloop.port, { name: 'forged.victim.example' });
  expect(JSON.stringify(believed.answers)).not.toContain(FORGED);
  await unloop.stop();
  await server.stop();
});
