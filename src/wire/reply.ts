// Answers without records, built from a query in place: errors, and TC ("repeat this over TCP").
// Called by the pipeline for whatever is not answered from data. Never longer than the query,
// except for OPT (11 bytes) and EDE options: so nobody can use us to amplify traffic (RFC 1035
// §4.1.1, RFC 6891 §7, RFC 8914).
import { copyBytes } from '../base/word-bytes.ts';
import { Opcode, Rcode } from './codes.ts';
import type { Ede } from './ede.ts';
import { appendReason, SERVER_UDP_SIZE, writeOpt } from './edns.ts';
import {
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_MASK,
  writeCounts,
  writeFlags,
  writeId,
} from './header.ts';

export { SERVER_UDP_SIZE } from './edns.ts';

/** The parts of a query that its answer without records depends on; ParsedQuery has them all. */
export interface AnsweredQuery {
  readonly id: number;
  readonly flags: number;
  /** 0: no readable question; the answer is a header only (and OPT, if the query had it). */
  readonly questionEnd: number;
  readonly hasOpt: boolean;
  readonly dnssecOk: boolean;
  /** The longest answer that the client accepts over UDP, bytes. */
  readonly udpSize: number;
}

/**
 * Writes the answer `rcode` (all 12 bits) to `query` into `out`, at least 512 bytes, and returns
 * its length. `out` may be the query's own buffer. The question is repeated in the client's letter
 * case. OPT is added if the query had it, and with it the Extended DNS Error `reason` as far as the
 * client's size allows.
 */
export function writeErrorReply(
  query: Uint8Array,
  q: AnsweredQuery,
  out: Uint8Array,
  rcode: number,
  reason: Ede,
): number {
  const end = writeHead(query, q, out, 0, rcode);
  if (!q.hasOpt) return end;
  const optEnd = writeOpt(out, end, SERVER_UDP_SIZE, rcode, q.dnssecOk);
  return appendReason(out, end, optEnd, reason, Math.min(q.udpSize, out.length));
}

/**
 * Writes an answer without records and with TC, so that the client repeats the query over TCP. It
 * is no longer than the query: an attacker gains nothing by forging an address.
 */
export function writeTruncatedReply(query: Uint8Array, q: AnsweredQuery, out: Uint8Array): number {
  const end = writeHead(query, q, out, FLAG_TC, Rcode.NOERROR);
  return q.hasOpt ? writeOpt(out, end, SERVER_UDP_SIZE, Rcode.NOERROR, q.dnssecOk) : end;
}

/**
 * Header and question. RD is the client's; RA and CD have a meaning for QUERY only (RFC 4035
 * §3.2.2).
 */
function writeHead(
  query: Uint8Array,
  q: AnsweredQuery,
  out: Uint8Array,
  extraFlags: number,
  rcode: number,
): number {
  const opcode = q.flags & OPCODE_MASK;
  const hasQuestion = q.questionEnd !== 0;
  const isQuery = opcode === Opcode.QUERY;
  const kept = q.flags & (OPCODE_MASK | FLAG_RD | (isQuery ? FLAG_CD : 0));
  writeId(out, q.id);
  writeFlags(out, FLAG_QR | kept | (isQuery ? FLAG_RA : 0) | extraFlags | headerRcode(rcode, q.hasOpt));
  writeCounts(out, hasQuestion ? 1 : 0, 0, 0, 0);
  if (!hasQuestion) return HEADER_LENGTH;
  if (query !== out) {
    copyBytes(query, HEADER_LENGTH, out, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
  }
  return q.questionEnd;
}

/**
 * The header's part of an RCODE. Without OPT, an RCODE that needs it becomes SERVFAIL: its lower
 * bits mean something else.
 */
export function headerRcode(rcode: number, hasOpt: boolean): number {
  return rcode > RCODE_MASK && !hasOpt ? Rcode.SERVFAIL : rcode & RCODE_MASK;
}
