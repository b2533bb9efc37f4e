// A stored or relayed message made into one client's answer, in place: the client's ID, spelling of QNAME, RD, CD, OPT
// and size. Called once per answer, for cache hits and for every client that waited (RFC 6891 §6.1.1, §7; RFC 8914 §3).
import { copyOctets } from '../base/word-octets.ts';
import { appendEde, edeOptionLength, OPT_LENGTH, SERVER_UDP_SIZE, writeOpt } from './edns.ts';
import {
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_MASK,
  readAnswerCount,
  readAuthorityCount,
  readFlags,
  writeAdditionalCount,
  writeCounts,
  writeFlags,
  writeId,
} from './header.ts';
import { skipName } from './name.ts';
import { readUint16 } from './octets.ts';
import { headerRcode } from './reply.ts';
import { RR_FIXED_LENGTH } from './rr.ts';

/** What of a client's query its answer depends on, besides QNAME's spelling. ParsedQuery has it all. */
export interface ClientQuestion {
  readonly id: number;
  readonly flags: number;
  /** Octets of QNAME; the stored question's QNAME has as many. */
  readonly qnameLength: number;
  readonly hasOpt: boolean;
  readonly dnssecOk: boolean;
}

/** Flags that are the message's own; the others are the client's or set here. */
const FOREIGN_FLAGS = FLAG_QR | OPCODE_MASK | FLAG_RD | FLAG_RA | FLAG_CD;

/**
 * Turns the message in out[0 … length−1] (one question, uncompressed, at 12; no OPT) into the answer to a client whose QNAME `named`, a
 * message, has as the client spelt it, and returns its length. `rcode` is the whole RCODE: its upper 8 bits go into
 * OPT, the lower 4 stand in the header already. What passes `sizeLimit` loses first its EDE (edeCode −1: there is none),
 * then additional records that nobody asked for, then all records: TC is set. `out` has room for OPT and EDE as far as sizeLimit allows, and never less than 512 octets.
 */
export function restoreForClient(
  out: Uint8Array,
  length: number,
  named: Uint8Array,
  q: ClientQuestion,
  rcode: number,
  edeCode: number,
  edeText: Uint8Array | null,
  sizeLimit: number,
): number {
  const stored = readFlags(out);
  // AD is only for those who show that they know it (RFC 6840 §5.8).
  const wantsAd = q.dnssecOk || (q.flags & FLAG_AD) !== 0;
  const wholeRcode = (rcode & ~RCODE_MASK) | (stored & RCODE_MASK);
  let flags =
    (stored & ~(FOREIGN_FLAGS | RCODE_MASK | (wantsAd ? 0 : FLAG_AD))) |
    FLAG_QR |
    FLAG_RA |
    (q.flags & (FLAG_RD | FLAG_CD)) |
    headerRcode(wholeRcode, q.hasOpt);
  copyOctets(named, HEADER_LENGTH, out, HEADER_LENGTH, q.qnameLength);
  writeId(out, q.id);

  const limit = Math.min(sizeLimit, out.length);
  const room = limit - (q.hasOpt ? OPT_LENGTH : 0);
  let end = length;
  if (end > room) {
    const questionEnd = HEADER_LENGTH + q.qnameLength + 4;
    end = dropAdditional(out, Math.min(length, room), questionEnd);
    if (end < 0) {
      flags = (flags & ~FLAG_AD) | FLAG_TC;
      end = questionEnd;
      writeCounts(out, 1, 0, 0, 0);
    }
  }
  writeFlags(out, flags);
  if (!q.hasOpt) return end;
  const optEnd = writeOpt(out, end, SERVER_UDP_SIZE, wholeRcode, q.dnssecOk);
  if (edeCode < 0 || optEnd + edeOptionLength(edeText) > limit) return optEnd;
  return appendEde(out, end, optEnd, edeCode, edeText);
}

/**
 * Leaves the additional section off an answer and returns where it ends then; −1, nothing changed, if the answer is no shorter
 * than `length` without it. Only additional records may go without TC being set (RFC 2181 §9), and they are none of these in a
 * referral: what is addressed there is needed (RFC 9471).
 */
function dropAdditional(out: Uint8Array, length: number, questionEnd: number): number {
  const answerCount = readAnswerCount(out);
  if (answerCount === 0) return -1;
  let end = questionEnd;
  for (let left = answerCount + readAuthorityCount(out); left > 0; left--) {
    const fixed = skipName(out, length, end);
    if (fixed < 0 || fixed + RR_FIXED_LENGTH > length) return -1;
    end = fixed + RR_FIXED_LENGTH + readUint16(out, fixed + 8);
    if (end > length) return -1;
  }
  writeAdditionalCount(out, 0);
  return end;
}
