// What an entry is looked up and filed by: the question of a query, in a partition. One object is
// filled again for each look-up. RFC 2308 §5: an NXDOMAIN stands for ⟨QNAME, QCLASS⟩, everything
// else for ⟨QNAME, QTYPE, QCLASS⟩.
import { HEADER_LENGTH } from '../wire/header.ts';
import { hashName } from '../wire/name-hash.ts';
import { hashNameAndClass, type QuestionKey } from './question-key.ts';

const NXDOMAIN_FLAG = 1 << 16;

export class EntryKey {
  /** A message with the name in it, in any letter case. */
  query: Uint8Array = new Uint8Array(0);
  /** Where the name starts: QNAME at 12, or one of the names above it. */
  nameOffset = HEADER_LENGTH;
  /** That name's length with the root's zero byte. */
  qnameLength = 0;
  /** Signed 32 bits. */
  hash = 0;
  partition = 0;
  /** QTYPE << 16 | QCLASS; QTYPE is 0 for an NXDOMAIN. */
  typeAndClass = 0;
  /** NXDOMAIN << 16 | QNAME's length << 8 | keyFlags. */
  nameAndFlags = 0;
  readonly #above = { nameHash: 0, hasUpperCase: false, qclass: 0, keyFlags: 0 };

  /** The key of the answer to this question. */
  ofQuestion(query: Uint8Array, q: QuestionKey, partition: number): this {
    this.hash = q.keyHash;
    this.typeAndClass = (q.qtype << 16) | q.qclass;
    this.nameAndFlags = (q.qnameLength << 8) | q.keyFlags;
    return this.#of(query, HEADER_LENGTH, q.qnameLength, partition);
  }

  /** The key of an NXDOMAIN for the question's name. */
  ofName(query: Uint8Array, q: QuestionKey, partition: number): this {
    this.hash = hashNameAndClass(q);
    this.typeAndClass = q.qclass;
    this.nameAndFlags = NXDOMAIN_FLAG | (q.qnameLength << 8) | q.keyFlags;
    return this.#of(query, HEADER_LENGTH, q.qnameLength, partition);
  }

  /** The key of an NXDOMAIN for a name above QNAME: the one that starts at `offset`. */
  ofNameAbove(query: Uint8Array, q: QuestionKey, partition: number, offset: number): this {
    const length = HEADER_LENGTH + q.qnameLength - offset;
    const above = this.#above;
    above.qclass = q.qclass;
    above.keyFlags = q.keyFlags;
    hashName(query, offset, length, above);
    this.hash = hashNameAndClass(above);
    this.typeAndClass = q.qclass;
    this.nameAndFlags = NXDOMAIN_FLAG | (length << 8) | q.keyFlags;
    return this.#of(query, offset, length, partition);
  }

  #of(query: Uint8Array, nameOffset: number, qnameLength: number, partition: number): this {
    this.query = query;
    this.nameOffset = nameOffset;
    this.qnameLength = qnameLength;
    this.partition = partition;
    return this;
  }
}
