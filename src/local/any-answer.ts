// The answer to a question of type ANY, made here (RFC 8482 §4.2): one small HINFO record. An
// upstream's whole answer is what attacks by reflection ask for; resolvers refuse it or are slow.
// Called by the local path, where local.any says so.
//
//   12                           questionEnd
//   │ QNAME │ ANY │ IN │ C0 0C │ HINFO IN TTL │ 7 R F C 8 4 8 2 │ 0 │
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { writeUint16, writeUint32 } from '../wire/bytes.ts';
import { Class, Type } from '../wire/codes.ts';
import { FLAG_QR, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import type { ParsedQuery } from '../wire/query.ts';

/** It says nothing that could change; asked again after an hour. */
const TTL_SECONDS = 3600;
/** CPU "RFC8482", OS "" (RFC 8482 §4.2). */
const RDATA = Uint8Array.of(7, ...new TextEncoder().encode('RFC8482'), 0);

export class AnyAnswer {
  /** The last answer that make() made, without OPT. It has room for the longest question. */
  readonly message = WordBytes.ofLength(512);

  /** Writes the answer to the question to `message`, and returns its length. */
  make(bytes: Uint8Array, q: ParsedQuery): number {
    const { message } = this;
    copyBytes(bytes, HEADER_LENGTH, message, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
    writeFlags(message, FLAG_QR);
    writeCounts(message, 1, 1, 0, 0);
    const at = q.questionEnd;
    writeUint16(message, at, 0xc000 | HEADER_LENGTH);
    writeUint16(message, at + 2, Type.HINFO);
    writeUint16(message, at + 4, Class.IN);
    writeUint32(message, at + 6, TTL_SECONDS);
    writeUint16(message, at + 10, RDATA.length);
    message.set(RDATA, at + 12);
    return at + 12 + RDATA.length;
  }
}
