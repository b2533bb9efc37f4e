import { expect, it } from 'vitest';
import { Standstill } from '../../src/upstream/standstill.ts';

it('is told from a late tick, and never of two in a row', () => {
  const standstill = new Standstill();
  standstill.begin(1000);
  const ticks = [1100, 1250, 1750, 2251, 2351, 9000, 20_000, 40_000, 40_100];
  expect(ticks.map((ms) => standstill.precedes(ms))).toEqual([
    false,
    false,
    false,
    true,
    false,
    true,
    false,
    true,
    false,
  ]);
});

it('is none before the ticks begin', () => {
  const standstill = new Standstill();
  standstill.begin(50_000);
  expect(standstill.precedes(50_100)).toBe(false);
});
