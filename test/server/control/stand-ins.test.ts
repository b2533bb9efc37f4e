// Sound workers read the sockets of those that do not.
import { beforeEach, expect, it } from 'vitest';
import { type Reader, StandIns } from '../../../src/server/control/stand-ins.ts';

/** Worker i has the descriptors 10 × i and 10 × i + 1. */
function createWorker(index: number) {
  /** Of the workers that it reads for. */
  const reads = new Map<number, readonly number[]>();
  const worker = {
    isSilent: false,
    descriptors: [10 * index, 10 * index + 1],
    order(order: Parameters<Reader['order']>[0]) {
      if (order.type !== 'read-also') throw new Error(`not meant for it: ${order.type}`);
      if (order.descriptors.length === 0) reads.delete(order.worker);
      else reads.set(order.worker, order.descriptors);
      return Promise.resolve(0);
    },
  };
  return { worker, reads };
}

let made: ReturnType<typeof createWorker>[];
let workers: (Reader | null)[];
let standIns: StandIns;
beforeEach(() => {
  made = [0, 1, 2].map(createWorker);
  workers = made.map(({ worker }) => worker);
  standIns = new StandIns(workers);
});

function silence(index: number): void {
  made[index]!.worker.isSilent = true;
  standIns.silent(index);
}
function wake(index: number): void {
  made[index]!.worker.isSilent = false;
  standIns.back(index);
}
function end(index: number): void {
  workers[index] = null;
  standIns.ended(index);
}
const reading = () => made.map(({ reads }) => [...reads.keys()]);

it('one reads for a worker that is silent, until it is heard of again', () => {
  silence(0);
  expect(made[1]!.reads).toEqual(new Map([[0, [0, 1]]]));
  expect(reading()).toEqual([[], [0], []]);
  wake(0);
  expect(reading()).toEqual([[], [], []]);
});

it('one reads on for a worker that has ended, until its successor has started', () => {
  silence(1);
  end(1);
  expect(reading()).toEqual([[1], [], []]);
  workers[1] = createWorker(1).worker;
  standIns.back(1);
  expect(reading()).toEqual([[], [], []]);
});

it('another one takes over when who stands in is silent itself, or ends', () => {
  silence(0);
  silence(1);
  expect(reading()).toEqual([[], [], [0, 1]]);
  wake(0);
  expect(reading()).toEqual([[], [], [1]]);
  end(2);
  expect(reading()[0]).toEqual([1]);
});

it('nobody reads for a worker whose descriptors are gone', () => {
  silence(0);
  end(0);
  end(1);
  expect(reading()[2]).toEqual([]);
  end(2);
  expect(reading()[2]).toEqual([]);
});

it('the first that is heard of again reads for all that are still silent', () => {
  silence(0);
  silence(1);
  silence(2);
  wake(2);
  expect(reading()).toEqual([[], [], [0, 1]]);
});

it('has nothing to say of a worker that was not silent', () => {
  standIns.back(0);
  end(1);
  expect(reading()).toEqual([[], [], []]);
});
