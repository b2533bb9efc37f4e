// What a running process learns of a server as a whole: the server's own limits, not what the owner
// of one domain shows.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Script } from '../../kit/actions.ts';
import { withOtherCase } from '../../kit/altered-answers.ts';
import { answer, errorAnswer, nxdomain, servfail } from '../../kit/answers.ts';
import { hasOptions, isMixed, type ReceivedQuery } from '../../kit/received-query.ts';
import { type Forwarder, startForwarder, until } from './forwarder.ts';

let f: Forwarder;
afterEach(() => f.close());

const learned = async (): Promise<string[]> => {
  const { upstreams } = await f.unloop.adminJson<{ upstreams: { learned: { what: string }[] }[] }>(
    '/upstreams',
  );
  return upstreams.flatMap((upstream) => upstream.learned.map(({ what }) => what));
};

const KINDS: readonly (readonly [string, string, boolean, Script])[] = [
  ['NXDOMAIN to upper case', 'case', true, (query) => (isMixed(query) ? nxdomain(query) : answer(query))],
  [
    'REFUSED to upper case',
    'case',
    true,
    (query) => (isMixed(query) ? errorAnswer(query, 5) : answer(query)),
  ],
  ['silence to upper case', 'case', true, (query) => (isMixed(query) ? undefined : answer(query))],
  ['another case in each reply, and no TCP', 'case', false, (query) => withOtherCase(answer(query))],
  ['SERVFAIL to options', 'options', true, (query) => (hasOptions(query) ? servfail(query) : answer(query))],
  ['silence to options', 'options', true, (query) => (hasOptions(query) ? undefined : answer(query))],
  ['SERVFAIL to EDNS', 'edns', true, (query) => (query.hasOpt ? servfail(query) : answer(query))],
  ['FORMERR to EDNS', 'edns', true, (query) => (query.hasOpt ? errorAnswer(query, 1) : answer(query))],
];

const CARRIES: Readonly<Record<string, (query: ReceivedQuery) => boolean>> = {
  case: isMixed,
  options: hasOptions,
  edns: ({ hasOpt }) => hasOpt,
};

describe('a server with', () => {
  it.each(KINDS)('%s is asked without it, for all names', async (_, what, tcp, script) => {
    f = await startForwarder({ upstream: { tcp } });
    f.upstream.script = script;
    await until(
      async () => {
        await f.udp({ name: `n${performance.now().toString().replace('.', '-')}.one.example` });
        return await learned();
      },
      (names) => names.includes(what),
    );
    expect(await learned()).toEqual([what]);
    expect((await f.udp({ name: 'www.other.example' })).answers).toHaveLength(1);
    expect(f.asked('www.other.example').filter(CARRIES[what]!)).toEqual([]);
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_upstream_learned', { what })).toBe(1);
    expect(f.unloop.log.filter(({ msg }) => msg?.includes('does not handle'))).toHaveLength(1);
  });
});

it('the owner of a domain, whose server stumbles over everything, turns nothing off for others', async () => {
  f = await startForwarder();
  const isTheirs = ({ name }: ReceivedQuery) => name.toLowerCase().endsWith('.attacker.example');
  f.upstream.script = (query) => {
    if (!isTheirs(query)) return answer(query);
    if (query.hasOpt) return errorAnswer(query, 1);
    return isMixed(query) ? nxdomain(query) : answer(query);
  };
  for (let i = 0; i < 30; i++) await f.udp({ name: `n${i}.attacker.example` });
  // Whatever our own questions are, they have been answered by now.
  await until(
    async () => f.upstream.queries.filter(({ name }) => name.toLowerCase() === 'example.com').length,
    (count) => count >= 4,
  );
  await sleep(100);
  expect(await learned()).toEqual([]);
  await f.udp({ name: 'www.victim.example' });
  const [asked] = f.asked('www.victim.example');
  expect([isMixed(asked!), hasOptions(asked!)]).toEqual([true, true]);
});
