import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANSWERED, InFlightTable, LATE, UNEXPECTED } from '../../src/load/in-flight-table.ts';

describe('the table of queries in flight', () => {
  it('settles each ID once', () => {
    const table = new InFlightTable(8);
    const id = table.take(7, 100, 101);
    expect(table.intendedMs(id)).toBe(100);
    expect(table.settle(id, 8, true)).toBe(UNEXPECTED);
    expect(table.settle(id, 7, true)).toBe(ANSWERED);
    expect(table.settle(id, 7, true)).toBe(UNEXPECTED);
    expect(table.settle(8, 0, false)).toBe(UNEXPECTED);
    expect(table.inFlight).toBe(0);
  });

  it('skips IDs in flight when it wraps around', () => {
    const table = new InFlightTable(4);
    const slow = table.take(0, 0, 0);
    for (let i = 1; i < 20; i++) {
      const id = table.take(i, i, i);
      expect(id).not.toBe(slow);
      expect(table.settle(id, i, true)).toBe(ANSWERED);
    }
    expect(table.settle(slow, 0, true)).toBe(ANSWERED);
  });

  it('behaves like a plain map', () => {
    const step = fc.record({
      kind: fc.constantFrom('take', 'take', 'settle', 'expire'),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new InFlightTable(16);
        const waiting = new Map<number, number>();
        const lost = new Set<number>();
        steps.forEach(({ kind, pick }, now) => {
          if (kind === 'take' && !table.full) {
            const id = table.take(now, now, now);
            expect(waiting.has(id)).toBe(false);
            lost.delete(id);
            waiting.set(id, now);
          } else if (kind === 'settle') {
            const id = pick % 16;
            const print = waiting.get(id) ?? 0;
            const wanted = waiting.has(id) ? ANSWERED : lost.has(id) ? LATE : UNEXPECTED;
            expect(table.settle(id, print, waiting.has(id))).toBe(wanted);
            waiting.delete(id);
            lost.delete(id);
          } else if (kind === 'expire') {
            const until = now - (pick % 30);
            const old = [...waiting].filter(([, sent]) => sent <= until);
            expect(table.expire(until)).toBe(old.length);
            for (const [id] of old) {
              waiting.delete(id);
              lost.add(id);
            }
          }
          expect(table.inFlight).toBe(waiting.size);
          expect(table.full).toBe(waiting.size === 16);
        });
      }),
    );
  });
});
