import { expect, it } from 'vitest';
import { formatTxtStrings, parseTxtStrings } from '../../src/config/txt-strings.ts';

const LONGEST = 'x'.repeat(255);

it.each([
  ['made  here', ['made  here']],
  ['"made  here"', ['made  here']],
  ['"v=DKIM1; k=rsa" "p=abc"', ['v=DKIM1; k=rsa', 'p=abc']],
  ['"a""b"', ['a', 'b']],
  ['"" "x"', ['', 'x']],
  ['say \\"hi\\"', ['say "hi"']],
  ['"a\\\\b\\;\\065"', ['a\\b;A']],
  ['caf\u00e9', ['caf\u00c3\u00a9']],
  [LONGEST, [LONGEST]],
])('%j is read', (text, strings) => {
  expect(parseTxtStrings(text)).toEqual(strings);
  expect(parseTxtStrings(formatTxtStrings(strings))).toEqual(strings);
});

it('writes all strings in quotes, and other bytes as numbers', () => {
  expect(formatTxtStrings(['a "b"', 'c\\', '\u00ff\n'])).toBe('"a \\"b\\"" "c\\\\" "\\255\\010"');
});

it.each([
  ['', 'needs a text'],
  ['say "hi"', 'has text outside of its quotes'],
  ['"a" b', 'has text outside of its quotes'],
  ['"a', 'a quote without its second'],
  ['a\\', 'a quote without its second'],
  ['a\\256', 'has \\256; a byte is a backslash and three digits up to 255'],
  ['a\\1', 'has \\1; a byte is'],
  [`${LONGEST}x`, 'up to 255 bytes, not 256; write several'],
  [`"${LONGEST}" `.repeat(17), 'up to 4096 bytes, not 4352'],
])('%j is refused', (text, message) => expect(() => parseTxtStrings(text)).toThrow(message));
