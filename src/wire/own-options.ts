// Options that this server adds to its own answers for one client: edns-tcp-keepalive (RFC 7828),
// how long the connection is kept, and NSID (RFC 5001), which replica answers. Called only for
// clients that asked for one.
//
//   keepalive: OPTION-CODE 11 | OPTION-LENGTH 2 | TIMEOUT in tenths of a second
//   NSID:      OPTION-CODE  3 | OPTION-LENGTH n | n bytes of any kind

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
const cursor = new RrCursor();
const timeout = new Uint8Array(2);

/** Whether the query has the keepalive option. */
export function asksForKeepalive(bytes: Uint8Array, q: ParsedQuery): boolean {
  return findOption(bytes, q.optionsOffset, q.optionsLength, OptionCode.tcpKeepalive) >= 0;
}

/** Whether the query has the NSID option. */
export function asksForNsid(bytes: Uint8Array, q: ParsedQuery): boolean {
  return findOption(bytes, q.optionsOffset, q.optionsLength, OptionCode.nsid) >= 0;
}

/** Adds the keepalive option as appendOwn() does; the answer goes over a stream, of any length. */
export function appendKeepalive(bytes: Uint8Array, length: number, timeoutTenths: number): number {
  writeUint16(timeout, 0, timeoutTenths);
  return appendOwn(bytes, length, bytes.length, OptionCode.tcpKeepalive, timeout);
}

/** Adds the NSID option as appendOwn() does, to an answer of at most `limit` bytes. */
export function appendNsid(bytes: Uint8Array, length: number, limit: number, nsid: Uint8Array): number {
  return appendOwn(bytes, length, Math.min(limit, bytes.length), OptionCode.nsid, nsid);
}

/**
 * Adds the option to an answer that was created here, and returns its new length. The answer stays
 * unchanged if it has no OPT (RFC 7828 §3.3.2), does not end with it, or has no room.
 */
function appendOwn(bytes: Uint8Array, length: number, limit: number, code: number, data: Uint8Array): number {
  const additional = readAdditionalCount(bytes);
  if (additional === 0 || length + OPTION_HEADER_LENGTH + data.length > limit) return length;
  let offset = HEADER_LENGTH;
  if (readQuestionCount(bytes) === 1) {
    offset = skipName(bytes, length, offset) + QUESTION_FIXED_LENGTH;
    if (offset < HEADER_LENGTH) return length;
  }
  cursor.reset(bytes, length, offset, readAnswerCount(bytes) + readAuthorityCount(bytes) + additional);
  while (cursor.next());
  if (cursor.failed || cursor.type !== Type.OPT || cursor.endOffset !== length) return length;
  return appendOption(bytes, cursor.nameOffset, length, code, data);
}
