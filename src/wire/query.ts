// Parses an incoming query in one walk: offsets only, nothing is copied. Called once per packet
// (pipeline/query-path); the result object is reused, one per thread (RFC 1035 §4.1, RFC 6891 §6.1,
// RFC 9619).

import { equalBytes, readUint16 } from './bytes.ts';
import { Type } from './codes.ts';
import {
  OPT_DO_BYTE,
  OPT_FLAGS_OFFSET,
  OPT_LENGTH,
  OPT_RDLENGTH_OFFSET,
  OPT_UDP_SIZE_OFFSET,
  OPT_VERSION_OFFSET,
} from './edns.ts';
import {
  FLAG_CD,
  FLAG_QR,
  FLAG_RD,
  FLAG_Z,
  HEADER_LENGTH,
  OPCODE_MASK,
  readAdditionalCount,
  readAnswerCount,
  readAuthorityCount,
  readFlags,
  readId,
  readQuestionCount,
} from './header.ts';
import { equalNamesFolded, MAX_NAME_LENGTH, skipName } from './name.ts';
import { avalanche, hashName } from './name-hash.ts';
import { MIN_RR_LENGTH, RR_FIXED_LENGTH } from './rr.ts';

export { equalBytes } from './bytes.ts';
export { MAX_NAME_LENGTH } from './name.ts';

/** What to do with a received message. Values index metrics: append only. */
export const QueryVerdict = {
  /** A valid question: it can be answered or forwarded. */
  ok: 0,
  /** Shorter than a header: dropped silently. */
  tooShort: 1,
  /** QR=1: dropped silently, on every transport (RFC 1035 §7.3, CVE-2024-2169). */
  response: 2,
  /** Opcode other than QUERY: NOTIMP. */
  opcode: 3,
  /** QDCOUNT ≠ 1: FORMERR (RFC 9619 §4). */
  questionCount: 4,
  /**
   * QNAME over 255 bytes, label over 63, compressed or cut off, or QTYPE/QCLASS missing: FORMERR.
   */
  badQuestion: 5,
  /** A record is cut off, or the counts do not fit the message: FORMERR. */
  badRecord: 6,
  /**
   * Two OPT records, an OPT outside the additional section or with a name other than the root:
   * FORMERR (RFC 6891 §6.1.1).
   */
  badOpt: 7,
  /** EDNS version above 0: BADVERS (RFC 6891 §6.1.3). */
  badVersion: 8,
  /** QTYPE that a forwarder does not serve (AXFR, IXFR, OPT as a type …): NOTIMP or REFUSED. */
  badType: 9,
} as const;
export type QueryVerdict = (typeof QueryVerdict)[keyof typeof QueryVerdict];

/** Bits of ParsedQuery.keyFlags: what the answer depends on besides the question. */
export const KEY_DO = 1;
export const KEY_CD = 2;
export const KEY_RD = 4;
export const KEY_Z = 8;

/**
 * Offsets and flags of one query. Valid until the next parseQuery() into the same object. All
 * offsets are from the message's start.
 */
export class ParsedQuery {
  id = 0;
  /** Header bytes 2–3 as one number: QR OPCODE AA TC RD | RA Z AD CD RCODE. */
  flags = 0;
  /**
   * QNAME's length with the root's zero byte; QNAME is at 12 … 12 + qnameLength − 1. 0 if the
   * question was unreadable.
   */
  qnameLength = 0;
  /** First byte after QCLASS; 0 if the question was unreadable. */
  questionEnd = 0;
  qtype = 0;
  qclass = 0;
  /** Labels in QNAME, without the root. */
  labelCount = 0;
  /**
   * labelOffsets[i]: the offset of label i, leftmost first; labelOffsets[labelCount]: the root's
   * zero byte.
   */
  readonly labelOffsets = new Uint16Array(128);
  /** Seeded hash of the name (name-hash.ts): the same in every letter case. */
  nameHash = 0;
  /**
   * nameHash mixed with QTYPE, QCLASS and keyFlags: the key of cache and coalescing (signed 32
   * bit).
   */
  keyHash = 0;
  /** KEY_DO | KEY_CD | KEY_RD | KEY_Z. */
  keyFlags = 0;
  /** QNAME has an upper-case letter (so it could carry a case pattern). */
  hasUpperCase = false;

  hasOpt = false;
  /** Offset of the OPT record's (root) name; 0 without OPT. */
  optOffset = 0;
  ednsVersion = 0;
  dnssecOk = false;
  /** UDP payload size that the client accepts: ≥ 512; 512 without OPT. */
  udpSize = 512;
  /** The options' bytes in OPT's RDATA (codes, lengths, data). */
  optionsOffset = 0;
  optionsLength = 0;

  /**
   * The message has records besides question and OPT (TSIG, SIG(0), answers …): it and its answer
   * are forwarded unchanged except for the ID, and neither is cached or coalesced (RFC 5625 §4.5).
   */
  opaque = false;
}

/** QTYPE and QCLASS, bytes. */
const QUESTION_FIXED_LENGTH = 4;
/** The smallest UDP size of a client (RFC 6891 §6.2.3: anything less means this). */
const MIN_UDP_SIZE = 512;
/** Offset of the last byte where QNAME's closing zero may stand. */
const LAST_NAME_OFFSET = HEADER_LENGTH + MAX_NAME_LENGTH - 1;

/**
 * Reads the query in bytes[0 … length−1] into `out`. On a verdict other than ok, `out` has what was
 * read up to there: ID and flags always (except for tooShort), the question if questionEnd ≠ 0, the
 * OPT record if hasOpt. Bytes after the last record are ignored: they are never forwarded, except
 * in an opaque message.
 */
export function parseQuery(bytes: Uint8Array, length: number, out: ParsedQuery): QueryVerdict {
  out.qnameLength = 0;
  out.questionEnd = 0;
  out.qtype = 0;
  out.qclass = 0;
  out.labelCount = 0;
  out.nameHash = 0;
  out.keyHash = 0;
  out.keyFlags = 0;
  out.hasUpperCase = false;
  out.hasOpt = false;
  out.optOffset = 0;
  out.ednsVersion = 0;
  out.dnssecOk = false;
  out.udpSize = MIN_UDP_SIZE;
  out.optionsOffset = 0;
  out.optionsLength = 0;
  out.opaque = false;
  if (length < HEADER_LENGTH) {
    out.id = 0;
    out.flags = 0;
    return QueryVerdict.tooShort;
  }
  const flags = readFlags(bytes);
  out.id = readId(bytes);
  out.flags = flags;
  if ((flags & (FLAG_QR | OPCODE_MASK)) !== 0) {
    return (flags & FLAG_QR) !== 0 ? QueryVerdict.response : QueryVerdict.opcode;
  }
  if (readQuestionCount(bytes) !== 1) return QueryVerdict.questionCount;
  if (!readQuestion(bytes, length, out)) return QueryVerdict.badQuestion;

  const earlier = readAnswerCount(bytes) + readAuthorityCount(bytes);
  const additional = readAdditionalCount(bytes);
  if (earlier + additional !== 0) {
    // Nearly every query with records has only one, OPT.
    const verdict =
      earlier === 0 && additional === 1 && isPlainOpt(bytes, length, out.questionEnd)
        ? readOpt(bytes, out.questionEnd, out)
        : readRecords(bytes, length, out, earlier, additional);
    if (verdict !== QueryVerdict.ok) return verdict;
  }

  out.keyFlags =
    (out.dnssecOk ? KEY_DO : 0) |
    ((flags & FLAG_CD) !== 0 ? KEY_CD : 0) |
    ((flags & FLAG_RD) !== 0 ? KEY_RD : 0) |
    ((flags & FLAG_Z) !== 0 ? KEY_Z : 0);
  out.keyHash = avalanche(out.nameHash + out.keyFlags, (out.qtype << 16) | out.qclass);
  const qtype = out.qtype;
  if (qtype === Type.OPT || qtype === Type.AXFR || qtype === Type.IXFR) return QueryVerdict.badType;
  return QueryVerdict.ok;
}

/**
 * Reads QNAME, its labels and its hash, QTYPE and QCLASS. There is nothing before QNAME to point
 * to, so it is not compressed.
 */
function readQuestion(bytes: Uint8Array, length: number, out: ParsedQuery): boolean {
  const labelOffsets = out.labelOffsets;
  let offset = HEADER_LENGTH;
  let count = 0;
  for (;;) {
    if (offset >= length || offset > LAST_NAME_OFFSET) return false;
    const labelLength = bytes[offset]!;
    labelOffsets[count] = offset;
    if (labelLength === 0) break;
    if (labelLength > 63) return false;
    count++;
    offset += labelLength + 1;
  }
  const questionEnd = offset + 1 + QUESTION_FIXED_LENGTH;
  if (questionEnd > length) return false;

  const qnameLength = offset + 1 - HEADER_LENGTH;
  hashName(bytes, HEADER_LENGTH, qnameLength, out);
  out.labelCount = count;
  out.qnameLength = qnameLength;
  out.qtype = readUint16(bytes, offset + 1);
  out.qclass = readUint16(bytes, offset + 3);
  out.questionEnd = questionEnd;
  return true;
}

/** Whether a complete OPT record owned by the root is at `offset`. */
function isPlainOpt(bytes: Uint8Array, length: number, offset: number): boolean {
  return (
    offset + OPT_LENGTH <= length &&
    bytes[offset] === 0 &&
    bytes[offset + 1] === 0 &&
    bytes[offset + 2] === Type.OPT &&
    offset + OPT_LENGTH + readUint16(bytes, offset + OPT_RDLENGTH_OFFSET) <= length
  );
}

/** Reads a complete OPT record. */
function readOpt(bytes: Uint8Array, optOffset: number, out: ParsedQuery): QueryVerdict {
  const udpSize = readUint16(bytes, optOffset + OPT_UDP_SIZE_OFFSET);
  out.hasOpt = true;
  out.optOffset = optOffset;
  out.udpSize = Math.max(udpSize, MIN_UDP_SIZE);
  out.ednsVersion = bytes[optOffset + OPT_VERSION_OFFSET]!;
  out.dnssecOk = (bytes[optOffset + OPT_FLAGS_OFFSET]! & OPT_DO_BYTE) !== 0;
  out.optionsOffset = optOffset + OPT_LENGTH;
  out.optionsLength = readUint16(bytes, optOffset + OPT_RDLENGTH_OFFSET);
  return out.ednsVersion === 0 ? QueryVerdict.ok : QueryVerdict.badVersion;
}

/**
 * Walks records of any kind: `earlier` of them in the answer and authority sections, then
 * `additional`.
 */
function readRecords(
  bytes: Uint8Array,
  length: number,
  out: ParsedQuery,
  earlier: number,
  additional: number,
): QueryVerdict {
  let offset = out.questionEnd;
  let verdict: QueryVerdict = QueryVerdict.ok;
  const count = earlier + additional;
  if (count * MIN_RR_LENGTH > length - offset) return QueryVerdict.badRecord;
  for (let i = 0; i < count; i++) {
    const nameOffset = offset;
    const fixedOffset = skipName(bytes, length, nameOffset);
    if (fixedOffset < 0 || fixedOffset + RR_FIXED_LENGTH > length) return QueryVerdict.badRecord;
    offset = fixedOffset + RR_FIXED_LENGTH + readUint16(bytes, fixedOffset + 8);
    if (offset > length) return QueryVerdict.badRecord;
    if (readUint16(bytes, fixedOffset) !== Type.OPT) {
      out.opaque = true;
    } else {
      if (i < earlier || bytes[nameOffset] !== 0 || out.hasOpt) return QueryVerdict.badOpt;
      verdict = readOpt(bytes, nameOffset, out);
    }
  }
  return verdict;
}

/**
 * Whether two messages ask the same question: names without case, type and class exactly.
 * `questionEnd` is the same in both.
 */
export function equalQuestions(a: Uint8Array, b: Uint8Array, questionEnd: number): boolean {
  const fixedOffset = questionEnd - QUESTION_FIXED_LENGTH;
  return (
    equalBytes(a, fixedOffset, b, fixedOffset, QUESTION_FIXED_LENGTH) &&
    equalNamesFolded(a, HEADER_LENGTH, b, HEADER_LENGTH, fixedOffset - HEADER_LENGTH)
  );
}

/** Whether QNAME from label `labelIndex` on equals this uncompressed wire name, ignoring case. */
export function matchesSuffix(
  bytes: Uint8Array,
  q: ParsedQuery,
  labelIndex: number,
  zoneWireName: Uint8Array,
): boolean {
  const offset = q.labelOffsets[labelIndex]!;
  return (
    HEADER_LENGTH + q.qnameLength - offset === zoneWireName.length &&
    equalNamesFolded(bytes, offset, zoneWireName, 0, zoneWireName.length)
  );
}
