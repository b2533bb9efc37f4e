// What an entry is looked up and filed by: the question of a query, in a partition. One object is
// filled again for each look-up. RFC 2308 §5: an NXDOMAIN stands for ⟨QNAME, QCLASS⟩, everything
// else for ⟨QNAME, QTYPE, QCLASS⟩.
import { hashNameAndClass, type QuestionKey } from './question-key.ts';

const NXDOMAIN_FLAG = 1 << 16;

export class EntryKey {
  /** A message with QNAME at byte 12, in any letter case. */
  query: Uint8Array = new Uint8Array(0);
  /** QNAME's length with the root's zero byte. */
  qnameLength = 0;
  /** Signed 32 bits. */
  hash = 0;
  partition = 0;
  /** QTYPE << 16 | QCLASS; QTYPE is 0 for an NXDOMAIN. */
  typeAndClass = 0;
  /** NXDOMAIN << 16 | QNAME's length << 8 | keyFlags. */
  nameAndFlags = 0;

  /** The key of the answer to this question. */
  ofQuestion(query: Uint8Array, q: QuestionKey, partition: number): this {
    this.hash = q.keyHash;
    this.typeAndClass = (q.qtype << 16) | q.qclass;
    this.nameAndFlags = (q.qnameLength << 8) | q.keyFlags;
    return this.#of(query, q, partition);
  }

  /** The key of an NXDOMAIN for the question's name. */
  ofName(query: Uint8Array, q: QuestionKey, partition: number): this {
    this.hash = hashNameAndClass(q);
    this.typeAndClass = q.qclass;
    this.nameAndFlags = NXDOMAIN_FLAG | (q.qnameLength << 8) | q.keyFlags;
    return this.#of(query, q, partition);
  }

  #of(query: Uint8Array, q: QuestionKey, partition: number): this {
    this.query = query;
    this.qnameLength = q.qnameLength;
    this.partition = partition;
    return this;
  }
}
