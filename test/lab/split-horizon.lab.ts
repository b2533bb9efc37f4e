// Two real name servers (unbound) that do not know the same names, and one that stands still.
import { beforeAll, describe, expect, it } from 'vitest';
import { askUdp } from '../kit/dns-client.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { type RealServer, startUnbound } from './support/real-server.ts';

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;

function zone(records: readonly string[]) {
  const text = `$ORIGIN corp.example.
$TTL 300
@ IN SOA ns.corp.example. host.corp.example. 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
${records.join('\n')}
`;
  return { origin: 'corp.example', text };
}

let inside: RealServer;
let outside: RealServer;

beforeAll(async () => {
  inside = await startUnbound([zone(['db IN A 10.0.0.1', 'half IN TXT "inside"'])]);
  outside = await startUnbound([zone(['www IN A 192.0.2.1', 'half IN A 192.0.2.2'])]);
  return () => Promise.all([inside.stop(), outside.stop()]);
});

const textOf = ({ address, port }: RealServer) => `${address}:${port}`;

function start(forward: object) {
  const upstreams = [textOf(inside), textOf(outside)];
  const loop = { probe: { onStart: false, interval: '0s' } };
  return startUnloop({ config: { loop, upstreams, forward } });
}

describe('forward.next', () => {
  it('finds names that either of them knows, and denies what both deny', async () => {
    const unloop = await start({ policy: 'sequential', next: ['NXDOMAIN', 'NODATA'] });
    const ask = (name: string) => askUdp(unloop.port, { name: `${name}.corp.example` });
    expect(await ask('db')).toMatchObject({ rcode: NOERROR, answers: [{ data: '10.0.0.1' }] });
    expect(await ask('www')).toMatchObject({ rcode: NOERROR, answers: [{ data: '192.0.2.1' }] });
    expect(await ask('half')).toMatchObject({ rcode: NOERROR, answers: [{ data: '192.0.2.2' }] });
    expect(await ask('gone')).toMatchObject({ rcode: NXDOMAIN });
    const metrics = await unloop.metrics();
    const sent = ({ address, port }: RealServer) =>
      metrics.value('unloop_upstream_requests_total', { upstream: `${address}:${port}` });
    // The first one is asked for each name (and may be asked again in lower case), the other one
    // for those that the first does not know.
    expect(sent(inside)).toBeGreaterThanOrEqual(4);
    expect(sent(outside)).toBeGreaterThanOrEqual(3);
    await unloop.stop();
  });

  it('does not deny a name while one of them is out of reach', async () => {
    const unloop = await start({ policy: 'sequential', next: ['NXDOMAIN'] });
    process.kill(outside.pid, 'SIGSTOP');
    try {
      expect((await askUdp(unloop.port, { name: 'www.corp.example' })).rcode).toBe(SERVFAIL);
    } finally {
      process.kill(outside.pid, 'SIGCONT');
    }
    await unloop.stop();
  });

  it('is off unless it is set: the first answer counts', async () => {
    const unloop = await start({ policy: 'sequential' });
    expect((await askUdp(unloop.port, { name: 'www.corp.example' })).rcode).toBe(NXDOMAIN);
    await unloop.stop();
  });
});

it('forward.race answers from the one that runs while the other one stands still', async () => {
  const unloop = await start({ policy: 'random', race: 2 });
  process.kill(inside.pid, 'SIGSTOP');
  try {
    for (let i = 0; i < 20; i++) {
      const { rcode } = await askUdp(unloop.port, { name: `www${i}.corp.example` });
      expect(rcode).toBe(NXDOMAIN);
    }
    const metrics = await unloop.metrics();
    const upstream = textOf(inside);
    // Nobody has waited for its time-out: none has been counted.
    expect(metrics.value('unloop_upstream_failures_total', { upstream, reason: 'timeout' })).toBe(0);
    expect(metrics.value('unloop_upstream_requests_total', { upstream })).toBeGreaterThan(0);
  } finally {
    process.kill(inside.pid, 'SIGCONT');
  }
  await unloop.stop();
});
