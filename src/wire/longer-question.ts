// Makes the denial of a name the denial of a longer name that ends in it: the question grows at its
// front, and all that follows moves by as much, so every compression pointer does too (RFC 1035
// §4.1.4). For answers from an NXDOMAIN further up (cache/nxdomain-cut.ts).
//
//   3 c o m 7 d e f a u l t … 0   SOA, owner C0 10          ─▶
//   3 w w w 3 c o m 7 d e f a u l t … 0   SOA, owner C0 14
import { readUint16, writeUint16 } from './bytes.ts';
import { HEADER_LENGTH } from './header.ts';
import { RR_FIXED_LENGTH } from './rr.ts';

/** The smallest first byte of a compression pointer. */
const POINTER = 0xc0;
const QUESTION_FIXED_LENGTH = 4;

/**
 * Moves what follows the header by `added` bytes, in place; the caller writes the longer QNAME at
 * 12. The message has a question and one SOA record, nothing else. Returns its new length.
 */
export function lengthenQuestion(message: Uint8Array, length: number, added: number): number {
  message.copyWithin(HEADER_LENGTH + added, HEADER_LENGTH, length);
  let at = HEADER_LENGTH + added;
  while (message[at] !== 0) at += message[at]! + 1;
  const fixedOffset = moveName(message, at + 1 + QUESTION_FIXED_LENGTH, added);
  moveName(message, moveName(message, fixedOffset + RR_FIXED_LENGTH, added), added);
  return length + added;
}

/** Corrects the pointer at the end of the name at an offset, if it has one; returns its end. */
function moveName(message: Uint8Array, offset: number, added: number): number {
  let at = offset;
  while (message[at] !== 0 && message[at]! < POINTER) at += message[at]! + 1;
  if (message[at] === 0) return at + 1;
  writeUint16(message, at, readUint16(message, at) + added);
  return at + 2;
}
