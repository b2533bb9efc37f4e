// The twelve bytes at the start of every message (RFC 1035 §4.1.1, AD and CD: RFC 4035 §3.2). Read
// and patched in place by everything that handles a message; the message starts at offset 0.
//
//                                  1  1  1  1  1  1
//    0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5     bytes
//  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//  |                      ID                       |     0–1
//  |QR|  OPCODE   |AA|TC|RD|RA| Z|AD|CD|   RCODE   |     2–3    "flags" below is this word
//  |        QDCOUNT: entries in the question       |     4–5
//  |        ANCOUNT: records in the answer         |     6–7
//  |        NSCOUNT: records in the authority      |     8–9
//  |        ARCOUNT: records in the additional     |    10–11
//  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
import { readUint16, writeUint16 } from './bytes.ts';

export const HEADER_LENGTH = 12;

export const FLAG_QR = 0x8000;
export const OPCODE_MASK = 0x7800;
export const OPCODE_SHIFT = 11;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
export const FLAG_Z = 0x0040;
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;
export const RCODE_MASK = 0x000f;

/** The message's ID. */
export function readId(bytes: Uint8Array): number {
  return readUint16(bytes, 0);
}

export function writeId(bytes: Uint8Array, id: number): void {
  writeUint16(bytes, 0, id);
}

/** Bytes 2–3 as one number. */
export function readFlags(bytes: Uint8Array): number {
  return readUint16(bytes, 2);
}

export function writeFlags(bytes: Uint8Array, flags: number): void {
  writeUint16(bytes, 2, flags);
}

/** QDCOUNT. */
export function readQuestionCount(bytes: Uint8Array): number {
  return readUint16(bytes, 4);
}

/** ANCOUNT. */
export function readAnswerCount(bytes: Uint8Array): number {
  return readUint16(bytes, 6);
}

/** NSCOUNT. */
export function readAuthorityCount(bytes: Uint8Array): number {
  return readUint16(bytes, 8);
}

/** ARCOUNT. */
export function readAdditionalCount(bytes: Uint8Array): number {
  return readUint16(bytes, 10);
}

export function writeAdditionalCount(bytes: Uint8Array, count: number): void {
  writeUint16(bytes, 10, count);
}

/** Writes all four counts. */
export function writeCounts(
  bytes: Uint8Array,
  questions: number,
  answers: number,
  authorities: number,
  additionals: number,
): void {
  writeUint16(bytes, 4, questions);
  writeUint16(bytes, 6, answers);
  writeUint16(bytes, 8, authorities);
  writeUint16(bytes, 10, additionals);
}
