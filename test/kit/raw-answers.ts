// Answers from bytes alone, for servers of many thousands of queries a second and of queries that
// dns-packet cannot read.
import { questionEnd } from './received-query.ts';

/** An A record for the question's own name. */
export function addressRecord(address: Uint8Array, ttl = 300): Buffer {
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address]);
  record.writeUInt32BE(ttl, 6);
  return record;
}

/** An OPT record without options, for 1,232 bytes. */
export const OPT_RECORD: Buffer = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);

export interface RawAnswerOptions {
  readonly rcode?: number;
  /** With an OPT record. */
  readonly opt?: boolean;
}

/** QR, RD and RA, the question back, and these records. The question must be readable. */
export function rawAnswer(
  query: Uint8Array,
  records: readonly Uint8Array[],
  { rcode = 0, opt = false }: RawAnswerOptions = {},
): Buffer {
  const message = Buffer.concat([
    query.subarray(0, questionEnd(query)),
    ...records,
    opt ? OPT_RECORD : Buffer.alloc(0),
  ]);
  message.writeUInt16BE(0x8180 | rcode, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt16BE(0, 8);
  message.writeUInt16BE(opt ? 1 : 0, 10);
  return message;
}
