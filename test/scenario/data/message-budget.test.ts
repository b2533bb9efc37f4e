// Messages per question where UDP replies are useless and TCP does not help: three at most.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type Action, closeConnection } from '../../kit/actions.ts';
import { asQuery, withOtherName } from '../../kit/altered-answers.ts';
import { answer } from '../../kit/answers.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import { type Forwarder, startForwarder } from './forwarder.ts';

let f: Forwarder;
afterEach(() => f.close());

type Fault = (query: ReceivedQuery) => Action | undefined;

const DATAGRAMS: readonly (readonly [string, Fault])[] = [
  ['another question (wrongq)', (query) => withOtherName(answer(query))],
  ['QR=0 (qr0)', (query) => asQuery(answer(query))],
];
const STREAMS: readonly (readonly [string, Fault | null])[] = [
  ['is refused', null],
  ['is closed', closeConnection],
  ['is silent', () => undefined],
  ['brings another question', (query) => withOtherName(answer(query))],
];

it.each(
  DATAGRAMS.flatMap(([wrong, overUdp]) =>
    STREAMS.map(([fault, overTcp]) => [wrong, fault, overUdp, overTcp] as const),
  ),
)('%s, while TCP %s: three messages at most', async (_, _fault, overUdp, overTcp) => {
  f = await startForwarder({
    config: { forward: { deadline: '1800ms' } },
    upstream: { tcp: overTcp !== null },
  });
  f.upstream.script = (query) => (query.transport === 'udp' ? overUdp(query) : overTcp?.(query));
  const reply = await f.udp({ name: 'www.example' });
  expect(reply.rcode).toBe(2);
  // Late messages, if there were any.
  await sleep(200);
  const { length } = f.asked('www.example');
  expect(length).toBeGreaterThan(0);
  expect(length).toBeLessThanOrEqual(3);
});
