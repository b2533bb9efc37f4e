import { expect, it } from 'vitest';
import { hashNameAndClass } from '../../src/cache/question-key.ts';
import { testQuery } from '../pipeline/queries.ts';

const keyOf = (name: string, change: Partial<{ qclass: number; keyFlags: number }> = {}, type = 1) =>
  hashNameAndClass({ ...testQuery(name, { type }).q, ...change });

it('is one hash for every type and letter case of a name', () => {
  const expected = keyOf('www.example');
  expect(keyOf('WWW.Example')).toBe(expected);
  expect(keyOf('www.example', {}, 28)).toBe(expected);
});

it('differs for another name, class or flag', () => {
  const keys = [
    keyOf('www.example'),
    keyOf('ftp.example'),
    // Class and flags are put into one number: they must not meet there.
    keyOf('www.example', { qclass: 3, keyFlags: 0 }),
    keyOf('www.example', { qclass: 1, keyFlags: 2 }),
    keyOf('www.example', { qclass: 0, keyFlags: 3 }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});
