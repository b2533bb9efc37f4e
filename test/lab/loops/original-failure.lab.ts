// The failure that gave the product its reason: on a node with systemd-resolved, resolv.conf names
// the stub, 127.0.0.53; a pod takes that file over, and 127.0.0.53 is the pod itself. With a real
// systemd-resolved on the node.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CONTENDERS, startUnloopIn, writeResolvConf } from '../support/contenders.ts';
import { describeAnswer, describeLoad, describeOthers, record } from '../support/figures.ts';
import { Lab, POD, UPSTREAM } from '../support/namespace.ts';
import { startResolved } from '../support/resolved.ts';

const STUB = '127.0.0.53';

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.countPacketsTo(STUB);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

describe('a pod with a resolv.conf that names the stub of its node', () => {
  it.each(CONTENDERS)('$system answers, or does not', async ({ system, start }) => {
    const upstream = await lab.upstream.agent();
    await upstream.call('serve', { address: UPSTREAM });
    const agent = await lab.pod.agent();
    const before = lab.packetsTo(STUB);
    const contender = await start(lab, {
      resolvConf: writeResolvConf([STUB]),
      zones: { 'cluster.local': UPSTREAM },
    });
    const first = await agent.call('ask', { server: POD, name: 'www.outside.example', timeoutMs: 3000 });
    const packetsFirst = lab.packetsTo(STUB) - before;
    const [outside, inside] = await Promise.all([
      agent.call('load', { server: POD, name: 'n*.outside.example', count: 100, rate: 50, timeoutMs: 3000 }),
      agent.call('load', {
        server: POD,
        name: 'n*.svc.cluster.local',
        count: 100,
        rate: 50,
        timeoutMs: 3000,
      }),
    ]);
    record('original', system, {
      answers: contender.hasEnded()
        ? 'exits: no name is answered any more'
        : `first ${describeAnswer(first)}, then ${describeLoad(outside)}`,
      packets: `${packetsFirst} packets until the first answer, ${lab.packetsTo(STUB) - before} in all`,
      note: `cluster names during it: ${describeOthers(inside)}`,
    });
    if (system !== 'unloop') return;
    // The loop is seen in the file already: not a packet goes into it.
    expect(first).toMatchObject({ rcode: 2, ede: 23 });
    expect(lab.packetsTo(STUB)).toBe(before);
    expect(outside.rcodes).toEqual({ 2: 100 });
    expect(inside.rcodes).toEqual({ 0: 100 });
    // All at once: the median, as a machine may stall for some of them.
    expect(outside.p50Ms).toBeLessThan(100);
    expect(inside.p50Ms).toBeLessThan(50);
  });

  it('says so where the node’s files name us as well', async () => {
    const agent = await lab.pod.agent();
    const resolved = await startResolved(lab.node, [POD]);
    const before = lab.packetsTo(STUB);
    const discovery = { resolvConf: writeResolvConf([STUB]), root: resolved.root };
    const unloop = await startUnloopIn(lab, {}, { discovery });
    const first = await agent.call('ask', { server: POD, name: 'www.outside.example', timeoutMs: 3000 });
    const said = unloop.process.log.find(({ level, msg }) => level === 'warn' && msg.includes(POD));
    record('original-self', 'unloop', {
      answers: describeAnswer(first),
      packets: `${lab.packetsTo(STUB) - before} packets to the stub`,
      note: `the log: “${said?.msg}”`,
    });
    expect(first).toMatchObject({ rcode: 2, ede: 23 });
    expect(said).toBeDefined();
  });

  it('is healed where the node’s files can be read', async () => {
    const upstream = await lab.upstream.agent();
    await upstream.call('serve', { address: UPSTREAM });
    const agent = await lab.pod.agent();
    const resolved = await startResolved(lab.node, [UPSTREAM]);
    const before = lab.packetsTo(STUB);
    await startUnloopIn(lab, {}, { discovery: { resolvConf: writeResolvConf([STUB]), root: resolved.root } });
    const outside = await agent.call('load', {
      server: POD,
      name: 'n*.outside.example',
      count: 200,
      rate: 100,
    });
    record('original-root', 'unloop', {
      answers: describeLoad(outside),
      packets: `${lab.packetsTo(STUB) - before} packets to the stub`,
    });
    expect(outside.rcodes).toEqual({ 0: 200 });
  });
});
