// Answers without records, made from a query in place: errors, and "come again over TCP". Called by the pipeline for
// whatever is not answered from data. Never longer than the query, save for OPT (11 octets) and an EDE option:
// nobody can use us to make more of his packets (RFC 1035 §4.1.1, RFC 6891 §7, RFC 8914).
import { copyOctets } from '../base/word-octets.ts';
import { Rcode } from './codes.ts';
import { appendEde, edeOptionLength, SERVER_UDP_SIZE, writeOpt } from './edns.ts';
import {
  FLAG_AA,
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

/** What of a query its bare answer depends on; ParsedQuery has it all. */
export interface AnsweredQuery {
  readonly id: number;
  readonly flags: number;
  /** 0: no readable question; the answer is a header only (and OPT, if the query had it). */
  readonly questionEnd: number;
  readonly hasOpt: boolean;
  readonly dnssecOk: boolean;
  /** The longest answer the client takes over UDP, octets. */
  readonly udpSize: number;
}

/**
 * Writes the answer `rcode` (all 12 bits) to `query` into `out`, at least 512 octets, and returns its length. `out` may be
 * the query's own buffer. The question is repeated as the client spelt it. OPT goes in if the query had it; with it the
 * Extended DNS Error `edeCode` (−1: none) and its text, as long as they fit what the client takes.
 */
export function writeErrorReply(
  query: Uint8Array,
  q: AnsweredQuery,
  out: Uint8Array,
  rcode: number,
  edeCode: number,
  edeText: Uint8Array | null,
): number {
  const end = writeHead(query, q, out, 0, rcode);
  if (!q.hasOpt) return end;
  const optEnd = writeOpt(out, end, SERVER_UDP_SIZE, rcode, q.dnssecOk);
  const sizeLimit = Math.min(q.udpSize, out.length);
  if (edeCode < 0 || optEnd + edeOptionLength(edeText) > sizeLimit) return optEnd;
  return appendEde(out, end, optEnd, edeCode, edeText);
}

/**
 * Writes an answer `rcode` (all 12 bits) without records that has TC set, so that the client comes again over TCP. AA is
 * taken from `sourceFlags`, the flags of the answer that does not fit.
 */
export function writeTruncatedReply(
  query: Uint8Array,
  q: AnsweredQuery,
  out: Uint8Array,
  rcode: number,
  sourceFlags = 0,
): number {
  const end = writeHead(query, q, out, FLAG_TC | (sourceFlags & FLAG_AA), rcode);
  return q.hasOpt ? writeOpt(out, end, SERVER_UDP_SIZE, rcode, q.dnssecOk) : end;
}

/** Header and question. RD and CD are the client's; RA says something about QUERY only. */
function writeHead(
  query: Uint8Array,
  q: AnsweredQuery,
  out: Uint8Array,
  extraFlags: number,
  rcode: number,
): number {
  const opcode = q.flags & OPCODE_MASK;
  const hasQuestion = q.questionEnd !== 0;
  const kept = q.flags & (OPCODE_MASK | FLAG_RD | FLAG_CD);
  writeId(out, q.id);
  writeFlags(out, FLAG_QR | kept | (opcode === 0 ? FLAG_RA : 0) | extraFlags | headerRcode(rcode, q.hasOpt));
  writeCounts(out, hasQuestion ? 1 : 0, 0, 0, 0);
  if (!hasQuestion) return HEADER_LENGTH;
  if (query !== out) {
    copyOctets(query, HEADER_LENGTH, out, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
  }
  return q.questionEnd;
}

/** The header's part of an RCODE. One that needs OPT becomes SERVFAIL where there is none: its lower bits mean something else. */
export function headerRcode(rcode: number, hasOpt: boolean): number {
  return rcode > RCODE_MASK && !hasOpt ? Rcode.SERVFAIL : rcode & RCODE_MASK;
}
