// What a cached answer is found by: the question (its octets stand in the query) and the flags the answer depends on.
// RFC 2308 §5: a name that does not exist is kept for ⟨QNAME, QCLASS⟩, everything else for ⟨QNAME, QTYPE, QCLASS⟩.
import { HEADER_LENGTH } from '../wire/header.ts';
import { avalanche, mixOctet, ROOT_HASH } from '../wire/name.ts';

/** The numbers of a question that the cache needs besides the query's octets; a ParsedQuery has them. */
export interface QuestionKey {
  /** QNAME's length with the root's zero octet; it stands at 12 in the query. */
  readonly qnameLength: number;
  readonly qtype: number;
  readonly qclass: number;
  /** Signed 32-bit hash of name (folded), type, class and keyFlags. */
  readonly keyHash: number;
  /** KEY_DO and its like (wire/query.ts), below 256. */
  readonly keyFlags: number;
}

/** Signed 32-bit hash of name (folded), class and keyFlags: where an NXDOMAIN is looked for, whatever the type asked. */
export function hashNameAndClass(query: Uint8Array, q: QuestionKey): number {
  let hash = ROOT_HASH;
  const end = HEADER_LENGTH + q.qnameLength;
  for (let i = HEADER_LENGTH; i < end; i++) hash = mixOctet(hash, query[i]!);
  return avalanche(hash, (q.qclass << 8) ^ q.keyFlags);
}
