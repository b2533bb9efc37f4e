import { expect, it } from 'vitest';
import { printable } from '../../src/base/printable.ts';

it.each([
  ['plain text, ü and 名', 'plain text, ü and 名'],
  ['\u001b[2J\u0007\u009bx', '?[2J??x'],
  ['a\u007fb\nc\t', 'a?b?c?'],
])('%j becomes %j', (text, expected) => expect(printable(text)).toBe(expected));
