import { expect, it } from 'vitest';
import { equalBytes, readUint16, readUint32, writeUint16, writeUint32 } from '../../src/wire/bytes.ts';

const EDGES_16 = [0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xffff];
const EDGES_32 = [...EDGES_16, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

it.each(EDGES_16)('writes and reads %d in network order', (value) => {
  const bytes = new Uint8Array(4).fill(0xaa);
  writeUint16(bytes, 1, value);
  expect([...bytes]).toEqual([0xaa, value >> 8, value & 0xff, 0xaa]);
  expect(readUint16(bytes, 1)).toBe(value);
});

it.each(EDGES_32)('writes and reads %d as 32 bits, unsigned', (value) => {
  const bytes = new Uint8Array(6).fill(0xaa);
  writeUint32(bytes, 1, value);
  expect(Buffer.from(bytes).readUInt32BE(1)).toBe(value);
  expect([bytes[0], bytes[5]]).toEqual([0xaa, 0xaa]);
  expect(readUint32(bytes, 1)).toBe(value);
});

it('writes the lower 16 bits only', () => {
  const bytes = new Uint8Array(2);
  writeUint16(bytes, 0, 0x1_2345);
  expect(readUint16(bytes, 0)).toBe(0x2345);
});

it('compares as many bytes as it is told', () => {
  const a = Uint8Array.of(0, 1, 2, 3);
  const b = Uint8Array.of(1, 2, 9);
  expect(equalBytes(a, 1, b, 0, 2)).toBe(true);
  expect(equalBytes(a, 1, b, 0, 3)).toBe(false);
  expect(equalBytes(a, 0, b, 0, 0)).toBe(true);
  expect(equalBytes(a, 0, b, 0, 1)).toBe(false);
});
