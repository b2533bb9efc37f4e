// The log under a repeated fault: a few lines, never one per query.
import { expect, it } from 'vitest';
import type { Script } from '../../kit/actions.ts';
import { errorAnswer } from '../../kit/answers.ts';
import { queryBytes, UdpClient } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamDoing } from './scene.ts';

const QUERIES = 10_000;
/** Few enough for the client's receive buffer, as their answers come in one burst. */
const AT_ONCE = 50;
/** More than the first line of each kind of fault, and a summary of each now and then. */
const HANDFUL = 12;

/** Asks for as many names, so many at a time. */
async function askMany(port: number): Promise<void> {
  const client = await UdpClient.open(port);
  let sent = 0;
  const sendOne = () => client.send(queryBytes({ name: `n${sent}.example`, id: sent++ & 0xffff }));
  while (sent < AT_ONCE) sendOne();
  for (let received = 0; received < QUERIES; received++) {
    await client.receive();
    if (sent < QUERIES) sendOne();
  }
  client.close();
}

const refuse: Script = (query) => errorAnswer(query, 5);

it.each([
  // Out of use after 100 in a row, as configured below, and tried again and again by health checks.
  { fault: 'where nobody listens', script: null, minFailures: 100 },
  { fault: 'that refuses to answer', script: refuse, minFailures: QUERIES },
])('an upstream $fault, ten thousand times, makes a handful of lines', async ({ script, minFailures }) => {
  const text = script === null ? `127.0.0.1:${await freePort()}` : (await upstreamDoing(script)).text;
  const unloop = await startUnloop({
    config: { upstreams: [text], forward: { healthCheck: { maxFails: 100 } }, loop: QUIET_LOOP },
  });
  await askMany(unloop.port);
  const metrics = await unloop.metrics();
  expect(metrics.value('unloop_queries_total')).toBe(QUERIES);
  expect(metrics.value('unloop_upstream_failures_total', { upstream: text })).toBeGreaterThanOrEqual(
    minFailures,
  );
  expect(unloop.log.length).toBeLessThanOrEqual(HANDFUL);
  expect(unloop.otherOutput).toEqual([]);
  expect(await unloop.stop()).toBe(0);
  expect(unloop.stderr).toBe('');
});
