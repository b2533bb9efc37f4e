// A loop that begins after the start, through each kind of box: at first the box forwards to a good
// server, then to us.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CONTENDERS, type Contender, Unloop } from '../support/contenders.ts';
import { describeAnswer, describeLoad, describeOthers, record, type Scenario } from '../support/figures.ts';
import { Lab, NODE, POD, UPSTREAM } from '../support/namespace.ts';
import { BOXES } from '../support/real-servers.ts';

/** Longer than CoreDNS's `loop` and dnsmasq look for loops after their start. */
const SETTLED_MS = 2500;
/** Unloop's probes of the start are over. */
const PROBED_MS = 1200;
const PROVEN_WITHIN_MS = 2000;

/** The others only fill their columns of the table in docs/loops.md, and take most of the time. */
const contenders =
  process.env.UPDATE_GENERATED === '1' ? CONTENDERS : CONTENDERS.filter(({ system }) => system === 'unloop');

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.countPacketsTo(NODE);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

const settled = (contender: Contender) =>
  new Promise((resolve) => setTimeout(resolve, contender.system === 'unloop' ? PROBED_MS : SETTLED_MS));

describe.each(BOXES)('a loop that begins later, through $name ($trait)', ({
  name,
  trait,
  start: startBox,
}) => {
  it.each(contenders)('$system', async ({ system, start }) => {
    const upstream = await lab.upstream.agent();
    await upstream.call('serve', { address: UPSTREAM });
    const agent = await lab.pod.agent();
    await startBox(lab.node, NODE, UPSTREAM);
    const contender = await start(lab, { upstreams: [NODE], zones: { 'cluster.local': UPSTREAM } });
    const before = await agent.call('ask', { server: POD, name: 'before.outside.example' });
    expect(before.rcode).toBe(0);
    await settled(contender);

    await lab.node.stopAll();
    await startBox(lab.node, NODE, POD);
    const packetsBefore = lab.packetsTo(NODE);
    const probesBefore = await probesOf(contender);
    const beganMs = Date.now();
    const first = await agent.call('ask', { server: POD, name: 'www.outside.example', timeoutMs: 3000 });
    const packets = lab.packetsTo(NODE) - packetsBefore - ((await probesOf(contender)) - probesBefore);
    let proven = '';
    if (contender instanceof Unloop) {
      const episode = await contender.untilEpisode(({ state }) => state === 'open', PROVEN_WITHIN_MS);
      const provenMs = Date.parse(episode.first) - beganMs;
      expect(provenMs).toBeLessThan(PROVEN_WITHIN_MS);
      proven = `proven by ${episode.evidence} after ${provenMs} ms`;
    }
    const [outside, inside] = await Promise.all([
      agent.call('load', { server: POD, name: 'n*.outside.example', count: 50, rate: 50, timeoutMs: 1500 }),
      agent.call('load', { server: POD, name: 'n*.svc.cluster.local', count: 50, rate: 50, timeoutMs: 1500 }),
    ]);
    record(`box-${name}` as Scenario, system, {
      answers: `first ${describeAnswer(first)}, then ${describeLoad(outside)}`,
      packets: `first query: ${packets} packets`,
      note: [proven, `cluster names: ${describeOthers(inside)}`].filter((part) => part !== '').join('; '),
    });
    if (system !== 'unloop') return;
    expect(first).toMatchObject({ rcode: 2, ede: 14 });
    // Where the query itself comes back, a round trip and what this machine is slow by; else a
    // probe must go round first.
    if (trait === 'keeps everything') expect(first.ms).toBeLessThan(100 + 5 * before.ms);
    expect(first.ms).toBeLessThan(PROVEN_WITHIN_MS);
    // One that had to wait for the probe longer than an attempt's patience is sent again.
    expect(packets).toBeLessThanOrEqual(2 + Math.floor(first.ms / 100));
    expect(outside.rcodes).toEqual({ 2: 50 });
    expect(inside.rcodes).toEqual({ 0: 50 });
  });
});

async function probesOf(contender: Contender): Promise<number> {
  return contender instanceof Unloop ? contender.metric('unloop_loop_probes_total') : 0;
}
