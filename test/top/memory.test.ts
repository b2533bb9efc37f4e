// The memory of the top tables and of the rings of slow and failed queries, full of the largest
// that there is: counted in a process of its own.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';

const MEASURE = join(import.meta.dirname, 'measure-memory.mjs');
const MOST_BYTES = 8 * 1024 * 1024;

interface Measured {
  readonly top: number;
  readonly rings: number;
  readonly slow: number;
  readonly failed: number;
  readonly attempts: number;
  readonly names: number;
  readonly nameLength: number;
}

// `workers: auto` starts at most four. With more, each has a share.
it.each([
  [4, 64],
  [16, 16],
])(
  'is at most 8 MiB in %i workers together, with 1,000,000 names and 100,000 clients',
  {
    timeout: 180_000,
  },
  async (workers, kept) => {
    const child = new Child([process.execPath, '--expose-gc', MEASURE, String(workers)]);
    expect({ code: await child.ended, stderr: child.stderr }).toEqual({ code: 0, stderr: '' });
    const { top, rings, ...full } = JSON.parse(child.stdout) as Measured;
    expect(full).toMatchObject({ slow: kept, failed: kept, attempts: 8 });
    // 250 bytes as \DDD, or as they are where they number the names.
    expect(full.nameLength).toBeGreaterThan(980);
    expect(full.names).toBeGreaterThanOrEqual(2 * 128);
    // They are counted at all: two windows of tables, and names of that length.
    expect(top).toBeGreaterThan(1024 * 1024);
    expect(rings).toBeGreaterThan(workers * 3 * kept * 980);
    expect(top + rings, child.stdout).toBeLessThanOrEqual(MOST_BYTES);
  },
);
