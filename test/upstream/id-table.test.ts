import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';
import type { UpstreamQuery } from '../../src/upstream/exchange.ts';
import { IdTable } from '../../src/upstream/id-table.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const owner = new RecordingOwner();

describe('IdTable', () => {
  it('keeps any order of takes and releases apart', () => {
    const steps = fc.array(fc.record({ take: fc.boolean(), which: fc.nat(1000) }), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (sequence) => {
        const table = new IdTable(new RandomPool(), 100);
        const inFlight: UpstreamQuery[] = [];
        for (const [i, { take, which }] of sequence.entries()) {
          if (take && inFlight.length < 100) {
            const query = createQuery(`n${i}.example`, owner);
            expect(table.take(query)).toBe(query.id);
            inFlight.push(query);
          } else if (inFlight.length > 0) {
            const [query] = inFlight.splice(which % inFlight.length, 1);
            const { id } = query!;
            table.release(query!);
            expect(query!.id).toBe(-1);
            expect(table.get(id)).toBeNull();
          }
          expect(table.inFlight).toBe(inFlight.length);
        }
        for (const query of inFlight) {
          expect(table.get(query.id)).toBe(query);
        }
        expect(new Set(inFlight.map((query) => query.id)).size).toBe(inFlight.length);
        expect(table.inFlightOn(-1)).toHaveLength(inFlight.length);
      }),
      { numRuns: 50 },
    );
  });

  it('is bounded', () => {
    const table = new IdTable(new RandomPool(), 3);
    const queries = Array.from({ length: 4 }, () => createQuery('a.example', owner));
    expect(queries.map((query) => table.take(query) >= 0)).toEqual([true, true, true, false]);
    table.release(queries[1]!);
    expect(table.take(queries[3]!)).toBeGreaterThanOrEqual(0);
  });

  it('fills to its capacity with a quarter of all IDs', () => {
    const table = new IdTable(new RandomPool(), 16_384);
    let taken = 0;
    for (let i = 0; i < 16_384; i++) if (table.take(createQuery('a.example', owner)) >= 0) taken++;
    // A draw fails eight times in a row for one send in 65,536 at the very end.
    expect(taken).toBeGreaterThan(16_370);
  });

  it('gives IDs that are spread evenly', () => {
    const table = new IdTable(new RandomPool());
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const query = createQuery('a.example', owner);
      const id = table.take(query);
      buckets[id >> 12]!++;
      table.release(query);
    }
    // 1000 ± 31 (σ) each.
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(300);
  });

  it('reports enough mismatches once', () => {
    const table = new IdTable(new RandomPool());
    const query = createQuery('a.example', owner);
    const id = table.take(query);
    expect([1, 2, 3, 4, 5].map(() => table.addMismatch(id, 3))).toEqual([false, false, true, false, false]);
    table.release(query);
    const next = table.take(query);
    expect(table.addMismatch(next, 1)).toBe(true);
  });

  it('rejects a question that is too long or missing', () => {
    const table = new IdTable(new RandomPool());
    const query = createQuery('a.example', owner);
    query.questionEnd = 12;
    expect(table.take(query)).toBe(-1);
    query.questionEnd = 12 + 260;
    expect(table.take(query)).toBe(-1);
  });
});
