// Loops that leave other ways open: one of several upstreams, one of several zones, over TCP, and a
// loop whose first message is lost.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CONTENDERS, type Contender, startUnloopIn, Unloop } from '../support/contenders.ts';
import { describeAnswer, describeLoad, describeOthers, record, round } from '../support/figures.ts';
import { Lab, NODE, POD, UPSTREAM } from '../support/namespace.ts';

const SECOND_UPSTREAM = '10.91.1.3';
const SETTLED_MS = 2500;
const PROBED_MS = 1200;
const PROVEN_WITHIN_MS = 2000;

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.countPacketsTo(NODE);
  lab.addAddress(lab.upstream, SECOND_UPSTREAM);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const settled = ({ system }: Contender) => sleep(system === 'unloop' ? PROBED_MS : SETTLED_MS);

describe('one of three upstreams that begins to send everything back', () => {
  it.each(CONTENDERS)('$system', async ({ system, start }) => {
    const [pod, node, upstream] = await Promise.all([
      lab.pod.agent(),
      lab.node.agent(),
      lab.upstream.agent(),
    ]);
    await node.call('serve', { address: NODE });
    await upstream.call('serve', { address: UPSTREAM });
    await upstream.call('serve', { address: SECOND_UPSTREAM });
    const contender = await start(lab, {
      upstreams: [NODE, UPSTREAM, SECOND_UPSTREAM],
      zones: { 'cluster.local': UPSTREAM },
    });
    await settled(contender);
    const before = lab.packetsTo(NODE);
    const running = ['n*.outside.example', 'n*.svc.cluster.local'].map((name) =>
      pod.call('load', { server: POD, name, count: 300, rate: 100, timeoutMs: 2000 }),
    );
    await sleep(1000);
    await node.call('change', { address: NODE, target: POD });
    const [figures, control] = await Promise.all(running);
    record('one-of-three', system, {
      answers: describeLoad(figures!),
      packets: `${lab.packetsTo(NODE) - before} packets to it, before and after`,
      note: `cluster names during it: max ${round(control!.maxMs)} ms`,
    });
    if (!(contender instanceof Unloop)) return;
    expect(figures!.rcodes).toEqual({ 0: 300 });
    // More than 200 ms is for want of CPU only: then names that have nothing to do with the loop
    // are as slow.
    expect(figures!.maxMs).toBeLessThan(200 + control!.maxMs);
    expect((await contender.episodes()).map(({ upstream, state }) => [upstream, state])).toEqual([
      [`${NODE}:53`, 'open'],
    ]);
  });
});

describe('an upstream that begins to send back the names of one zone', () => {
  it.each(CONTENDERS)('$system', async ({ system, start }) => {
    const [pod, node, upstream] = await Promise.all([
      lab.pod.agent(),
      lab.node.agent(),
      lab.upstream.agent(),
    ]);
    await node.call('serve', { address: NODE, targetSuffix: 'corp.example' });
    await upstream.call('serve', { address: UPSTREAM });
    const contender = await start(lab, {
      upstreams: [NODE],
      zones: { 'corp.example': NODE, 'cluster.local': UPSTREAM },
    });
    await settled(contender);
    await node.call('change', { address: NODE, target: POD });
    const loads = await Promise.all(
      ['n*.corp.example', 'n*.outside.example', 'n*.svc.cluster.local'].map((name) =>
        pod.call('load', { server: POD, name, count: 100, rate: 50, timeoutMs: 2000 }),
      ),
    );
    const [corp, outside, cluster] = loads as [(typeof loads)[0], (typeof loads)[0], (typeof loads)[0]];
    record('one-zone', system, {
      answers: `in the zone ${describeLoad(corp)}`,
      packets: `${(await node.call('counts', { address: NODE })).queries} queries at the upstream`,
      note: `other names by the same upstream: ${describeLoad(outside)}; cluster names: ${describeOthers(cluster)}`,
    });
    if (!(contender instanceof Unloop)) return;
    expect(corp.rcodes).toEqual({ 2: 100 });
    expect(outside.rcodes).toEqual({ 0: 100 });
    expect(cluster.rcodes).toEqual({ 0: 100 });
    expect((await contender.episodes()).map(({ zone, state }) => [zone, state])).toEqual([
      ['corp.example', 'open'],
    ]);
  });
});

describe('a loop over TCP', () => {
  it.each(CONTENDERS.filter(({ system }) => system !== 'dnsmasq'))('$system', async ({ system, start }) => {
    const [pod, node] = await Promise.all([lab.pod.agent(), lab.node.agent()]);
    await node.call('serve', { address: NODE, viaTcp: true });
    const contender = await start(lab, { upstreams: [NODE], tcp: true });
    await settled(contender);
    await node.call('change', { address: NODE, target: POD });
    const before = await node.call('counts', { address: NODE });
    const first = await pod.call('ask', {
      server: POD,
      name: 'www.outside.example',
      tcp: true,
      timeoutMs: 3000,
    });
    const after = await node.call('counts', { address: NODE });
    record('tcp', system, {
      answers: describeAnswer(first),
      packets: `${after.overTcp - before.overTcp} queries over TCP`,
    });
    if (!(contender instanceof Unloop)) return;
    expect(first).toMatchObject({ rcode: 2, ede: 14 });
    expect(after.queries - after.probes - (before.queries - before.probes)).toBeLessThanOrEqual(2);
  });
});

describe('a loop that comes back over TCP what was sent over UDP', () => {
  it('is recognized all the same', async () => {
    const [pod, node] = await Promise.all([lab.pod.agent(), lab.node.agent()]);
    await node.call('serve', { address: NODE, viaTcp: true });
    const unloop = await startUnloopIn(lab, { upstreams: [NODE] });
    await settled(unloop);
    await node.call('change', { address: NODE, target: POD });
    const first = await pod.call('ask', { server: POD, name: 'www.outside.example' });
    record('back-by-tcp', 'unloop', { answers: describeAnswer(first) });
    expect(first).toMatchObject({ rcode: 2, ede: 14 });
  });
});

describe('while everything sent to the default upstream comes back', () => {
  it.each(CONTENDERS)('$system answers other names and cached ones as before', async ({ system, start }) => {
    const [pod, node, upstream] = await Promise.all([
      lab.pod.agent(),
      lab.node.agent(),
      lab.upstream.agent(),
    ]);
    await node.call('serve', { address: NODE });
    await upstream.call('serve', { address: UPSTREAM });
    const contender = await start(lab, { upstreams: [NODE], zones: { 'cluster.local': UPSTREAM } });
    const ask = (name: string) =>
      pod.call('load', { server: POD, name, count: 300, rate: 150, timeoutMs: 1000 });
    const others = () => Promise.all([ask('n*.svc.cluster.local'), ask('cached.outside.example')]);
    const before = await others();
    await settled(contender);
    await node.call('change', { address: NODE, target: POD });
    const [during, outside] = await Promise.all([
      others(),
      pod.call('load', {
        server: POD,
        name: 'n*.outside.example',
        count: 1000,
        rate: 500,
        timeoutMs: 1000,
        inFlight: 1000,
      }),
    ]);
    record('isolation', system, {
      answers: `cluster names ${describeOthers(before[0])} before, ${describeOthers(during[0])} during it`,
      note: `cached names ${describeOthers(before[1])} before, ${describeOthers(during[1])} during it; names that loop: ${describeLoad(outside)}`,
    });
    if (!(contender instanceof Unloop)) return;
    for (const figures of during) expect(figures.rcodes).toEqual({ 0: 300 });
    expect(outside.rcodes).toEqual({ 2: 1000 });
  });
});

describe('a loop from the start whose first message is lost', () => {
  it.each(CONTENDERS)('$system', async ({ system, start }) => {
    const [pod, node] = await Promise.all([lab.pod.agent(), lab.node.agent()]);
    await node.call('serve', { address: NODE, target: POD, dropOptions: true, loseFirst: 1 });
    const contender = await start(lab, { upstreams: [NODE] });
    const beganMs = Date.now();
    let proven = '';
    if (contender instanceof Unloop) {
      const episode = await contender.untilEpisode(({ state }) => state === 'open');
      const provenMs = Date.parse(episode.first) - beganMs;
      expect(provenMs).toBeLessThan(PROVEN_WITHIN_MS);
      proven = `proven by ${episode.evidence} ${provenMs} ms after the start`;
    } else {
      // CoreDNS asks again after a time-out of 2 s.
      for (let i = 0; i < 80 && !contender.hasEnded(); i++) await sleep(100);
    }
    const asked = contender.hasEnded()
      ? null
      : await pod.call('ask', { server: POD, name: 'www.outside.example', timeoutMs: 3000 });
    record('probe-lost', system, {
      answers: asked === null ? 'exits: no name is answered any more' : describeAnswer(asked),
      note: proven,
    });
    if (contender instanceof Unloop) expect(asked).toMatchObject({ rcode: 2, ede: 23 });
  });
});

describe('an upstream that loops no longer', () => {
  it('is in use again', async () => {
    const [pod, node] = await Promise.all([lab.pod.agent(), lab.node.agent()]);
    await node.call('serve', { address: NODE, target: POD });
    const unloop = await startUnloopIn(lab, { upstreams: [NODE] });
    await unloop.untilEpisode(({ state }) => state === 'open');
    await sleep(2000);
    await node.call('change', { address: NODE, target: '' });
    const mendedMs = Date.now();
    await unloop.untilEpisode(({ state }) => state === 'closed');
    const returnedMs = Date.now() - mendedMs;
    const asked = await pod.call('ask', { server: POD, name: 'www.outside.example' });
    record('returns', 'unloop', {
      answers: `in use again after ${round(returnedMs / 1000)} s (it had looped for 2 s)`,
    });
    expect(asked.rcode).toBe(0);
    expect(returnedMs).toBeLessThan(8000);
  });
});
