// Changes to a message that parsers stumble over: some know nothing of DNS, some know where the
// counts, pointers, lengths and records are. Used by the fuzzer and by the process-level tests.
import type { Generator } from './generator.ts';

/** Bytes that are limits of something: label lengths, pointers, header bits, OPT. */
const NASTY_BYTES = [0, 1, 2, 12, 0x0f, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff];
/** 16-bit numbers that are limits: lengths, UDP sizes, types. */
const NASTY_NUMBERS = [0, 1, 11, 12, 41, 255, 256, 511, 512, 513, 1232, 4095, 4096, 0x7fff, 0x8000, 0xffff];
/** Whole pieces of messages, as hex. */
const PIECES = [
  '0000290200000000000000', // OPT, 512 bytes
  '00002910000000800000 0c000a00080102030405060708', // OPT, DO, a cookie
  '00002904d0000100000000', // OPT, version 1
  '000029ffff000080000006000f00020016', // OPT, an EDE
  '000029100000000000 0020ff49001c0100000000000000000000000000000000000000000000000000000000'.slice(0, 84),
  'c00c00010001000000050004c0000201', // A
  'c00c00050001000000050002c00c', // CNAME to itself
  'c00c0006000100000005001600000000000100000002000000030000000400000005', // SOA, root names
  'c00c00100001ffffffff0005ff61626364', // TXT, a string that is too long; TTL −1
  '0000fa00ff0000000000 00', // TSIG
  'c00c00180001000000050012000000000000000000000000000000000000', // SIG(0)
  'c00cc00e', // pointers
  '3f6161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161', // a label of 63
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/**
 * Copies `seed` into `out`, changed here and there, and returns the length: maxLength at most.
 * `other`: a message that pieces may be taken from.
 */
export function mutate(
  random: Generator,
  seed: Uint8Array,
  other: Uint8Array,
  out: Uint8Array,
  maxLength: number,
): number {
  let length = Math.min(seed.length, maxLength);
  out.set(seed.subarray(0, length));
  for (let changes = 1 + random.below(1 << random.below(4)); changes > 0; changes--) {
    const at = length === 0 ? 0 : random.below(length);
    switch (random.below(13)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.below(256);
        break;
      case 2:
        out[at] = random.pick(NASTY_BYTES);
        break;
      case 3:
        writeNumber(out, at, length, random.pick(NASTY_NUMBERS));
        break;
      case 4: // A count or flags of the header.
        writeNumber(out, 2 + 2 * random.below(5), length, random.below(4));
        break;
      case 5: // A little more or less.
        out[at]! += random.below(9) - 4;
        break;
      case 6: // A pointer, into the message or a little behind it.
        writeNumber(out, at, length, 0xc000 | random.below(length + 4));
        break;
      case 7:
        length = random.below(length + 1);
        break;
      case 8: // Bytes taken out.
        length = remove(out, at, random.below(Math.min(32, length - at) + 1), length);
        break;
      case 9: // A piece put in, or put on with its record counted.
        length = insert(out, at, random.pick(PIECES), length, maxLength);
        break;
      case 10: {
        const before = length;
        length = insert(out, length, random.pick(PIECES), length, maxLength);
        if (length > before && length >= 12) out[7 + 2 * random.below(3)]! += 1;
        break;
      }
      case 11: {
        // A stretch of the message or of another one.
        const from = random.below(2) === 0 ? out.slice(0, length) : other;
        const start = random.below(from.length + 1);
        const stretch = from.subarray(start, start + random.below(64));
        length = insert(out, at, stretch, length, maxLength);
        break;
      }
      default: {
        // Written over.
        const start = random.below(other.length + 1);
        const stretch = other.subarray(start, Math.min(start + random.below(32), start + length - at));
        out.set(stretch, at);
      }
    }
  }
  return length;
}

function writeNumber(out: Uint8Array, at: number, length: number, value: number): void {
  if (at + 2 > length) return;
  out[at] = value >>> 8;
  out[at + 1] = value;
}

function remove(out: Uint8Array, at: number, count: number, length: number): number {
  out.copyWithin(at, at + count, length);
  return length - count;
}

function insert(out: Uint8Array, at: number, piece: Uint8Array, length: number, maxLength: number): number {
  const count = Math.min(piece.length, maxLength - length);
  if (count <= 0) return length;
  const copy = piece.slice(0, count);
  out.copyWithin(at + count, at, length);
  out.set(copy, at);
  return length + count;
}
