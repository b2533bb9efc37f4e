// A small ELF file stands for Node.js; test/lab/packages/executable.packages.ts runs the real one.
import { describe, expect, it } from 'vitest';
import { injectBlob } from '../../packaging/executable/inject.ts';

const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';
const [LOAD, NOTE, PHDR] = [1, 4, 6];
const BASE = 0x400000;

/** Type, offset, bytes in the file, bytes in memory. */
type Row = readonly [number, number, number, number];
const ROWS: readonly Row[] = [
  [PHDR, 64, 5 * 56, 5 * 56],
  [LOAD, 0, 0x600, 0x600],
  [LOAD, 0x600, 0x100, 0x9000],
  [NOTE, 0x400, 4, 4],
  [0x6474e551, 0, 0, 0],
];

function program(rows = ROWS, type = 2): Buffer {
  const file = Buffer.alloc(0x700);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(type, 16);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(rows.length, 56);
  for (const [i, [kind, offset, bytes, memory]] of rows.entries()) {
    file.writeUInt32LE(kind, 64 + i * 56);
    for (const [field, value] of [offset, BASE + offset, BASE + offset, bytes, memory, 8].entries())
      file.writeBigUInt64LE(BigInt(value), 64 + i * 56 + 8 + field * 8);
  }
  file.write('note', 0x400);
  file.write(`${FUSE}0`, 0x500);
  return file;
}

const segments = (file: Buffer) =>
  Array.from({ length: file.readUInt16LE(56) }, (_, i) => {
    const at = 64 + i * 56;
    const u64 = (offset: number) => Number(file.readBigUInt64LE(at + offset));
    return { type: file.readUInt32LE(at), offset: u64(8), address: u64(16), bytes: u64(32), memory: u64(40) };
  });

describe('a blob in a program', () => {
  const before = program();
  const blob = Buffer.from('the blob!');
  const after = injectBlob(before, blob);

  it('is a note in a segment of its own, behind all others', () => {
    expect(segments(after).map(({ type }) => type)).toEqual([LOAD, LOAD, LOAD, NOTE, 0x6474e551]);
    const [, data, load, note] = segments(after);
    expect(load!.offset % 0x10000).toBe(load!.address % 0x10000);
    expect(load!.offset).toBeGreaterThanOrEqual(before.length);
    expect(load!.address).toBeGreaterThanOrEqual(data!.address + data!.memory);
    expect(load!.offset + load!.bytes).toBe(after.length);
    expect({ ...note, type: LOAD }).toEqual(load);
    // The program's own notes are still the first.
    const content = after.subarray(note!.offset, note!.offset + note!.bytes);
    expect(content.toString('latin1', 0, 4)).toBe('note');
    expect(content.readUInt32LE(4)).toBe('NODE_SEA_BLOB'.length + 1);
    expect(content.readUInt32LE(8)).toBe(blob.length);
    expect(content.toString('latin1', 16, 32)).toBe('NODE_SEA_BLOB\0\0\0');
    expect(content.subarray(32, 32 + blob.length)).toEqual(blob);
  });

  it('changes nothing else but the fuse', () => {
    expect(after.toString('latin1', 0x500, 0x500 + FUSE.length + 1)).toBe(`${FUSE}1`);
    const [table, fuse] = [64 + ROWS.length * 56, 0x500 + FUSE.length];
    expect(after.subarray(0, 64)).toEqual(before.subarray(0, 64));
    expect(after.subarray(table, fuse)).toEqual(before.subarray(table, fuse));
    expect(after.subarray(fuse + 1, before.length)).toEqual(before.subarray(fuse + 1));
  });
});

it.each([
  ['not an ELF file', Buffer.alloc(0x700), 'not an ELF file'],
  ['one that can be loaded anywhere', program(ROWS, 3), 'not a program with a fixed address'],
  ['one without notes', program(ROWS.slice(0, 3)), 'not one PT_NOTE and a PT_PHDR'],
  ['one that has a blob already', injectBlob(program(), Buffer.from('x')), 'not one PT_NOTE and a PT_PHDR'],
  ['one without the fuse', program().fill(0, 0x500), 'not one fuse that is unarmed'],
])('refuses %s', (_, file, message) => {
  expect(() => injectBlob(file, Buffer.from('blob'))).toThrow(message);
});
