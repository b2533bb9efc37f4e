// Turns a stored or relayed message into one client's answer, in place: the client's ID, letter
// case of QNAME, RD, CD, OPT and size. Called once per answer, for cache hits and for every waiter
// (RFC 6891 §6.1.1, §7; RFC 8914 §3).
import { copyBytes } from '../base/word-bytes.ts';
import type { Ede } from './ede.ts';
import { appendReason, OPT_LENGTH, SERVER_UDP_SIZE, writeOpt } from './edns.ts';
import {
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAG_Z,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_MASK,
  readFlags,
  writeFlags,
  writeId,
} from './header.ts';
import { headerRcode } from './reply.ts';
import { dropAdditional, keepWholeAnswers } from './shorten.ts';

/**
 * The parts of a client's query that its answer depends on, besides QNAME's letter case.
 * ParsedQuery has them all.
 */
export interface ClientQuestion {
  readonly id: number;
  readonly flags: number;
  /** QNAME's length, bytes; the stored question's QNAME has the same. */
  readonly qnameLength: number;
  readonly hasOpt: boolean;
  readonly dnssecOk: boolean;
}

/** The client that an answer is made for. */
export interface AnsweredClient {
  readonly question: ClientQuestion;
  /** A message with QNAME at byte 12, in the client's letter case. */
  readonly named: Uint8Array;
  /** The longest answer that it takes, bytes. */
  readonly sizeLimit: number;
}

/**
 * Header bits of the stored message that are not passed on: set here (QR, RA), taken from the
 * client's query (RD, CD), or zero in every answer (the opcode of QUERY; Z: RFC 1035 §4.1.1).
 */
const REPLACED_FLAGS = FLAG_QR | OPCODE_MASK | FLAG_RD | FLAG_RA | FLAG_Z | FLAG_CD;

/**
 * Turns the message in out[0 … length−1] (one question, uncompressed, at 12; no OPT) into a
 * client's answer and returns its length. `rcode` is the whole RCODE: its upper 8 bits go into OPT,
 * the lower 4 are already in the header. An answer longer than the client takes loses first its EDE
 * (`reason`), then additional records that nobody asked for; after that TC is set, and it keeps the
 * whole answer records that fit. `out` has room for OPT and EDE as far as sizeLimit allows, never
 * less than 512 bytes, and holds as much of the message as fits in it.
 */
export function restoreForClient(
  out: Uint8Array,
  length: number,
  client: AnsweredClient,
  rcode: number,
  reason: Ede,
): number {
  const { question: q, named, sizeLimit } = client;
  const stored = readFlags(out);
  // AD is only for clients that show that they understand it (RFC 6840 §5.8).
  const wantsAd = q.dnssecOk || (q.flags & FLAG_AD) !== 0;
  const wholeRcode = (rcode & ~RCODE_MASK) | (stored & RCODE_MASK);
  let flags =
    (stored & ~(REPLACED_FLAGS | RCODE_MASK | (wantsAd ? 0 : FLAG_AD))) |
    FLAG_QR |
    FLAG_RA |
    (q.flags & (FLAG_RD | FLAG_CD)) |
    headerRcode(wholeRcode, q.hasOpt);
  copyBytes(named, HEADER_LENGTH, out, HEADER_LENGTH, q.qnameLength);
  writeId(out, q.id);

  const limit = Math.min(sizeLimit, out.length);
  const room = limit - (q.hasOpt ? OPT_LENGTH : 0);
  let end = length;
  if (end > room) {
    const questionEnd = HEADER_LENGTH + q.qnameLength + 4;
    end = dropAdditional(out, Math.min(length, room), questionEnd);
    if (end < 0) {
      flags = (flags & ~FLAG_AD) | FLAG_TC;
      end = keepWholeAnswers(out, Math.min(length, room), questionEnd);
    }
  }
  writeFlags(out, flags);
  if (!q.hasOpt) return end;
  const optEnd = writeOpt(out, end, SERVER_UDP_SIZE, wholeRcode, q.dnssecOk);
  return appendReason(out, end, optEnd, reason, limit);
}
