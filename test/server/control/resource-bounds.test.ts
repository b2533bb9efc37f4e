import { expect, it } from 'vitest';
import { boundCacheBytes, boundWorkers } from '../../../src/server/control/resource-bounds.ts';

const MIB = 1024 * 1024;
const NO_LIMITS = { cpus: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };

it.each([
  { parallelism: 8, limits: {}, workers: 2 },
  { parallelism: 64, limits: {}, workers: 4 },
  { parallelism: 8, limits: { cpus: 2.9 }, workers: 2 },
  { parallelism: 2, limits: { cpus: 4 }, workers: 2 },
  { parallelism: 8, limits: { cpus: 0.5 }, workers: 1 },
  { parallelism: 64, limits: { memoryBytes: 96 * MIB + 3 * 48 * MIB }, workers: 3 },
  { parallelism: 64, limits: { memoryBytes: 96 * MIB + 3 * 48 * MIB - 1 }, workers: 2 },
  { parallelism: 8, limits: { memoryBytes: 10 * MIB }, workers: 1 },
])('starts $workers of $parallelism with $limits', ({ parallelism, limits, workers }) => {
  expect(boundWorkers('auto', parallelism, { ...NO_LIMITS, ...limits })).toBe(workers);
});

it('starts as many workers as were asked for', () => {
  expect(boundWorkers(6, 1, { cpus: 1, memoryBytes: MIB })).toBe(6);
});

it('gives the cache half of what the program leaves, and one MiB at least', () => {
  const bytes = (memoryBytes: number) => boundCacheBytes(64 * MIB, 2, { ...NO_LIMITS, memoryBytes });
  expect(bytes(Number.POSITIVE_INFINITY)).toBe(64 * MIB);
  expect(bytes(144 * MIB + 100 * MIB)).toBe(50 * MIB);
  expect(bytes(144 * MIB)).toBe(MIB);
  expect(bytes(0)).toBe(MIB);
});
