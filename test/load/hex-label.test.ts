import { expect, it } from 'vitest';
import { writeHex } from '../../src/load/hex-label.ts';

const hex = (value: number) => {
  const out = Buffer.alloc(12, 0x2e);
  expect(writeHex(out, 2, value)).toBe(10);
  return out.toString('latin1');
};

it.each([
  [0, '..00000000..'],
  [1, '..10000000..'],
  [0x12345678, '..87654321..'],
  [0xffff_ffff, '..ffffffff..'],
  [0xdeadbeef | 0, '..feebdaed..'],
])('writes %i as eight digits, the lowest first, and nothing around them', (value, text) => {
  expect(hex(value)).toBe(text);
});
