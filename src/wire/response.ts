// Parses an upstream's reply in one walk: RCODE, the offsets of its TTLs and its OPT, how long it
// may be kept. Called once per reply (pipeline/response-path); the result object is reused, one per
// thread (RFC 1035 §4.1, RFC 2308 §5).

import { readUint16 } from './bytes.ts';
import { OptionCode, Rcode, Type } from './codes.ts';
import {
  findOption,
  OPT_DO_BYTE,
  OPT_EXTENDED_RCODE_OFFSET,
  OPT_FLAGS_OFFSET,
  OPT_LENGTH,
  OPT_UDP_SIZE_OFFSET,
  optionLengthAt,
} from './edns.ts';
import {
  FLAG_QR,
  FLAG_TC,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_MASK,
  readAdditionalCount,
  readAnswerCount,
  readAuthorityCount,
  readFlags,
  readQuestionCount,
  writeCounts,
} from './header.ts';
import { skipName } from './name.ts';
import { MIN_RR_LENGTH, RR_FIXED_LENGTH } from './rr.ts';
import { readTtl } from './ttl.ts';

/** TTL offsets kept of one message; a message with more records is relayed, not cached. */
export const MAX_TTL_OFFSETS = 4096;

/** Offsets and facts of one reply. Valid until the next scanResponse() into the same object. */
export class ScannedResponse {
  flags = 0;
  /** Extended RCODE: the header's 4 bits, OPT's upper 8 above them. */
  rcode = 0;
  /** First byte after QCLASS; 12 in a bare error without a question. */
  questionEnd = 0;
  /** First byte after the last record; anything after it is ignored. */
  endOffset = 0;
  answerCount = 0;
  authorityCount = 0;
  additionalCount = 0;
  /** Records of the additional section before OPT; all of them without OPT. */
  additionalBeforeOpt = 0;
  /** TC was set. */
  truncated = false;

  hasOpt = false;
  /** Where the OPT record starts. */
  optOffset = 0;
  optEnd = 0;
  /** The message's length without OPT and what follows it; set by stripOpt(). */
  bareLength = 0;
  ednsUdpSize = 0;
  dnssecOk = false;
  /** The first EDE option's bytes (INFO-CODE and EXTRA-TEXT), offset 0 if there is none. */
  edeOffset = 0;
  edeLength = 0;

  /**
   * Offsets of the TTL fields of all records before OPT (stripOpt() cuts off what follows it), and
   * their number.
   */
  readonly ttlOffsets = new Uint16Array(MAX_TTL_OFFSETS);
  ttlCount = 0;
  /**
   * The smallest of these TTLs, seconds; a TTL with the top bit set counts as 0 (RFC 2181 §8). −1
   * without records.
   */
  minTtlSeconds = -1;
  /**
   * min(SOA's TTL, SOA MINIMUM) of the authority section's SOA, seconds; −1 without SOA (RFC 2308
   * §5).
   */
  negativeTtlSeconds = -1;
  /** A record of the asked type (or any, for ANY) is in the answer section. */
  hasAskedType = false;
  /** The answer section holds a CNAME or DNAME. */
  hasAlias = false;
  /** A record of type TSIG or SIG(0) is present: the message must not be changed. */
  signed = false;
}

/** The result of scanResponse(). */
export const ScanVerdict = {
  ok: 0,
  /**
   * Header or question unreadable, or a record is cut off: drop the reply, count it, keep waiting.
   */
  malformed: 1,
  /** Valid as far as read, but with too many records to keep: relay, do not cache. */
  tooManyRecords: 2,
} as const;
export type ScanVerdict = (typeof ScanVerdict)[keyof typeof ScanVerdict];

/** MNAME and RNAME at their shortest, five 32-bit numbers (RFC 1035 §3.3.13). */
const MIN_SOA_LENGTH = 22;
/** SIG(0) covers type 0 (RFC 2931 §3). */
const SIG_COVERS_NOTHING = 0;

/**
 * Reads the reply in bytes[0 … length−1] into `out`. A reply without a question is valid only as an
 * error without records, neither NOERROR nor NXDOMAIN (questionEnd is 12 then): it must not be
 * stored or restored. A TC reply with broken records is ok, but without records.
 */
export function scanResponse(bytes: Uint8Array, length: number, out: ScannedResponse): ScanVerdict {
  reset(out);
  if (length < HEADER_LENGTH) return ScanVerdict.malformed;
  const flags = readFlags(bytes);
  out.flags = flags;
  out.rcode = flags & RCODE_MASK;
  out.truncated = (flags & FLAG_TC) !== 0;
  if ((flags & (FLAG_QR | OPCODE_MASK)) !== FLAG_QR) return ScanVerdict.malformed;
  out.answerCount = readAnswerCount(bytes);
  out.authorityCount = readAuthorityCount(bytes);
  out.additionalCount = readAdditionalCount(bytes);

  const questions = readQuestionCount(bytes);
  let questionEnd = HEADER_LENGTH;
  if (questions === 1) {
    const nameEnd = skipName(bytes, length, HEADER_LENGTH);
    questionEnd = nameEnd + 4;
    if (nameEnd < 0 || questionEnd > length) return ScanVerdict.malformed;
  } else if (questions > 1 || out.answerCount + out.authorityCount !== 0) {
    return ScanVerdict.malformed;
  }
  out.questionEnd = questionEnd;
  out.endOffset = questionEnd;
  const qtype = questions === 1 ? readUint16(bytes, questionEnd - 4) : 0;

  let verdict = scanRecords(bytes, length, qtype, out);
  if (verdict === ScanVerdict.malformed && out.truncated) {
    // Cut off within a record, as old servers do. The data is useless, but TC is valid.
    forgetRecords(out);
    verdict = ScanVerdict.ok;
  }
  // NOERROR and NXDOMAIN are about a name: without one they say nothing.
  if (questions === 0 && (out.rcode === Rcode.NOERROR || out.rcode === Rcode.NXDOMAIN)) {
    return ScanVerdict.malformed;
  }
  return verdict;
}

function scanRecords(bytes: Uint8Array, length: number, qtype: number, out: ScannedResponse): ScanVerdict {
  const authorityFrom = out.answerCount;
  const additionalFrom = authorityFrom + out.authorityCount;
  const count = additionalFrom + out.additionalCount;
  let offset = out.endOffset;
  let kept = 0;
  let minTtlSeconds = -1;
  if (count * MIN_RR_LENGTH > length - offset) return ScanVerdict.malformed;
  for (let i = 0; i < count; i++) {
    const nameOffset = offset;
    const fixedOffset = skipName(bytes, length, nameOffset);
    if (fixedOffset < 0 || fixedOffset + RR_FIXED_LENGTH > length) return ScanVerdict.malformed;
    const rdataOffset = fixedOffset + RR_FIXED_LENGTH;
    const rdataLength = readUint16(bytes, fixedOffset + 8);
    offset = rdataOffset + rdataLength;
    if (offset > length) return ScanVerdict.malformed;
    const type = readUint16(bytes, fixedOffset);
    if (type === Type.OPT) {
      if (i < additionalFrom || bytes[nameOffset] !== 0 || out.hasOpt) return ScanVerdict.malformed;
      out.additionalBeforeOpt = i - additionalFrom;
      readOpt(bytes, nameOffset, offset, out);
      continue;
    }
    if (type === Type.TSIG || (type === Type.SIG && coversNothing(bytes, rdataOffset, rdataLength))) {
      out.signed = true;
    }
    // What follows OPT is cut off with it (stripOpt): its TTLs do not count.
    if (out.hasOpt) continue;
    const ttlSeconds = readTtl(bytes, fixedOffset + 4);
    if (kept < MAX_TTL_OFFSETS) out.ttlOffsets[kept] = fixedOffset + 4;
    kept++;
    if (minTtlSeconds < 0 || ttlSeconds < minTtlSeconds) minTtlSeconds = ttlSeconds;
    if (i < authorityFrom) {
      if (type === qtype || qtype === Type.ANY) out.hasAskedType = true;
      if (type === Type.CNAME || type === Type.DNAME) out.hasAlias = true;
    } else if (type === Type.SOA && i < additionalFrom && out.negativeTtlSeconds < 0) {
      out.negativeTtlSeconds = negativeTtl(bytes, rdataLength, offset, ttlSeconds);
    }
  }
  out.endOffset = offset;
  out.minTtlSeconds = minTtlSeconds;
  if (!out.hasOpt) out.additionalBeforeOpt = out.additionalCount;
  if (kept > MAX_TTL_OFFSETS) {
    out.ttlCount = MAX_TTL_OFFSETS;
    return ScanVerdict.tooManyRecords;
  }
  out.ttlCount = kept;
  return ScanVerdict.ok;
}

function reset(out: ScannedResponse): void {
  out.flags = 0;
  out.rcode = 0;
  out.questionEnd = 0;
  out.endOffset = 0;
  out.truncated = false;
  forgetRecords(out);
}

function forgetRecords(out: ScannedResponse): void {
  out.rcode = out.flags & RCODE_MASK;
  out.answerCount = 0;
  out.authorityCount = 0;
  out.additionalCount = 0;
  out.additionalBeforeOpt = 0;
  out.endOffset = out.questionEnd;
  out.hasOpt = false;
  out.optOffset = 0;
  out.optEnd = 0;
  out.ednsUdpSize = 0;
  out.dnssecOk = false;
  out.edeOffset = 0;
  out.edeLength = 0;
  out.ttlCount = 0;
  out.minTtlSeconds = -1;
  out.negativeTtlSeconds = -1;
  out.hasAskedType = false;
  out.hasAlias = false;
  out.signed = false;
}

/** Reads the complete OPT record in bytes[optOffset … optEnd−1]. */
function readOpt(bytes: Uint8Array, optOffset: number, optEnd: number, out: ScannedResponse): void {
  const optionsOffset = optOffset + OPT_LENGTH;
  out.hasOpt = true;
  out.optOffset = optOffset;
  out.optEnd = optEnd;
  out.ednsUdpSize = readUint16(bytes, optOffset + OPT_UDP_SIZE_OFFSET);
  out.dnssecOk = (bytes[optOffset + OPT_FLAGS_OFFSET]! & OPT_DO_BYTE) !== 0;
  out.rcode |= bytes[optOffset + OPT_EXTENDED_RCODE_OFFSET]! << 4;
  const dataOffset = findOption(bytes, optionsOffset, optEnd - optionsOffset, OptionCode.extendedError);
  // An EDE has at least an INFO-CODE.
  if (dataOffset >= 0 && optionLengthAt(bytes, dataOffset) >= 2) {
    out.edeOffset = dataOffset;
    out.edeLength = optionLengthAt(bytes, dataOffset);
  }
}

function coversNothing(bytes: Uint8Array, rdataOffset: number, rdataLength: number): boolean {
  return rdataLength >= 2 && readUint16(bytes, rdataOffset) === SIG_COVERS_NOTHING;
}

/**
 * min(TTL, MINIMUM), where MINIMUM is the last number of SOA's RDATA; −1 if the RDATA is too short.
 */
function negativeTtl(bytes: Uint8Array, rdataLength: number, rdataEnd: number, ttlSeconds: number): number {
  if (rdataLength < MIN_SOA_LENGTH) return -1;
  const minimum = readTtl(bytes, rdataEnd - 4);
  return Math.min(minimum, ttlSeconds);
}

/**
 * Removes OPT from the scanned message, in place, and returns its length without it. Records behind
 * OPT go too (their names could point behind the cut), and so do bytes after the last record:
 * records can be appended to the result. Counts are set to what remains.
 */
export function stripOpt(bytes: Uint8Array, length: number, scanned: ScannedResponse): number {
  writeCounts(
    bytes,
    readQuestionCount(bytes),
    scanned.answerCount,
    scanned.authorityCount,
    scanned.additionalBeforeOpt,
  );
  const end = scanned.hasOpt ? scanned.optOffset : scanned.endOffset;
  scanned.bareLength = Math.min(end, length);
  return scanned.bareLength;
}
