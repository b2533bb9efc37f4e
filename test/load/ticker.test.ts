import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { startTicker } from '../../src/load/ticker.ts';

const { available: isBuilt, reason: pathOrReason } = nativeStatus();

it('ticks until it is stopped, several side by side', async () => {
  let fast = 0;
  let slow = 0;
  const started = performance.now();
  const fastTicker = startTicker(100_000, () => fast++);
  const slowTicker = startTicker(100, () => slow++);
  while (fast < 50 || slow < 3) await sleep(1);
  const elapsedMs = performance.now() - started;
  fastTicker.stop();
  slowTicker.stop();
  // One call for each tick at most.
  expect(fast).toBeLessThanOrEqual(elapsedMs / fastTicker.tickMs + 1);
  expect(slow).toBeLessThanOrEqual(elapsedMs / slowTicker.tickMs + 1);
  const [fastAtStop, slowAtStop] = [fast, slow];
  await sleep(50);
  expect([fast, slow]).toEqual([fastAtStop, slowAtStop]);
});

it('says when the next tick is', () => {
  const ticker = startTicker(2000, () => {});
  ticker.stop();
  expect(ticker.tickMs).toBe(1);
  if (!isBuilt) return;
  const first = ticker.align(performance.now());
  for (const ms of [first - 0.999, first - 0.5, first]) expect(ticker.align(ms)).toBeCloseTo(first, 3);
  expect(ticker.align(first + 0.001)).toBeCloseTo(first + 1, 3);
});

it('does not outlive its thread', async () => {
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    if (workerData !== null) {
      const addon = require(workerData);
      let ticks = 0;
      addon.startTicks(Number(process.hrtime.bigint()), 100_000, () => { if (++ticks === 3) parentPort.postMessage(0); });
    } else {
      parentPort.postMessage(0);
      setInterval(() => {}, 1000);
    }`;
  const worker = new Worker(code, { eval: true, workerData: isBuilt ? pathOrReason : null });
  await new Promise((resolve) => worker.once('message', resolve));
  // A handle of libuv still open here would abort the process.
  expect(await worker.terminate()).toBe(1);
});
