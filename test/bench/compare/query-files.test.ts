import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  HOT_NAMES,
  hotQueries,
  mixedQueries,
  uniqueQueries,
  writeQueryFile,
} from '../../../bench/compare/query-files.ts';

describe('query files', () => {
  it('hold each hot name once', () => {
    for (const count of [HOT_NAMES, 10_000, 100_000]) {
      const seen = new Set(hotQueries(count));
      expect(seen.size).toBe(count);
    }
  });

  it('hold names that no other tag has', () => {
    const names = new Set([...uniqueQueries('a', 1000), ...uniqueQueries('b', 1000)]);
    expect(names.size).toBe(2000);
  });

  it('hold one new name in ten, the others hot', () => {
    const hot = new Set(hotQueries());
    const mixed = [...mixedQueries('round-1', 10_000)];
    const fresh = mixed.filter((query) => !hot.has(query));
    expect(fresh.length).toBe(1000);
    expect(new Set(fresh).size).toBe(1000);
  });

  it('hold names of many lengths', () => {
    for (const queries of [hotQueries(), uniqueQueries('x', 1000), mixedQueries('x', 1000)])
      expect(new Set([...queries].map((query) => query.length)).size).toBeGreaterThan(20);
  });

  it('are a line per query', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unloop-queries-'));
    const path = join(folder, 'file');
    await writeQueryFile(path, uniqueQueries('x', 5000));
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines.length).toBe(5001);
    expect(lines[4999]).toBe('abcdefq4999.x.unique.example A');
    await rm(folder, { recursive: true });
  });
});
