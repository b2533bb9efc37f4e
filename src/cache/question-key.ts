// What a cached answer is found by: the question (its bytes are in the query) and the flags that
// the answer depends on. RFC 2308 §5: an NXDOMAIN is kept for ⟨QNAME, QCLASS⟩, everything else for
// ⟨QNAME, QTYPE, QCLASS⟩.
import { avalanche } from '../wire/name-hash.ts';

/**
 * The numbers of a question that the cache needs besides the query's bytes; a ParsedQuery has them.
 */
export interface QuestionKey {
  /** QNAME's length with the root's zero byte; it starts at 12 in the query. */
  readonly qnameLength: number;
  readonly qtype: number;
  readonly qclass: number;
  /** Signed 32-bit hash of the folded name alone. */
  readonly nameHash: number;
  /** Signed 32-bit hash of name (folded), type, class and keyFlags. */
  readonly keyHash: number;
  /** KEY_DO and the other key flags (wire/query.ts), below 256. */
  readonly keyFlags: number;
}

/**
 * Signed 32-bit hash of name (folded), class and keyFlags: an NXDOMAIN is filed under it, for every
 * type.
 */
export function hashNameAndClass(q: Pick<QuestionKey, 'nameHash' | 'qclass' | 'keyFlags'>): number {
  return avalanche(q.nameHash, (q.qclass << 8) ^ q.keyFlags);
}
