import { expect, it } from 'vitest';
import { InvalidValue, showValue } from '../../src/config/invalid-value.ts';

it.each([
  ['text', '"text"'],
  ['two\nlines', '"two\\nlines"'],
  [5, '5'],
  [null, 'null'],
  [undefined, 'undefined'],
  [[1], 'a list'],
  [{ a: 1 }, 'a mapping'],
  [new Map(), 'a mapping'],
])('shows %j', (value, shown) => {
  expect(showValue(value)).toBe(shown);
});

it('cuts after 60 characters', () => {
  expect(showValue('a'.repeat(58))).toBe(`"${'a'.repeat(58)}"`);
  expect(showValue('a'.repeat(59))).toBe(`"${'a'.repeat(59)}…`);
});

it('has a name of its own', () => {
  expect(new InvalidValue('x')).toMatchObject({ name: 'InvalidValue', message: 'x' });
});
