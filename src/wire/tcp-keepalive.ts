// edns-tcp-keepalive (RFC 7828): whether a query has it, and how an answer over a stream says how
// long the connection is kept. Called for clients over streams only.
//
//   OPTION-CODE 11 | OPTION-LENGTH 2 | TIMEOUT in tenths of a second

import { writeUint16 } from './bytes.ts';
import { OptionCode, Type } from './codes.ts';
import { appendOption, findOption, OPTION_HEADER_LENGTH } from './edns.ts';
import {
  HEADER_LENGTH,
  readAdditionalCount,
  readAnswerCount,
  readAuthorityCount,
  readQuestionCount,
} from './header.ts';
import { skipName } from './name.ts';
import type { ParsedQuery } from './query.ts';
import { RrCursor } from './rr.ts';

const QUESTION_FIXED_LENGTH = 4;
const TIMEOUT_LENGTH = 2;
const cursor = new RrCursor();
const timeout = new Uint8Array(TIMEOUT_LENGTH);

/** Whether the query has the option. */
export function asksForKeepalive(bytes: Uint8Array, q: ParsedQuery): boolean {
  return findOption(bytes, q.optionsOffset, q.optionsLength, OptionCode.tcpKeepalive) >= 0;
}

/**
 * Adds the option to an answer that was created here, and returns its new length; the answer stays
 * unchanged if it has no OPT (RFC 7828 §3.3.2), does not end with it, or has no room.
 */
export function appendKeepalive(bytes: Uint8Array, length: number, timeoutTenths: number): number {
  const additional = readAdditionalCount(bytes);
  if (additional === 0 || length + OPTION_HEADER_LENGTH + TIMEOUT_LENGTH > bytes.length) return length;
  let offset = HEADER_LENGTH;
  if (readQuestionCount(bytes) === 1) {
    offset = skipName(bytes, length, offset) + QUESTION_FIXED_LENGTH;
    if (offset < HEADER_LENGTH) return length;
  }
  cursor.reset(bytes, length, offset, readAnswerCount(bytes) + readAuthorityCount(bytes) + additional);
  while (cursor.next());
  if (cursor.failed || cursor.type !== Type.OPT || cursor.endOffset !== length) return length;
  writeUint16(timeout, 0, timeoutTenths);
  return appendOption(bytes, cursor.nameOffset, length, OptionCode.tcpKeepalive, timeout);
}
