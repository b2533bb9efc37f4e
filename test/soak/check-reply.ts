// Judges one reply against the truth: header, question to the letter, records to the byte, TTLs,
// OPT, size.
import { FLAG_QR, FLAG_RA, FLAG_RD, FLAG_TC, HEADER_LENGTH, readFlags } from '../../src/wire/header.ts';
import { type Truth, truthOf } from './truth.ts';

/** `error`: SERVFAIL or REFUSED, in good form. `stale`: true, and said to be old (EDE 3 or 19). */
export type Verdict = 'good' | 'stale' | 'truncated' | 'error';

const OPT_FIXED_LENGTH = 11;
/** Where TTL stands in a record: behind the pointer that is its owner, TYPE and CLASS. */
const TTL_OFFSET = 6;
const RCODE_SERVFAIL = 2;
const RCODE_REFUSED = 5;
const OPTION_EDE = 15;
const EDE_STALE = 3;
const EDE_STALE_NXDOMAIN = 19;

/** What is wrong with a reply. */
export interface Fault {
  readonly wrong: string;
}

/** `sizeLimit`: the longest answer that this query's client takes. */
export function checkReply(
  query: Buffer,
  hasOpt: boolean,
  sizeLimit: number,
  reply: Buffer,
): Verdict | Fault {
  const questionLength = query.length - HEADER_LENGTH - (hasOpt ? OPT_FIXED_LENGTH : 0);
  const end = HEADER_LENGTH + questionLength;
  if (reply.length > sizeLimit) return { wrong: `${reply.length} bytes, more than ${sizeLimit}` };
  if (reply.length < end) return { wrong: 'cut off' };
  if (reply.readUInt16BE(0) !== query.readUInt16BE(0)) return { wrong: 'another ID' };
  if (reply.readUInt16BE(4) !== 1 || reply.compare(query, HEADER_LENGTH, end, HEADER_LENGTH, end) !== 0)
    return { wrong: 'another question, or in another case' };
  const flags = readFlags(reply);
  if ((flags & FLAG_QR) === 0 || (flags & FLAG_RA) === 0 || (flags & FLAG_RD) === 0 || (flags & 0x7840) !== 0)
    return { wrong: `flags ${flags.toString(16)}` };
  const rcode = flags & 0xf;
  const [answers, authorities, additionals] = [6, 8, 10].map((offset) => reply.readUInt16BE(offset)) as [
    number,
    number,
    number,
  ];
  if (additionals !== (hasOpt ? 1 : 0)) return { wrong: `${additionals} additional records` };
  const truth = truthOf(query, query.length)!;
  const isError = rcode === RCODE_SERVFAIL || rcode === RCODE_REFUSED;
  const isCut = (flags & FLAG_TC) !== 0;
  if (isCut && answers > truth.answers) return { wrong: `${answers} answers, of ${truth.answers}` };
  const recordsLength = isError ? 0 : isCut ? answersLength(truth, answers) : truth.records.length;
  const ede = hasOpt ? readEde(reply, end + recordsLength) : -1;
  if (hasOpt ? ede === -2 : reply.length !== end + recordsLength)
    return { wrong: 'OPT, or bytes behind the end' };
  if (isError) return answers + authorities === 0 ? 'error' : { wrong: 'records where there may be none' };
  if (rcode !== truth.rcode) return { wrong: `RCODE ${rcode} instead of ${truth.rcode}` };
  if (isCut) {
    // Whole answers, from the first one on, and nothing else.
    if (authorities !== 0) return { wrong: 'records where there may be none' };
    const cut = checkRecords(reply, end, truth, recordsLength);
    if (cut !== null) return { wrong: cut };
    const whole = end + truth.records.length + (hasOpt ? OPT_FIXED_LENGTH : 0);
    return whole > sizeLimit ? 'truncated' : { wrong: `TC, though ${whole} bytes fit` };
  }
  if (answers !== truth.answers || authorities !== truth.authorities) return { wrong: 'counts of records' };
  const wrong = checkRecords(reply, end, truth, recordsLength);
  if (wrong !== null) return { wrong };
  return ede === EDE_STALE || ede === EDE_STALE_NXDOMAIN ? 'stale' : 'good';
}

/** The bytes that the first `count` answers take. */
function answersLength({ records, ttlOffsets }: Truth, count: number): number {
  return count < ttlOffsets.length ? ttlOffsets[count]! - TTL_OFFSET : records.length;
}

/**
 * The TTL may have gone down, and nothing else may differ, in the first `length` bytes of the
 * records.
 */
function checkRecords(reply: Buffer, start: number, truth: Truth, length: number): string | null {
  const records = Buffer.from(reply.subarray(start, start + length));
  for (const offset of truth.ttlOffsets.filter((at) => at < length)) {
    const ttlSeconds = records.readUInt32BE(offset);
    if (ttlSeconds > truth.ttlSeconds) return `TTL ${ttlSeconds}, more than ${truth.ttlSeconds}`;
    records.writeUInt32BE(truth.ttlSeconds, offset);
  }
  return records.equals(truth.records.subarray(0, length)) ? null : 'records';
}

/**
 * The INFO-CODE of the EDE in the OPT record that must stand here and end the message; −1: none;
 * −2: it is not sound.
 */
function readEde(reply: Buffer, offset: number): number {
  if (reply.length < offset + OPT_FIXED_LENGTH) return -2;
  if (reply[offset] !== 0 || reply.readUInt16BE(offset + 1) !== 41) return -2;
  let at = offset + OPT_FIXED_LENGTH;
  if (at + reply.readUInt16BE(at - 2) !== reply.length) return -2;
  let ede = -1;
  while (at < reply.length) {
    if (at + 4 > reply.length) return -2;
    const optionLength = reply.readUInt16BE(at + 2);
    if (at + 4 + optionLength > reply.length) return -2;
    if (reply.readUInt16BE(at) === OPTION_EDE) ede = reply.readUInt16BE(at + 4);
    at += 4 + optionLength;
  }
  return ede;
}
