// One query as the exchanges over connections hold it (TCP, TLS, HTTPS): with its own copy of the
// message, so that it can be sent again when a connection is lost under it.

import { FRAME_HEADER_LENGTH } from '../io/tcp-framing.ts';
import { Counter } from '../metrics/counters.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { UpstreamQuery } from './exchange.ts';
import { paddingLength, writePadding } from './padding.ts';
import { compareQuestions, QuestionMatch } from './question-match.ts';

/** QR and OPCODE in header byte 2; a reply to a QUERY has only QR of them. */
const QR_AND_OPCODE = 0xf8;
const QR = 0x80;
const RCODE = 0x0f;

export interface StreamEntry {
  /**
   * Null once canceled: over TCP the entry then only keeps its ID taken until the reply has come.
   */
  query: UpstreamQuery | null;
  /** Length, then the message. HTTPS sends what follows the length. */
  readonly frame: Buffer;
  readonly questionLength: number;
  /** Connections that it was lost with so far. */
  retries: number;
  /**
   * A server closed the connection that it was on. Perhaps this query is the cause, so it leaves
   * again by a connection that no other query uses: those that are not to blame are lost once at
   * most.
   */
  alone: boolean;
  /** Queries of others were given up so that this one can leave (ReplyOwner.makeRoom). */
  isFavored: boolean;
  /** Nobody's could be: it may leave behind queries that the server is silent about. */
  mayTry: boolean;
  /** When it was sent, or began to wait for a connection. */
  sinceMs: number;
  /** Position among all entries sent on its connection. */
  order: number;
}

/** Copies a query. With `padded`, where nobody can read it, its length tells little (RFC 8467). */
export function createEntry(query: UpstreamQuery, padded: boolean, nowMs: number): StreamEntry {
  const { bytes, length, questionEnd } = query;
  const padding = padded ? paddingLength(bytes, length, questionEnd) : 0;
  const messageLength = length + padding;
  const frame = Buffer.alloc(FRAME_HEADER_LENGTH + messageLength);
  frame.writeUInt16BE(messageLength, 0);
  // The ID (bytes 0 and 1) is the connection's to write.
  for (let i = 2; i < length; i++) frame[FRAME_HEADER_LENGTH + i] = bytes[i]!;
  if (padding > 0) writePadding(frame, FRAME_HEADER_LENGTH, length, questionEnd, padding);
  const questionLength = questionEnd - HEADER_LENGTH;
  return {
    query,
    frame,
    questionLength,
    retries: 0,
    alone: false,
    isFavored: false,
    mayTry: false,
    sinceMs: nowMs,
    order: 0,
  };
}

/**
 * Whether a message answers the entry. Over a connection nobody forges, so that an error without a
 * question is believed, and so is any case of the name.
 */
export function answersEntry(
  entry: StreamEntry,
  bytes: Uint8Array,
  length: number,
  counterValues: Float64Array,
): boolean {
  if (length < HEADER_LENGTH || (bytes[2]! & QR_AND_OPCODE) !== QR) return false;
  const at = FRAME_HEADER_LENGTH + HEADER_LENGTH;
  switch (compareQuestions(entry.frame, at, entry.questionLength, bytes, length)) {
    case QuestionMatch.exact:
      return true;
    case QuestionMatch.caseDiffers:
      if (entry.query?.matchCase) counterValues[Counter.upstreamCaseMismatches]!++;
      return true;
    case QuestionMatch.absent:
      return (bytes[3]! & RCODE) !== 0;
    default:
      return false;
  }
}
