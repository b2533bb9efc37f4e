import { expect, it } from 'vitest';
import {
  checkHeap,
  HEAP_LIMIT_MIB,
  HEAP_SELF_LIMIT_MIB,
  HeapTooLarge,
  OUT_OF_MEMORY,
} from '../../../src/server/worker/heap-limit.ts';

const MIB = 2 ** 20;

it('lets a worker live up to its limit', () => {
  expect(() => checkHeap(HEAP_SELF_LIMIT_MIB * MIB)).not.toThrow();
});

it('ends a worker above its limit, with the reason that Node.js would give', () => {
  const tooLarge = () => checkHeap((HEAP_SELF_LIMIT_MIB + 1) * MIB);
  expect(tooLarge).toThrow(HeapTooLarge);
  expect(tooLarge).toThrow(expect.objectContaining({ code: OUT_OF_MEMORY }));
  expect(tooLarge).toThrow('385 MiB');
});

it('leaves V8 room: a young generation and the garbage of a second lie between the limits', () => {
  expect(HEAP_LIMIT_MIB - HEAP_SELF_LIMIT_MIB).toBeGreaterThanOrEqual(128);
});
