// Loops that begin later, through each kind of box, in a chain of three: unloop ─▶ the box ─▶ a
// stand-in, which answers at first and then sends all back to unloop. What comes back comes from an
// address that is no upstream of ours. The schedule of probes is off.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Routing, startUnloopIn, type Unloop } from '../support/contenders.ts';
import { recordLater } from '../support/later-figures.ts';
import { Lab, NODE, POD, UPSTREAM } from '../support/namespace.ts';
import { BOXES } from '../support/real-servers.ts';

const SECOND_UPSTREAM = '10.91.1.3';
/**
 * Well before the deadline of 1.8 s, which ends what nobody finds; some 10 ms on a machine with
 * nothing else to do.
 */
const FOUND_WITHIN_MS = 1000;

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.addAddress(lab.upstream, SECOND_UPSTREAM);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

interface Setting {
  readonly name: string;
  readonly workers: number;
  readonly routing: Routing;
  readonly loop?: Readonly<Record<string, unknown>>;
  /** What goes back to unloop goes over TCP. */
  readonly viaTcp?: boolean;
}

const SETTINGS: readonly Setting[] = [
  { name: '1 worker', workers: 1, routing: { upstreams: [NODE] } },
  {
    name: '2 workers, over TCP out and back',
    workers: 2,
    routing: { upstreams: [NODE], tcp: true },
    viaTcp: true,
  },
  {
    name: '4 workers, no marks, back over TCP',
    workers: 4,
    routing: { upstreams: [NODE] },
    loop: { tag: 'never', case: false },
    viaTcp: true,
  },
  {
    name: '4 workers, a good upstream beside',
    workers: 4,
    routing: { upstreams: [NODE, SECOND_UPSTREAM] },
  },
];

describe.each(BOXES)('a loop that begins later, through $name ($trait)', ({ name, start }) => {
  it.each(SETTINGS)('$name', async (setting) => {
    const [pod, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
    await upstream.call('serve', { address: UPSTREAM, viaTcp: setting.viaTcp === true });
    await upstream.call('serve', { address: SECOND_UPSTREAM });
    await start(lab.node, NODE, UPSTREAM);
    const unloop = await startUnloopIn(lab, setting.routing, {
      workers: setting.workers,
      loop: { ...setting.loop, probe: { onStart: false, interval: '1h' } },
    });
    const before = await pod.call('ask', { server: POD, name: 'before.outside.example' });
    expect(before.rcode).toBe(0);
    await upstream.call('change', { address: UPSTREAM, target: POD });
    const found = await find(unloop, setting);
    recordLater(name, setting.name, `${found.ms} ms by ${found.evidence}`);
    expect(found.ms).toBeLessThan(FOUND_WITHIN_MS);
  });
});

/** Asks until the loop is found; the time from the first question on. */
async function find(unloop: Unloop, setting: Setting): Promise<{ ms: number; evidence: string }> {
  const pod = await lab.pod.agent();
  const beganMs = Date.now();
  if (setting.routing.upstreams!.length === 1) {
    const first = await pod.call('ask', { server: POD, name: 'www.outside.example', timeoutMs: 3000 });
    expect(first).toMatchObject({ rcode: 2, ede: 14 });
  } else {
    // One after the other, until one goes by the box; each is answered, by whatever way.
    for (let i = 0; i < 20; i++) {
      const { rcode } = await pod.call('ask', {
        server: POD,
        name: `n${i}.outside.example`,
        timeoutMs: 3000,
      });
      expect(rcode).toBe(0);
    }
  }
  const { first, evidence } = await unloop.untilEpisode(({ state }) => state === 'open', 3000);
  return { ms: Date.parse(first) - beganMs, evidence };
}
