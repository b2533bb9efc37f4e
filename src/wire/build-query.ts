// Queries of our own: upstream queries on behalf of a client, probes and health checks. The caller
// appends OPT with writeOpt() and its options (RFC 1035 §4.1, RFC 6840 §5.7 on AD in queries).
import { copyBytes } from '../base/word-bytes.ts';
import { writeUint16 } from './bytes.ts';
import {
  FLAG_AD,
  FLAG_CD,
  FLAG_RD,
  FLAG_Z,
  HEADER_LENGTH,
  writeCounts,
  writeFlags,
  writeId,
} from './header.ts';

/** The parts of a client's query that are forwarded; ParsedQuery has them. */
export interface ForwardedQuestion {
  readonly flags: number;
  readonly questionEnd: number;
}

/**
 * Writes header and question for an upstream into `out` and returns the length. RD, CD and Z are
 * the client's. AD is always set: we understand it in answers, whatever the client does. The ID is
 * 0 until the exchange sets one.
 */
export function writeUpstreamQuery(out: Uint8Array, source: Uint8Array, q: ForwardedQuestion): number {
  writeId(out, 0);
  writeFlags(out, FLAG_AD | (q.flags & (FLAG_RD | FLAG_CD | FLAG_Z)));
  writeCounts(out, 1, 0, 0, 0);
  copyBytes(source, HEADER_LENGTH, out, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
  return q.questionEnd;
}

/**
 * Writes a question of our own with ID 0 and returns the length. `nameWire`: an uncompressed name,
 * nothing after it.
 */
export function writeQuestion(
  out: Uint8Array,
  nameWire: Uint8Array,
  qtype: number,
  qclass: number,
  flags: number,
): number {
  const nameEnd = HEADER_LENGTH + nameWire.length;
  writeId(out, 0);
  writeFlags(out, flags);
  writeCounts(out, 1, 0, 0, 0);
  copyBytes(nameWire, 0, out, HEADER_LENGTH, nameWire.length);
  writeUint16(out, nameEnd, qtype);
  writeUint16(out, nameEnd + 2, qclass);
  return nameEnd + 4;
}
