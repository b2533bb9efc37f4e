// Names whose authority is silent, asked by one client, beside an honest one: over HTTPS the honest client loses no more than over
// UDP, which is nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TestAuthority } from '../../support/certificates.ts';
import { queryBytes, UdpClient } from '../../support/dns-client.ts';
import {
  answer,
  later,
  type ReceivedQuery,
  type Script,
  startScriptedUpstream,
} from '../../support/scripted-upstream.ts';
import { startUnloop } from '../../support/unloop-process.ts';
import { scenarioConfig } from './forwarder.ts';

const SECONDS = 6;
const HONEST_PER_SECOND = 10;

const isSilent = (query: ReceivedQuery) => /^silent/i.test(query.name);

const concurrent = (): Script => (query) => (isSilent(query) ? undefined : later(5, answer(query)));

const SERVERS = [
  { server: 'HTTPS, 100 streams', scheme: 'https', script: concurrent, silentPerSecond: 60 },
] as const;

describe.each(SERVERS)('silent names toward $server', ({ scheme, script, silentPerSecond }) => {
  it('cost an honest client nothing', async () => {
    const authority = new TestAuthority();
    const upstream = await startScriptedUpstream(script(), {
      certificate: authority.issue(['127.0.0.1']),
      maxStreams: 100,
    });
    onTestFinished(async () => {
      await upstream.close();
      authority.remove();
    });
    const address = `${upstream.httpsPort}/dns-query`;
    const unloop = await startUnloop({
      config: scenarioConfig([`${scheme}://127.0.0.1:${address}`]),
      env: { NODE_EXTRA_CA_CERTS: authority.caPath },
    });
    const honest = await UdpClient.open(unloop.port);
    const attacker = await UdpClient.open(unloop.port);
    const tick = 1000 / Math.max(HONEST_PER_SECOND, silentPerSecond);
    const startMs = performance.now();
    let asked = 0;
    for (let silent = 0; ; ) {
      const seconds = (performance.now() - startMs) / 1000;
      if (seconds >= SECONDS) break;
      for (; silent < seconds * silentPerSecond; silent++)
        attacker.send(queryBytes({ name: `silent${silent}.example`, id: silent }));
      for (; asked < seconds * HONEST_PER_SECOND; asked++)
        honest.send(queryBytes({ name: `honest${asked}.example`, id: asked }));
      await sleep(tick);
    }
    const rcodes: number[] = [];
    for (let i = 0; i < asked; i++) rcodes.push((await honest.receive()).readUInt16BE(2) & 15);
    honest.close();
    attacker.close();
    expect(rcodes.filter((rcode) => rcode !== 0)).toEqual([]);
    expect(await unloop.stop()).toBe(0);
  });
});
