// Whether a reply repeats the question that was asked: name, type and class (RFC 5452 §9.1), and
// the name's 0x20 case. Called by every exchange for every reply.
import { samePrefix } from '../base/word-bytes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';

/** Bytes of the longest question: QNAME 255, QTYPE 2, QCLASS 2. */
export const MAX_QUESTION_LENGTH = 259;
/** QTYPE and QCLASS, which have no case. */
const TYPE_AND_CLASS_LENGTH = 4;

/** How a reply's question compares with the one sent. */
export const QuestionMatch = {
  /** Byte for byte. */
  exact: 0,
  /** The same name, type and class, but letters of the name in another case. */
  caseDiffers: 1,
  /** QDCOUNT is 0: some servers send errors as a bare header. */
  absent: 2,
  /** Another question, or none that can be read. */
  differs: 3,
} as const;
export type QuestionMatch = (typeof QuestionMatch)[keyof typeof QuestionMatch];

/**
 * Compares the question sent, `questionLength` bytes at `at` in `question`, with the one of a reply
 * of at least 12 bytes. A reply whose question is compressed does not match: there is nothing
 * before it that a pointer could mean.
 */
export function compareQuestions(
  question: Uint8Array,
  at: number,
  questionLength: number,
  reply: Uint8Array,
  replyLength: number,
): QuestionMatch {
  const count = (reply[4]! << 8) | reply[5]!;
  if (count === 0) return QuestionMatch.absent;
  if (count !== 1 || replyLength < HEADER_LENGTH + questionLength) return QuestionMatch.differs;
  const nameLength = questionLength - TYPE_AND_CLASS_LENGTH;
  const same = samePrefix(question, at, reply, HEADER_LENGTH, questionLength);
  let match: QuestionMatch = QuestionMatch.exact;
  for (let i = same; i < nameLength; i++) {
    const sent = question[at + i]!;
    const difference = sent ^ reply[HEADER_LENGTH + i]!;
    if (difference === 0) continue;
    const folded = sent | 0x20;
    // Our own label lengths are ≤ 63 and so never taken for letters.
    if (difference !== 0x20 || folded < 0x61 || folded > 0x7a) return QuestionMatch.differs;
    match = QuestionMatch.caseDiffers;
  }
  for (let i = Math.max(same, nameLength); i < questionLength; i++) {
    if (question[at + i] !== reply[HEADER_LENGTH + i]) return QuestionMatch.differs;
  }
  return match;
}
