import { expect, it } from 'vitest';
import { formatTextLine } from '../../src/base/log-text.ts';

const format = (fields: object) =>
  formatTextLine(JSON.stringify({ level: 'info', time: 'T', msg: 'listening', ...fields }));

it('writes time, level, message and fields on one line', () => {
  expect(format({ port: 53, name: 'a.example', on: true })).toBe(
    'T INFO  listening port=53 name=a.example on=true\n',
  );
  expect(format({ level: 'error' })).toBe('T ERROR listening\n');
});

it('quotes a value that is not one plain word', () => {
  expect(format({ a: 'two words', b: 'x="y"', c: '', d: [1, 'x'] })).toBe(
    'T INFO  listening a="two words" b="x=\\"y\\"" c="" d=[1,"x"]\n',
  );
});

it('shows an error by its message and code, last', () => {
  expect(format({ err: { message: 'broken', stack: 'x' }, a: 1 })).toBe('T INFO  listening a=1 err=broken\n');
  expect(format({ err: { message: 'in use', code: 'EADDRINUSE' } })).toBe(
    'T INFO  listening err="in use (EADDRINUSE)"\n',
  );
  expect(format({ err: 'text' })).toBe('T INFO  listening err=text\n');
});

it.each([
  ['a line feed', '\n', '\\n'],
  ['an escape', '\u001b', '\\u001b'],
  ['C1', '\u009b', '\\u009b'],
  ['a line separator', '\u2028', '\\u2028'],
  ['a turn of the writing direction', '\u202e', '\\u202e'],
])('lets no control character through: %s', (_, character, escaped) => {
  expect(format({ a: `x${character}y` })).toBe(`T INFO  listening a="x${escaped}y"\n`);
  const line = format({ msg: `x${character}y`, [`k${character}`]: 1 });
  expect(line.slice(0, -1)).not.toContain(character);
});
