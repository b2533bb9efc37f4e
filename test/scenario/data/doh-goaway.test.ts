// A DoH server that sends GOAWAY after each answer and never closes its end: no descriptor of ours
// stays open, and SIGTERM ends the process.
import { readdirSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { goAway } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { queryBytes, UdpClient } from '../../kit/dns-client.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { scenarioConfig } from './forwarder.ts';

/** As many as GOAWAY_QUERIES says: the laboratory asks 10,000. */
const QUERIES = Number(process.env.GOAWAY_QUERIES ?? 400);
const AT_A_TIME = 5;
/** Connections that the worker and the main thread may have. */
const MOST_CONNECTIONS = 2 * 16;

it(`holds no descriptor after GOAWAY, and ends with SIGTERM (${QUERIES} queries)`, async () => {
  const authority = new TestAuthority();
  const upstream = await startScriptedUpstream((query) => [answer(query), goAway()], {
    certificate: authority.issue(['127.0.0.1']),
  });
  onTestFinished(async () => {
    await upstream.close();
    authority.remove();
  });
  const unloop = await startUnloop({
    config: scenarioConfig([`https://127.0.0.1:${upstream.httpsPort}/dns-query`]),
    env: { NODE_EXTRA_CA_CERTS: authority.caPath },
  });
  const descriptors = () => readdirSync(`/proc/${unloop.child.pid}/fd`).length;
  const before = descriptors();
  const client = await UdpClient.open(unloop.port);
  let good = 0;
  let most = 0;
  for (let i = 0; i < QUERIES; i += AT_A_TIME) {
    for (let j = i; j < i + AT_A_TIME; j++) client.send(queryBytes({ name: `n${j}.example`, id: j }));
    for (let j = 0; j < AT_A_TIME; j++) if (((await client.receive()).readUInt16BE(2) & 15) === 0) good++;
    most = Math.max(most, descriptors());
  }
  client.close();
  expect(good).toBe(QUERIES);
  expect(upstream.connectionsAccepted).toBeGreaterThan(QUERIES / AT_A_TIME);
  expect(most - before).toBeLessThanOrEqual(MOST_CONNECTIONS);
  expect(await unloop.stop()).toBe(0);
}, 300_000);
