// The part of a name that stands for its owner: what one owner's servers do teaches nothing about
// other owners' names. There is no list of public suffixes here, so this is a guess, and rather too
// narrow: then the same lesson is learned twice. Too wide, one owner could speak for another.
import { hashLabel, ROOT_HASH } from './name-hash.ts';
import type { ParsedQuery } from './query.ts';

/**
 * An owner's name has two labels, or three where the second to last is short (co.uk, com.au,
 * eu.org): 2 letters, or 3 before the two letters of a country.
 */
const LABELS = 2;
const COUNTRY_LENGTH = 2;
/** 2.0.192.in-addr.arpa, a /24, has one owner; so has a /48, twelve nibbles below ip6.arpa. */
const IN_ADDR_LABELS = 5;
const IP6_LABELS = 14;
const IP6_LENGTH = 3;

/** Position in labelOffsets of the first label of the part of QNAME that identifies its owner. */
export function domainLabel(bytes: Uint8Array, q: ParsedQuery): number {
  const { labelCount: count, labelOffsets } = q;
  if (count <= LABELS) return 0;
  if (isArpa(bytes, labelOffsets[count - 1]!)) {
    const isIp6 = bytes[labelOffsets[count - 2]!] === IP6_LENGTH;
    return Math.max(0, count - (isIp6 ? IP6_LABELS : IN_ADDR_LABELS));
  }
  const isCountry = bytes[labelOffsets[count - 1]!] === COUNTRY_LENGTH;
  const isShort = bytes[labelOffsets[count - LABELS]!]! <= (isCountry ? 3 : 2);
  return count - LABELS - (isShort ? 1 : 0);
}

/** Hash of QNAME from a label on, ignoring case. Meaningless outside its thread. */
export function domainHash(bytes: Uint8Array, q: ParsedQuery, firstLabel: number): number {
  let hash = ROOT_HASH;
  for (let label = q.labelCount - 1; label >= firstLabel; label--)
    hash = hashLabel(hash, bytes, q.labelOffsets[label]!, q.labelOffsets[label + 1]!);
  return hash;
}

/** "arpa", in any case: a label length is no letter, so folding by one bit is enough here. */
function isArpa(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 4 &&
    (bytes[at + 1]! | 0x20) === 0x61 &&
    (bytes[at + 2]! | 0x20) === 0x72 &&
    (bytes[at + 3]! | 0x20) === 0x70 &&
    (bytes[at + 4]! | 0x20) === 0x61
  );
}
