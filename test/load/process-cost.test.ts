import { expect, it } from 'vitest';
import { readProcessCost } from '../../src/load/process-cost.ts';

it('reads CPU time and memory of this process', () => {
  const before = readProcessCost([process.pid])!;
  const end = process.cpuUsage().user + 200_000;
  while (process.cpuUsage().user < end);
  const after = readProcessCost([process.pid])!;
  expect(after.cpuMicros - before.cpuMicros).toBeGreaterThanOrEqual(150_000);
  expect(after.rssBytes).toBeGreaterThan(10 * 1024 * 1024);
  expect(after.peakRssBytes).toBeGreaterThanOrEqual(after.rssBytes);
});

it('adds processes up', () => {
  const one = readProcessCost([process.pid])!;
  const two = readProcessCost([process.pid, process.pid])!;
  expect(two.rssBytes).toBeGreaterThan(1.5 * one.rssBytes);
});

it('is unknown where one of them is gone', () => {
  expect(readProcessCost([process.pid, 2 ** 30])).toBeNull();
});
