// Whoever owns a name decides what a resolver answers for it: dnsmasq and CoreDNS pass our letter
// case, options and the authority's errors on. He stumbles over each of them beside an honest
// client; unloop gives nothing up for others, and loses none of their questions beyond what the
// same run loses without him.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
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

/** What one owner came to through one resolver. */
interface Outcome {
  /** Honest questions that came to nothing, beside his and without them. */
  readonly attacked: number;
  readonly calm: number;
  /** His questions that reached the authority. */
  readonly evilQueries: number;
  /** What unloop has learned about the resolver since. */
  readonly learned: readonly unknown[];
  /** A question about somebody else's name, as the authority saw it afterwards. */
  readonly victim: { readonly mixed: boolean; readonly hasOpt: boolean; readonly hasOptions: boolean };
  /** The answer to a question whose first reply was forged. */
  readonly believed: string;
}

async function suffer(
  resolver: (typeof RESOLVERS)[number],
  evil: (query: ReceivedQuery) => Action | undefined,
): Promise<Outcome> {
  const backend = await startScriptedUpstream((query) => {
    if (EVIL.test(query.name)) return evil(query);
    return isForged(query) ? withLowerCase(answer(query, { address: FORGED })) : answer(query);
  });
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
  while (attacker.answered <= 3) await sleep(20);
  const attacked = await lost('attacked');
  attacker.stop();
  await attacker.close();
  const calm = await lost('calm');

  const { upstreams } = await unloop.adminJson<{ upstreams: { learned: unknown[] }[] }>('/upstreams');
  await askUdp(unloop.port, { name: 'www.victim.example' });
  const victim = backend.queries.find(({ name }) => name.toLowerCase() === 'www.victim.example')!;
  const believed = await askUdp(unloop.port, { name: 'forged.victim.example' });
  await unloop.stop();
  await server.stop();
  await backend.close();
  return {
    attacked,
    calm,
    evilQueries: backend.queries.filter(({ name }) => EVIL.test(name)).length,
    learned: upstreams.flatMap(({ learned }) => learned),
    victim: { mixed: isMixed(victim), hasOpt: victim.hasOpt, hasOptions: hasOptions(victim) },
    believed: JSON.stringify(believed.answers),
  };
}

describe.each(RESOLVERS)('through %s', (resolver) => {
  const outcomes = new Map<string, Outcome>();
  // All kinds at once: they mostly wait.
  beforeAll(async () => {
    await Promise.all(KINDS.map(async ([kind, evil]) => outcomes.set(kind, await suffer(resolver, evil))));
  }, 120_000);

  it.each(KINDS)('%s', (kind) => {
    const { attacked, calm, evilQueries, learned, victim, believed } = outcomes.get(kind)!;
    expect(attacked).toBeLessThanOrEqual(calm);
    // What he asked for came to the authority, and still nobody else is asked with less.
    expect(evilQueries).toBeGreaterThan(50);
    expect(learned).toEqual([]);
    expect(victim).toEqual({ mixed: true, hasOpt: true, hasOptions: true });
    // A reply in lower case over UDP is not believed.
    expect(believed).not.toContain(FORGED);
  });
});
