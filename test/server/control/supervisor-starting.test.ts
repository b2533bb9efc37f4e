// A worker that is still starting serves already: it learns of a looping route as soon as it can.
import { expect, it, vi } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { CounterTotals } from '../../../src/metrics/counters.ts';
import { type CommonStart, Supervisor } from '../../../src/server/control/supervisor.ts';
import type { WorkerOrder } from '../../../src/server/worker/worker-channel.ts';

/** Ends a worker's start. */
const ready: (() => void)[] = [];
/** [i]: what the i-th worker was told. */
const told: WorkerOrder[][] = [];

vi.mock('../../../src/server/worker/worker-handle.ts', () => ({
  prepareWorkers: () => {},
  dismissSpares: () => {},
  WorkerHangs: class extends Error {},
  WorkerHandle: {
    start: () => {
      const orders: WorkerOrder[] = [];
      told.push(orders);
      const order = (given: WorkerOrder) => {
        orders.push(given);
        return Promise.resolve(0);
      };
      const handle = { order, drain: () => Promise.resolve(), terminate: () => Promise.resolve() };
      return new Promise((resolve) => ready.push(() => resolve({ handle, bound: [], undealt: '' })));
    },
  },
}));

const common = { workers: 2, config: {}, routing: {}, reusePort: true, deal: null } as unknown as CommonStart;
const log = { error: () => {} } as unknown as Log;
const leave = (routeSlot: number): WorkerOrder => ({ type: 'leave-route', routeSlot });

it('workers hear of routes to leave that were found looping while they started', async () => {
  const supervisor = new Supervisor(common, new CounterTotals(), log, () => {});
  const started = supervisor.start([]);
  await supervisor.broadcast(leave(1));
  ready.shift()!();
  await vi.waitFor(() => expect(ready).toHaveLength(1));
  await supervisor.broadcast(leave(2));
  ready.shift()!();
  await started;
  expect(told).toEqual([[leave(1), leave(2)], [leave(2)]]);

  // Those that are to replace them serve beside them.
  const change = { config: common.config, routing: common.routing, workers: 1, deal: null };
  const replaced = supervisor.replaceAll(change, [], 0);
  await vi.waitFor(() => expect(ready).toHaveLength(1));
  await supervisor.broadcast(leave(3));
  ready.shift()!();
  await replaced;
  expect(told[2]).toEqual([leave(3)]);
});
