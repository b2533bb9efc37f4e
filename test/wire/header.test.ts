import { describe, expect, it } from 'vitest';
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAG_Z,
  HEADER_LENGTH,
  OPCODE_MASK,
  OPCODE_SHIFT,
  RCODE_MASK,
  readAdditionalCount,
  readAnswerCount,
  readAuthorityCount,
  readFlags,
  readId,
  readQuestionCount,
  writeCounts,
  writeFlags,
  writeId,
} from '../../src/wire/header.ts';
import { bytesOf } from './build-message.ts';

describe('header', () => {
  const bytes = bytesOf('beef', '8583', '0001', '0002', '0003', '0104');

  it('reads ID, flags and counts in network order', () => {
    expect(bytes.length).toBe(HEADER_LENGTH);
    expect(readId(bytes)).toBe(0xbeef);
    expect(readFlags(bytes)).toBe(0x8583);
    expect(readQuestionCount(bytes)).toBe(1);
    expect(readAnswerCount(bytes)).toBe(2);
    expect(readAuthorityCount(bytes)).toBe(3);
    expect(readAdditionalCount(bytes)).toBe(260);
  });

  it('writes what it reads', () => {
    const out = new Uint8Array(12);
    writeId(out, 0xbeef);
    writeFlags(out, 0x8583);
    writeCounts(out, 1, 2, 3, 260);
    expect(out).toEqual(bytes);
  });

  it('has one mask for every bit of the flags word, none twice', () => {
    const masks = [
      FLAG_QR,
      OPCODE_MASK,
      FLAG_AA,
      FLAG_TC,
      FLAG_RD,
      FLAG_RA,
      FLAG_Z,
      FLAG_AD,
      FLAG_CD,
      RCODE_MASK,
    ];
    expect(masks.reduce((sum, mask) => sum + mask)).toBe(0xffff);
    expect(masks.reduce((all, mask) => all | mask)).toBe(0xffff);
    expect(5 << OPCODE_SHIFT).toBe(0x2800); // UPDATE
  });
});
