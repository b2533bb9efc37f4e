// Forged replies from another process, on another machine: a raw socket in the router's place sends
// as the upstream, to the forwarder's own ports and to any others, while questions wait for a slow
// answer. None is believed. Needs root.
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUnloopIn } from './support/contenders.ts';
import { Lab, POD, UPSTREAM } from './support/namespace.ts';

const FORGER = fileURLToPath(new URL('support/forge-replies.py', import.meta.url));
const NAME = 'account*.online-banking.example';
const DELAY_MS = 400;
const FORGED_PER_SECOND = 20_000;
/** What the stand-in answers, and nobody but it. */
const TRUE_ADDRESS = '192.0.2.1';

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

describe("forged replies from the upstream's address and port, by another process", () => {
  it.each([
    { inFlight: 1000, questions: 8000, found: false },
    // Where there are so few, three guesses soon meet the same question at its port: it goes where
    // nobody can forge.
    { inFlight: 4, questions: 40, found: true },
  ])('are not believed, whatever their ID and port; $inFlight questions in flight', async ({
    inFlight,
    questions,
    found,
  }) => {
    const [clients, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM, delayMs: DELAY_MS });
    // Without a cache each name is in flight most of the time.
    const unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM] }, { cache: { maxEntries: 0 } });
    const pid = String(unloop.process.child.pid);
    const wanted = [UPSTREAM, POD, pid, NAME, String(inFlight), String(FORGED_PER_SECOND)];
    const forger = lab.node.spawn('python3', [FORGER, ...wanted]);
    const load = { server: POD, name: NAME, names: inFlight, count: questions, inFlight };
    const figures = await clients.call('load', { ...load, timeoutMs: 10_000 });
    await forger.stop();
    const sent = JSON.parse(forger.stdout) as Record<'ports in use' | 'any port', number>;
    const unmatched = await unloop.metric('unloop_upstream_mismatches_total', 'kind="unmatched"');
    const otherCase = await unloop.metric('unloop_upstream_mismatches_total', 'kind="case"');
    const { overTcp } = await upstream.call('counts', { address: UPSTREAM });
    console.log(
      `forged: ${JSON.stringify(sent)}; seen: ${unmatched} unmatched, ${otherCase} with the ID and without the case; ` +
        `${overTcp} questions over TCP; answers: ${JSON.stringify(figures)}`,
    );
    expect(figures).toMatchObject({ lost: 0, rcodes: { 0: questions } });
    expect(figures.addresses).toEqual({ [TRUE_ADDRESS]: questions });
    expect(sent['any port']).toBeGreaterThan(2000);
    // They came, and were counted; a machine under load may lose some.
    expect(unmatched + otherCase).toBeGreaterThan(sent['ports in use'] / 4);
    if (found) expect(overTcp).toBeGreaterThan(0);
    expect(await unloop.metric('unloop_worker_restarts_total')).toBe(0);
    expect(unloop.hasEnded()).toBe(false);
  });
});
