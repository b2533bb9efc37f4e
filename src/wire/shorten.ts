// An answer that is longer than its client takes, shortened in place. Called by restore, and only
// when an answer does not fit.
//
//   question | answer | authority | additional      1. additional records go: nobody asked for them, TC stays clear
//   question | answer ┊ …                           2. authority goes, and the answers that do not fit: TC is set

import { readUint16 } from './bytes.ts';
import {
  HEADER_LENGTH,
  readAnswerCount,
  readAuthorityCount,
  writeAdditionalCount,
  writeCounts,
} from './header.ts';
import { skipName } from './name.ts';
import { RR_FIXED_LENGTH } from './rr.ts';

/**
 * Removes the additional section from the answer in out[0 … length−1] and returns the new length;
 * −1, with nothing changed, if that is not short enough. Only additional records may go without TC
 * (RFC 2181 §9), but not in a referral: its addresses are needed (RFC 9471).
 */
export function dropAdditional(out: Uint8Array, length: number, questionEnd: number): number {
  const answerCount = readAnswerCount(out);
  if (answerCount === 0) return -1;
  let end = questionEnd;
  for (let left = answerCount + readAuthorityCount(out); left > 0; left--) {
    end = recordEnd(out, length, end);
    if (end < 0) return -1;
  }
  writeAdditionalCount(out, 0);
  return end;
}

/**
 * Keeps the question and as many whole answer records as fit in out[0 … length−1], nothing else,
 * and returns the new length. For answers with TC: clients that do not repeat the query over TCP
 * depend on them. No name points behind itself, so any record may be the last.
 */
export function keepWholeAnswers(out: Uint8Array, length: number, questionEnd: number): number {
  const answerCount = readAnswerCount(out);
  let kept = 0;
  let end = questionEnd;
  for (; kept < answerCount; kept++) {
    const next = recordEnd(out, length, end);
    if (next < 0) break;
    end = next;
  }
  writeCounts(out, questionEnd > HEADER_LENGTH ? 1 : 0, kept, 0, 0);
  return end;
}

/** The end of the record at `offset`; −1 if it is not within `length`. */
function recordEnd(bytes: Uint8Array, length: number, offset: number): number {
  const fixed = skipName(bytes, length, offset);
  if (fixed < 0 || fixed + RR_FIXED_LENGTH > length) return -1;
  const end = fixed + RR_FIXED_LENGTH + readUint16(bytes, fixed + 8);
  return end <= length ? end : -1;
}
