// Names that are remembered for a while, per zone.
import { expect, it } from 'vitest';
import { KnownNames } from '../../src/pipeline/known-names.ts';

it('knows a name until its time is over, and that it was known after that', () => {
  const names = new KnownNames();
  expect(names.wasKnown(7, 1)).toBe(false);
  names.note(7, 1, 5000);
  expect([names.isKnown(7, 1, 4999), names.isKnown(7, 1, 5000)]).toEqual([true, false]);
  expect(names.wasKnown(7, 1)).toBe(true);
});

it('keeps the later of two times', () => {
  const names = new KnownNames();
  names.note(7, 1, 5000);
  names.note(7, 1, 3000);
  expect(names.isKnown(7, 1, 4000)).toBe(true);
});

it('keeps zones apart', () => {
  const names = new KnownNames();
  names.note(7, 1, 5000);
  expect(names.isKnown(7, 2, 0)).toBe(false);
});

it('forgets rather than grows', () => {
  const names = new KnownNames();
  for (let hash = 0; hash < 20_000; hash++) names.note(hash, 1, 5000);
  const known = Array.from({ length: 20_000 }, (_, hash) => names.isKnown(hash, 1, 0)).filter(Boolean);
  expect(known.length).toBeGreaterThan(3000);
  expect(known.length).toBeLessThanOrEqual(4096);
});
