// Puts Node.js's blob into its own program (ELF, 64 bits, little-endian): as a note (gABI, "Note
// Section") in a segment of its own behind all others, where Node.js looks for it. The entry of the
// program header table that PT_PHDR had becomes that segment's, so nothing in the file moves.
// docs/adr/0034-one-executable.md says why no tool of others does this.

/** Node.js looks for the note with this name (its src/node_sea.cc). */
const NOTE_NAME = 'NODE_SEA_BLOB';
/** It looks only where this ends in 1. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';
const [PT_LOAD, PT_NOTE, PT_PHDR, PF_R, ET_EXEC] = [1, 4, 6, 4, 2];
/** Elf64_Phdr. */
const ENTRY_BYTES = 56;
/** The largest page that Linux has on arm64; x64 has 4 KiB. */
const PAGE = 0x10000;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align: number;
}

/** The program with the blob inside. Throws when it is not one that this is right for. */
export function injectBlob(program: Buffer, blob: Buffer): Buffer {
  if (program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2 || program[5] !== 1)
    throw new Error('not an ELF file of 64 bits, little-endian');
  // One that can be loaded anywhere needs PT_PHDR: the loader learns from it where it is.
  if (program.readUInt16LE(16) !== ET_EXEC) throw new Error('not a program with a fixed address');
  const table = Number(program.readBigUInt64LE(32));
  const segments = readSegments(program, table);

  const notes = segments.filter(({ type }) => type === PT_NOTE);
  if (notes.length !== 1 || !segments.some(({ type }) => type === PT_PHDR))
    throw new Error('not one PT_NOTE and a PT_PHDR');
  const [note] = notes as [Segment];
  const content = Buffer.concat([
    program.subarray(note.offset, note.offset + note.fileBytes),
    makeNote(NOTE_NAME, blob),
  ]);
  const offset = roundUp(program.length, PAGE);
  const end = Math.max(...segments.map(({ address, memoryBytes }) => address + memoryBytes));
  const place = { offset, address: roundUp(end, PAGE), fileBytes: content.length, flags: PF_R };
  const load = { ...place, type: PT_LOAD, memoryBytes: content.length, align: PAGE };

  const kept = segments.filter(({ type }) => type !== PT_PHDR && type !== PT_NOTE);
  // PT_LOAD entries stand in the order of their addresses.
  const last = kept.findLastIndex(({ type }) => type === PT_LOAD) + 1;
  kept.splice(last, 0, load, { ...load, type: PT_NOTE, align: 4 });

  const result = Buffer.concat([program, Buffer.alloc(offset - program.length), content]);
  for (const [i, segment] of kept.entries()) writeSegment(result, table + i * ENTRY_BYTES, segment);
  armFuse(result);
  return result;
}

const roundUp = (bytes: number, to: number) => Math.ceil(bytes / to) * to;

function readSegments(program: Buffer, table: number): Segment[] {
  const u64 = (at: number) => Number(program.readBigUInt64LE(at));
  return Array.from({ length: program.readUInt16LE(56) }, (_, i) => {
    const at = table + i * ENTRY_BYTES;
    return {
      type: program.readUInt32LE(at),
      flags: program.readUInt32LE(at + 4),
      offset: u64(at + 8),
      address: u64(at + 16),
      fileBytes: u64(at + 32),
      memoryBytes: u64(at + 40),
      align: u64(at + 48),
    };
  });
}

function writeSegment(program: Buffer, at: number, segment: Segment): void {
  program.writeUInt32LE(segment.type, at);
  program.writeUInt32LE(segment.flags, at + 4);
  const { offset, address, fileBytes, memoryBytes, align } = segment;
  // The third is the physical address, which nothing reads.
  [offset, address, address, fileBytes, memoryBytes, align].forEach((value, i) => {
    program.writeBigUInt64LE(BigInt(value), at + 8 + i * 8);
  });
}

/** Elf64_Nhdr, the name and the content, each padded to 4 bytes. */
function makeNote(name: string, content: Buffer): Buffer {
  const nameBytes = name.length + 1;
  const note = Buffer.alloc(12 + roundUp(nameBytes, 4) + roundUp(content.length, 4));
  note.writeUInt32LE(nameBytes, 0);
  note.writeUInt32LE(content.length, 4);
  note.write(name, 12);
  content.copy(note, 12 + roundUp(nameBytes, 4));
  return note;
}

function armFuse(program: Buffer): void {
  const at = program.indexOf(`${FUSE}0`);
  if (at < 0 || program.includes(`${FUSE}0`, at + 1)) throw new Error('not one fuse that is unarmed');
  program.write('1', at + FUSE.length);
}
