import { expect, it } from 'vitest';
import { printable, printableJson } from '../../src/base/printable.ts';

it.each([
  ['plain text, ü and 名', 'plain text, ü and 名'],
  ['\u001b[2J\u0007\u009bx', '?[2J??x'],
  ['a\u007fb\nc\t', 'a?b?c?'],
  ['a\u2028b\u202ec\u2066d', 'a?b?c?d'],
])('%j becomes %j', (text, expected) => expect(printable(text)).toBe(expected));

it('writes JSON without control characters that says the same', () => {
  const value = { text: 'ü\u001b[2J\u007f\u009b2J\u0080\u202e' };
  const text = printableJson(value);
  expect(text).toBe('{"text":"ü\\u001b[2J\\u007f\\u009b2J\\u0080\\u202e"}');
  expect(JSON.parse(text)).toEqual(value);
  expect(printableJson(value, 2)).toBe(text.replace('{', '{\n  ').replace(':', ': ').replace(/\}$/, '\n}'));
});
