import { describe, expect, it } from 'vitest';
import { WorkBudget } from '../../src/loop/work-budget.ts';

/** How many of `asked` units are given at one moment. */
function given(budget: WorkBudget, asked: number, nowMs: number): number {
  let units = 0;
  for (let i = 0; i < asked; i++) if (budget.take(nowMs)) units++;
  return units;
}

describe('work budget', () => {
  it('grants its burst at once, and counts what it refuses', () => {
    const budget = new WorkBudget(100, 5, 1000);
    expect(given(budget, 8, 1000)).toBe(5);
    expect(budget.refused).toBe(3);
  });

  it('refills at its rate, whatever is requested in between', () => {
    const budget = new WorkBudget(100, 5, 0);
    given(budget, 5, 0);
    expect(budget.take(9)).toBe(false);
    expect(budget.take(10)).toBe(true);
    expect(budget.take(10)).toBe(false);
    expect(given(budget, 5, 40)).toBe(3);
  });

  it('saves no more than its burst', () => {
    const budget = new WorkBudget(1000, 5, 0);
    expect(given(budget, 20, 3_600_000)).toBe(5);
  });

  it('grants a flood its rate and no more', () => {
    const budget = new WorkBudget(200, 10, 0);
    let units = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs++) units += given(budget, 3, nowMs);
    expect(units).toBeGreaterThanOrEqual(10 + 1998);
    expect(units).toBeLessThanOrEqual(10 + 2000);
    expect(budget.refused).toBe(30_000 - units);
  });
});
