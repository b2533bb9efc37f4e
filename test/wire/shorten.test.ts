import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { dropAdditional, keepWholeAnswers } from '../../src/wire/shorten.ts';

const address = (name: string, data: string): dnsPacket.Answer => ({ type: 'A', name, ttl: 60, data });
const NAME = 'a.example';
/** Header, 11 bytes of QNAME, QTYPE, QCLASS. */
const QUESTION_END = 12 + 11 + 4;
/** Uncompressed name and 14 more. */
const RECORD_LENGTH = 11 + 14;

function message(answers: number, authorities: number, additionals: number): Buffer {
  const many = (count: number) => Array.from({ length: count }, (_, i) => address(NAME, `192.0.2.${i}`));
  return dnsPacket.encode({
    type: 'response',
    questions: [{ type: 'A', name: NAME }],
    answers: many(answers),
    authorities: many(authorities),
    additionals: many(additionals),
  });
}

const counts = (bytes: Buffer) => [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));

describe('dropAdditional', () => {
  it('cuts behind the authority section', () => {
    const bytes = message(2, 1, 3);
    expect(dropAdditional(bytes, bytes.length, QUESTION_END)).toBe(QUESTION_END + 3 * RECORD_LENGTH);
    expect(counts(bytes)).toEqual([1, 2, 1, 0]);
  });

  it('leaves a referral alone: its addresses are needed', () => {
    const bytes = message(0, 1, 2);
    expect(dropAdditional(bytes, bytes.length, QUESTION_END)).toBe(-1);
    expect(counts(bytes)).toEqual([1, 0, 1, 2]);
  });

  it('changes nothing where the records in between do not fit', () => {
    const bytes = message(2, 1, 3);
    const whole = QUESTION_END + 3 * RECORD_LENGTH;
    expect(dropAdditional(bytes, whole, QUESTION_END)).toBe(whole);
    const again = message(2, 1, 3);
    expect(dropAdditional(again, whole - 1, QUESTION_END)).toBe(-1);
    expect(counts(again)).toEqual([1, 2, 1, 3]);
  });
});

describe('keepWholeAnswers', () => {
  it.each([
    [RECORD_LENGTH, 3],
    [0, 3],
    [-1, 2],
    // Up to the RDATA, in the fixed part, in the name.
    [-4, 2],
    [-5, 2],
    [-RECORD_LENGTH + 12, 2],
    [-RECORD_LENGTH + 5, 2],
    [-RECORD_LENGTH, 2],
    [-RECORD_LENGTH - 1, 1],
    [-3 * RECORD_LENGTH, 0],
  ])('keeps what fits: %d bytes beside three answers leave %d', (more, kept) => {
    const bytes = message(3, 1, 1);
    const room = QUESTION_END + 3 * RECORD_LENGTH + more;
    expect(keepWholeAnswers(bytes, room, QUESTION_END)).toBe(QUESTION_END + kept * RECORD_LENGTH);
    expect(counts(bytes)).toEqual([1, kept, 0, 0]);
  });

  it('counts no question where there is none', () => {
    const bytes = Buffer.alloc(12);
    expect(keepWholeAnswers(bytes, 12, 12)).toBe(12);
    expect(counts(bytes)).toEqual([0, 0, 0, 0]);
  });

  it('stops at a record whose length leads beyond the room', () => {
    const bytes = message(2, 0, 0);
    bytes.writeUInt16BE(0xffff, QUESTION_END + RECORD_LENGTH - 6);
    expect(keepWholeAnswers(bytes, bytes.length, QUESTION_END)).toBe(QUESTION_END);
  });
});
