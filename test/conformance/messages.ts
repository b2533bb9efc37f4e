// Queries that no ordinary client sends, byte by byte, and what to look for in answers.
import { type Answer, type Question, queryBytes } from '../kit/dns-client.ts';
import { questionEnd } from '../kit/received-query.ts';
import { rcodeName } from './rcode-names.ts';
import { must } from './shortfall.ts';

export const FORMERR = 1;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const NOTIMP = 4;
export const REFUSED = 5;
export const BADVERS = 16;

export const FLAG = { Z: 0x0040, AD: 0x0020, CD: 0x0010, RD: 0x0100, TC: 0x0200, AA: 0x0400, QR: 0x8000 };

/** A query with more bits in its header. */
export function flagged(question: Question, bits: number): Buffer {
  const bytes = queryBytes(question);
  bytes.writeUInt16BE(bytes.readUInt16BE(2) | bits, 2);
  return bytes;
}

/** A query with another opcode. */
export function withOpcode(question: Question, opcode: number): Buffer {
  return flagged(question, opcode << 11);
}

/** A query whose OPT has this version and these flags. */
export function withEdns(question: Question, version: number, flags = 0): Buffer {
  const bytes = queryBytes(question);
  const optOffset = questionEnd(bytes);
  bytes[optOffset + 6] = version;
  bytes.writeUInt16BE(bytes.readUInt16BE(optOffset + 7) | flags, optOffset + 7);
  return bytes;
}

/** A query with records behind it, which count as additional. */
export function withAdditional(question: Question, ...records: Uint8Array[]): Buffer {
  const bytes = Buffer.concat([queryBytes(question), ...records]);
  bytes.writeUInt16BE(bytes.readUInt16BE(10) + records.length, 10);
  return bytes;
}

/** A message with one of its counts (0: QDCOUNT … 3: ARCOUNT) set to any number. */
export function withCount(bytes: Buffer, section: 0 | 1 | 2 | 3, count: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(count, 4 + 2 * section);
  return copy;
}

/** Header and given bytes as the question section of one. */
export function withQuestionBytes(bytes: Uint8Array): Buffer {
  const header = queryBytes({ name: '.', edns: false }).subarray(0, 12);
  return Buffer.concat([header, bytes]);
}

/** The reserved bit of the header. */
export function hasZ(answer: Answer): boolean {
  return (answer.bytes[3]! & 0x40) !== 0;
}

/**
 * OPT's VERSION and flags; null without OPT. OPT is looked for from behind: answers here end with
 * it.
 */
export function ednsOf(answer: Answer): { version: number; flags: number } | null {
  if (answer.opt === null) return null;
  const { bytes } = answer;
  for (let at = bytes.length - 11; at >= 12; at--) {
    const isOpt = bytes[at] === 0 && bytes.readUInt16BE(at + 1) === 41;
    if (isOpt && at + 11 + bytes.readUInt16BE(at + 9) === bytes.length)
      return { version: bytes[at + 6]!, flags: bytes.readUInt16BE(at + 7) };
  }
  return null;
}

/** The answer has this RCODE. */
export function mustBe(answer: Answer, rcode: number): void {
  must(answer.rcode === rcode, rcodeName(answer.rcode));
}

/** The answer is NOERROR and has that many answer records. */
export function mustAnswer(answer: Answer, count = 1): void {
  mustBe(answer, 0);
  must(!answer.truncated, 'TC');
  must(answer.answers.length === count, `${answer.answers.length} answer records`);
}

/**
 * Answer and authority section without TTLs and spelling: two answers that came from one upstream
 * reply have the same.
 */
export function dataOf(answer: Answer): string {
  const records = [...answer.answers, ...answer.authorities];
  return JSON.stringify(records.map((record) => ({ ...record, ttl: 0 }))).toLowerCase();
}

/** The second answer is the first, kept. The upstream must have answered differently each time. */
export function mustBeKept(first: Answer, second: Answer): void {
  must(dataOf(first) === dataOf(second), 'not kept');
}

/**
 * The upstream was asked again for the second answer. It must have answered differently each time.
 */
export function mustBeFresh(first: Answer, second: Answer): void {
  must(dataOf(first) !== dataOf(second), 'kept');
}

/** The addresses in the answer section. */
export function addressesOf(answer: Answer): string[] {
  return answer.answers.flatMap((record) => (record.type === 'A' ? [record.data] : []));
}

/** Whether these bytes stand somewhere in a message. */
export function contains(message: Buffer, bytes: Uint8Array): boolean {
  return message.includes(Buffer.from(bytes));
}
