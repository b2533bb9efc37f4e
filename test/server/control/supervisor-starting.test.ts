// A worker that is still starting serves already: it learns of a looping route as soon as it can.
// Workers start one after the other, whatever becomes of them, and say whether queries are dealt.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { CounterTotals } from '../../../src/metrics/counters.ts';
import { type CommonStart, Supervisor } from '../../../src/server/control/supervisor.ts';
import type { WorkerOrder } from '../../../src/server/worker/worker-channel.ts';
import type { WorkerEvents } from '../../../src/server/worker/worker-handle.ts';

/** Ends a worker's start; what it says of the program that deals. */
const ready: ((undealt?: string | null) => void)[] = [];
/** [i]: ends the i-th worker. */
const die: (() => void)[] = [];
/** [i]: what the i-th worker was told. */
const told: WorkerOrder[][] = [];

vi.mock('../../../src/server/worker/worker-handle.ts', () => ({
  prepareWorkers: () => {},
  dismissSpares: () => {},
  WorkerHangs: class extends Error {},
  WorkerHandle: {
    start: (_start: object, events: WorkerEvents) => {
      die.push(() => events.onDeath(null));
      const orders: WorkerOrder[] = [];
      told.push(orders);
      const order = (given: WorkerOrder) => {
        orders.push(given);
        return Promise.resolve(0);
      };
      const handle = { order, drain: () => Promise.resolve(), terminate: () => Promise.resolve() };
      return new Promise((resolve) => ready.push((undealt = '') => resolve({ handle, bound: [], undealt })));
    },
  },
}));

const common = { workers: 2, config: {}, routing: {}, reusePort: true, deal: null } as unknown as CommonStart;
const warnings: object[] = [];
const log = { error: () => {}, warn: (fields: object) => warnings.push(fields) } as unknown as Log;
const leave = (routeSlot: number): WorkerOrder => ({ type: 'leave-route', routeSlot });

beforeEach(() => {
  for (const list of [ready, told, die, warnings]) list.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

it('workers hear of routes to leave that were found looping while they started', async () => {
  const supervisor = new Supervisor(common, new CounterTotals(), log, () => {});
  const started = supervisor.start([]);
  await vi.waitFor(() => expect(ready).toHaveLength(1), 30_000);
  await supervisor.broadcast(leave(1));
  ready.shift()!();
  await vi.waitFor(() => expect(ready).toHaveLength(1), 30_000);
  await supervisor.broadcast(leave(2));
  ready.shift()!();
  await started;
  expect(told).toEqual([[leave(1), leave(2)], [leave(2)]]);

  // Those that are to replace them serve beside them.
  const change = { config: common.config, routing: common.routing, workers: 1, deal: null };
  const replaced = supervisor.replaceAll(change, [], 0);
  await vi.waitFor(() => expect(ready).toHaveLength(1), 30_000);
  await supervisor.broadcast(leave(3));
  ready.shift()!();
  await replaced;
  expect(told[2]).toEqual([leave(3)]);
});

it('a worker that replaces one that died during the start has its turn after the one that starts', async () => {
  vi.useFakeTimers();
  const supervisor = new Supervisor(common, new CounterTotals(), log, () => {});
  const started = supervisor.start([]);
  await vi.advanceTimersByTimeAsync(0);
  ready.shift()!();
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toHaveLength(2);
  die[0]!();
  // Longer than the pause before a worker is replaced, and shorter than a turn.
  await vi.advanceTimersByTimeAsync(500);
  expect(told).toHaveLength(2);
  ready.shift()!();
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toHaveLength(3);
  ready.shift()!();
  await started;
  await vi.advanceTimersByTimeAsync(0);
  expect(supervisor.running).toBe(2);
});

const dealing = { ...common, workers: 3, deal: new Uint8Array(8) };
it.each([
  // The first has no group to attach anything to.
  { said: [null, '', ''], dealt: 3 },
  // What one has attached holds for all.
  { said: [null, '', 'ENOMEM'], dealt: 3 },
  { said: [null, 'ENOMEM', ''], dealt: 3 },
  { said: [null, 'ENOMEM', 'EPERM'], dealt: 0 },
])('queries are dealt when one worker had the kernel take the program: $said', async ({ said, dealt }) => {
  const supervisor = new Supervisor(dealing, new CounterTotals(), log, () => {});
  const started = supervisor.start([]);
  for (const undealt of said) {
    await vi.waitFor(() => expect(ready).toHaveLength(1), 30_000);
    ready.shift()!(undealt);
  }
  await started;
  expect(supervisor.dealtByName).toBe(dealt);
  expect(warnings).toEqual(dealt === 0 ? [{ reason: 'EPERM' }] : []);
});

it('attaches the program again now and then, by one worker', async () => {
  const supervisor = new Supervisor({ ...dealing, workers: 2 }, new CounterTotals(), log, () => {});
  const started = supervisor.start([]);
  for (let i = 0; i < 2; i++) {
    await vi.waitFor(() => expect(ready).toHaveLength(1), 30_000);
    ready.shift()!();
  }
  await started;
  for (let nowMs = 1000; nowMs <= 12_000; nowMs += 1000) supervisor.look(nowMs);
  expect(told).toEqual([[{ type: 'deal' }, { type: 'deal' }, { type: 'deal' }], []]);
});
