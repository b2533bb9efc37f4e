import { expect, it } from 'vitest';
import { parseQtype } from '../../src/load/qtype.ts';

it.each([
  ['A', 1],
  ['aaaa', 28],
  ['TYPE0', 0],
  ['type65535', 65_535],
])('%s is %d', (text, type) => {
  expect(parseQtype(text)).toBe(type);
});

it.each([
  '',
  'WHAT',
  'TYPE65536',
  'TYPE',
  'TYPE-1',
  'TYPE1.5',
  'constructor',
  'toString',
  '1',
])('%j is none', (text) => expect(parseQtype(text)).toBeNull());
