// Unloop alone against every fault of the table, in one process: a zone with upstreams of its own
// for each. With other forwarders and with times: test/lab/faults.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import { askThrough, type ClientFigures, suffixOf } from './ask-through.ts';
import { FAULTS, type Fault, MOST_TRIES } from './faults.ts';
import { certificateFile, FaultyUpstreams, upstreamText } from './faulty-upstreams.ts';

const PATIENCE = { questions: 10, perSecond: 10, patienceMs: 10_000, askAgainMs: 6000 };

/**
 * Each fault begins so much after the one before: together, one client's questions would use up the
 * checks of doubtful answers that it has in a second (domain-lessons.ts).
 */
const BETWEEN_MS = 100;

let unloop: UnloopProcess;
const upstreams = new Map<Fault, FaultyUpstreams>();
let figures: ReadonlyMap<Fault, ClientFigures>;

beforeAll(async () => {
  for (const fault of FAULTS) upstreams.set(fault, await FaultyUpstreams.start(fault));
  const textsOf = (fault: Fault) => upstreams.get(fault)!.upstreams.map(upstreamText);
  unloop = await startUnloop({
    env: { NODE_EXTRA_CA_CERTS: await certificateFile() },
    config: {
      workers: 1,
      // More than as shipped: other tests run beside this one.
      forward: { deadline: '4s' },
      upstreams: textsOf(FAULTS[0]!),
      zones: Object.fromEntries(FAULTS.map((fault) => [suffixOf(fault), { upstreams: textsOf(fault) }])),
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  const asked = FAULTS.map(async (fault, i) => {
    await sleep(i * BETWEEN_MS);
    return [fault, await askThrough(fault, unloop.port, PATIENCE)] as const;
  });
  figures = new Map(await Promise.all(asked));
}, 120_000);

afterAll(async () => {
  await unloop.kill();
  await Promise.all([...upstreams.values()].map((servers) => servers.close()));
});

describe.each(FAULTS)('upstream fault: $title', (fault) => {
  it('does no harm: every question gets one answer, and a correct one', () => {
    expect(figures.get(fault)).toMatchObject({ answered: PATIENCE.questions, wrong: 0, surplus: 0 });
  });

  // By the second nothing can be said where other tests run beside this one: the laboratory does.
  if (fault.timed !== true) {
    it('gets the expected answers', () => {
      expect(figures.get(fault)!.good).toBe(fault.due === 'error' ? 0 : PATIENCE.questions);
    });
  }

  it('costs few messages upstream', () => {
    const { most, mostByTransport } = upstreams.get(fault)!.messagesBelow(suffixOf(fault));
    expect(most).toBeGreaterThanOrEqual(1);
    // A client that sees no good answer asks twice.
    expect(most).toBeLessThanOrEqual(2 * (fault.tries ?? MOST_TRIES));
    expect(mostByTransport).toBeLessThanOrEqual(2 * (fault.triesByTransport ?? MOST_TRIES));
  });
});

it('all faults together neither stop unloop nor restart a worker', async () => {
  expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  expect(await unloop.stop()).toBe(0);
});
