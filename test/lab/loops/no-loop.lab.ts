// What looks like a loop and is none: retransmissions, random case. And what must cost no answer:
// resolved's restart.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUnloopIn, type Unloop, writeResolvConf } from '../support/contenders.ts';
import { describeLoad, record } from '../support/figures.ts';
import { Lab, POD, UPSTREAM } from '../support/namespace.ts';
import { startResolved } from '../support/resolved.ts';

const SECOND_UPSTREAM = '10.91.1.3';

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.addAddress(lab.upstream, SECOND_UPSTREAM);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

async function alarmsOf(unloop: Unloop): Promise<string> {
  expect(await unloop.episodes()).toEqual([]);
  expect(await unloop.metric('unloop_loop_shed_total')).toBe(0);
  expect(await unloop.metric('unloop_loop_detected_total')).toBe(0);
  return `no alarm, ${await unloop.metric('unloop_loop_probes_total')} probes`;
}

describe('no alarm', () => {
  it('for a client that sends each query five times, of a slow upstream', async () => {
    const [agent, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM, delayMs: 100 });
    const unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM] }, { limits: { perClientWaiting: 0 } });
    const load = { server: POD, name: 'n*.some-service.outside.example', count: 1500, rate: 500, copies: 5 };
    const figures = await agent.call('load', { ...load, inFlight: 500 });
    record('retransmits', 'unloop', { answers: describeLoad(figures), note: await alarmsOf(unloop) });
    expect(figures.rcodes).toEqual({ 0: 1500 });
  });

  // Eight letters: a guess in 256 hits our pattern, and has a probe sent, one a second at most.
  it('for a client that randomizes case, over 10⁵ queries', async () => {
    const [agent, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM });
    const unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM] });
    const load = { server: POD, name: 'n*.example', count: 100_000 };
    const figures = await agent.call('load', { ...load, inFlight: 300, randomCase: true, names: 50_000 });
    record('random-case', 'unloop', { answers: describeLoad(figures), note: await alarmsOf(unloop) });
    expect(figures.rcodes).toEqual({ 0: 100_000 });
  });
});

describe('systemd-resolved restarted under load, its file replaced', () => {
  it('costs no answer', async () => {
    const [agent, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM });
    await upstream.call('serve', { address: SECOND_UPSTREAM });
    const resolved = await startResolved(lab.node, [UPSTREAM]);
    const discovery = { resolvConf: writeResolvConf(['127.0.0.53']), root: resolved.root };
    const unloop = await startUnloopIn(lab, {}, { discovery });
    const running = agent.call('load', { server: POD, name: 'n*.outside.example', count: 1000, rate: 200 });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await resolved.restart([SECOND_UPSTREAM]);
    const figures = await running;
    const { queries } = await upstream.call('counts', { address: SECOND_UPSTREAM });
    record('resolved-restart', 'unloop', {
      answers: describeLoad(figures),
      note: `${queries} of them by the new server`,
    });
    expect(figures.rcodes).toEqual({ 0: 1000 });
    expect(queries).toBeGreaterThan(0);
    await alarmsOf(unloop);
  });
});
