import { describe, expect, it } from 'vitest';
import { turnsOf } from '../../../bench/compare/bench.ts';
import { median } from '../../../bench/compare/statistics.ts';

describe('median', () => {
  it('is the middle one, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([])).toBeNaN();
  });
});

describe('turns', () => {
  it('begin with another one each round, and everybody has one', () => {
    expect([0, 1, 2, 3].map((round) => turnsOf(['a', 'b', 'c'], round).join(''))).toEqual([
      'abc',
      'bca',
      'cab',
      'abc',
    ]);
    expect(turnsOf([], 3)).toEqual([]);
  });
});
