import { expect, it } from 'vitest';
import { ALL_MARKS, MARK_COUNT, MARK_NAMES, Mark, withoutMarks } from '../../src/upstream/marks.ts';

it('takes marks away', () => {
  expect(withoutMarks(ALL_MARKS, Mark.case)).toBe(Mark.options | Mark.edns);
  expect(withoutMarks(ALL_MARKS, Mark.options)).toBe(Mark.case | Mark.edns);
  expect(withoutMarks(Mark.case, Mark.options)).toBe(Mark.case);
});

it('takes the options away with EDNS', () => {
  expect(withoutMarks(ALL_MARKS, Mark.edns)).toBe(Mark.case);
});

it('names each mark by its bit number', () => {
  expect(MARK_NAMES.map((name) => Mark[name])).toEqual([1, 2, 4]);
  expect(ALL_MARKS).toBe(2 ** MARK_COUNT - 1);
});
