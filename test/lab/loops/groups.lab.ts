// Several of us: replicas behind one address recognize each other's queries; tiers of different
// rings are no loop.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUnloopIn, type Unloop } from '../support/contenders.ts';
import { describeAnswer, describeLoad, record } from '../support/figures.ts';
import { Lab, NODE, POD, UPSTREAM } from '../support/namespace.ts';
import { startDnsdist } from '../support/real-servers.ts';

const SECOND_POD = '10.91.0.3';

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.countPacketsTo(NODE);
  lab.addAddress(lab.pod, SECOND_POD);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

/** Two of one cluster key: the first at POD, the second at SECOND_POD. */
function startTwo(
  upstreams: readonly [string, string],
  rings: readonly [string, string] = ['default', 'default'],
  probe: object = {},
): Promise<[Unloop, Unloop]> {
  const config = (address: string, ring: string) => ({
    listen: [`${address}:53`],
    loop: { clusterKey: 'the key of this laboratory', ring, probe },
  });
  return Promise.all([
    startUnloopIn(lab, { upstreams: [upstreams[0]] }, config(POD, rings[0]), '127.0.0.1:9530'),
    startUnloopIn(lab, { upstreams: [upstreams[1]] }, config(SECOND_POD, rings[1]), '127.0.0.1:9531'),
  ]);
}

describe('two replicas behind one address, whose upstream sends everything to that address', () => {
  it('recognize their queries, whichever replica receives them', async () => {
    const agent = await lab.pod.agent();
    await startDnsdist(lab.node, NODE, [POD, SECOND_POD]);
    const replicas = await startTwo([NODE, NODE], ['default', 'default'], { onStart: false });
    const before = lab.packetsTo(NODE);
    const beganMs = Date.now();
    const first = await agent.call('ask', { server: POD, name: 'www.outside.example' });
    const packets = lab.packetsTo(NODE) - before;
    const episode = await replicas[0].untilEpisode(({ state }) => state === 'open', 2000);
    const provenMs = Date.parse(episode.first) - beganMs;
    const rest = await Promise.all(
      [POD, SECOND_POD].map((server) =>
        agent.call('load', { server, name: 'n*.outside.example', count: 100, rate: 100, timeoutMs: 3000 }),
      ),
    );
    record('replicas', 'unloop', {
      answers: `first ${describeAnswer(first)}, then at either ${rest.map(describeLoad).join(' and ')}`,
      packets: `first query: ${packets} packets with the probes; ${lab.packetsTo(NODE) - before} in all`,
      note: `proven by ${episode.evidence} after ${provenMs} ms`,
    });
    expect(first).toMatchObject({ rcode: 2, ede: 14 });
    expect(provenMs).toBeLessThan(2000);
    for (const figures of rest) expect(figures.rcodes).toEqual({ 2: 100 });
    await replicas[1].untilEpisode(({ state }) => state === 'open', 2000);
  });
});

describe('two tiers', () => {
  it('of different rings are no loop', async () => {
    const [agent, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM });
    const tiers = await startTwo([SECOND_POD, UPSTREAM], ['sidecar', 'node']);
    const figures = await agent.call('load', {
      server: POD,
      name: 'n*.outside.example',
      count: 1000,
      rate: 500,
    });
    const shed = (await Promise.all(tiers.map((tier) => tier.metric('unloop_loop_shed_total')))).join(
      ' and ',
    );
    record('tiers', 'unloop', {
      answers: describeLoad(figures),
      note: `${shed} queries mistaken for returned ones`,
    });
    expect(figures.rcodes).toEqual({ 0: 1000 });
    expect(shed).toBe('0 and 0');
    for (const tier of tiers) expect(await tier.episodes()).toEqual([]);
  });

  it('of different rings that ask each other are a loop', async () => {
    const agent = await lab.pod.agent();
    const tiers = await startTwo([SECOND_POD, POD], ['sidecar', 'node'], { onStart: false });
    const first = await agent.call('ask', { server: POD, name: 'www.outside.example' });
    record('tiers-in-a-ring', 'unloop', { answers: describeAnswer(first) });
    expect(first).toMatchObject({ rcode: 2 });
    await tiers[0].untilEpisode(({ state }) => state === 'open', 2000);
  });
});
