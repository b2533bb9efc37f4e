// Datagrams that leave together are cut apart by the kernel, where it can: counted by nftables, on
// a loopback with room and on one whose MTU is smaller than the datagrams.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUnloop } from '../kit/unloop-process.ts';
import { Namespace } from './support/namespace.ts';

const UPSTREAM = '127.0.0.2';
const UNLOOP = '127.0.0.1';
const QUERIES = 2000;
/** Longer than the small MTU with its headers. */
const NAME = `n*.${'long-label'.repeat(6)}.example`;

let host: Namespace;
beforeAll(() => {
  host = new Namespace('host');
});
afterAll(() => host.close());

/**
 * Datagrams between the forwarder and its upstream as nftables sees them: what the kernel has yet
 * to cut counts once.
 */
function packetsToUpstream(): number {
  const text = host.run('nft', ['list', 'counters', 'table', 'inet', 'lab']);
  return Number(/packets (\d+)/.exec(text)![1]);
}

it.each([
  { mtu: 1500, together: true },
  { mtu: 100, together: false },
])('every query is answered with an MTU of $mtu', async ({ mtu, together }) => {
  host.run('ip', ['link', 'set', 'lo', 'mtu', String(mtu)]);
  host.run('nft', [
    'add table inet lab; delete table inet lab; add table inet lab; add counter inet lab sent; ' +
      'add chain inet lab out { type filter hook output priority 0; }; ' +
      `add rule inet lab out ip daddr ${UPSTREAM} udp dport 53 counter name sent`,
  ]);
  const agent = await host.agent();
  await agent.call('serve', { address: UPSTREAM });
  const unloop = await startUnloop({
    prefix: host.prefix,
    config: { listen: [`${UNLOOP}:53`], workers: 1, upstreams: [UPSTREAM], admin: { listen: 'off' } },
  });
  const figures = await agent.call('load', { server: UNLOOP, name: NAME, count: QUERIES, inFlight: 200 });
  expect(figures).toMatchObject({ answered: QUERIES, lost: 0, rcodes: { 0: QUERIES } });
  // Bursts of 200 queries come in batches: what goes together leaves fewer packets than queries;
  // apart it is one each at least.
  if (together) expect(packetsToUpstream()).toBeLessThan(QUERIES);
  else expect(packetsToUpstream()).toBeGreaterThanOrEqual(QUERIES);
  await unloop.stop();
  await host.stopAll();
});
