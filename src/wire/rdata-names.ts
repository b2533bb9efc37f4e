// Where names stand in the RDATA of each type, and whether they may be compressed (RFC 3597 §4).
// Called by question-names, once per record of a reply.
import { Type } from './codes.ts';

/**
 * The offset of the names in a type's RDATA, for types whose names may be compressed; −1: it is
 * none of these.
 */
export function compressibleAt(type: number): number {
  switch (type) {
    case Type.NS:
    case Type.CNAME:
    case Type.PTR:
    case Type.SOA:
      return 0;
    case Type.MX:
      return 2;
    default:
      return -1;
  }
}

/**
 * The offset of a name that the type never compresses, and that signatures cover in lower case (RFC
 * 4034 §6.2); −1: it has none.
 */
export function writtenOutAt(type: number): number {
  switch (type) {
    case Type.DNAME:
      return 0;
    case Type.SRV:
      return 6;
    case Type.RRSIG:
      return 18;
    default:
      return -1;
  }
}

/**
 * Other types whose RDATA never points elsewhere in the message, so that what comes before them
 * may become shorter.
 */
export const WITHOUT_POINTERS: ReadonlySet<number> = new Set([
  Type.A,
  Type.AAAA,
  Type.TXT,
  Type.HINFO,
  Type.DS,
  Type.DNSKEY,
  Type.NSEC,
  Type.NSEC3,
  Type.NSEC3PARAM,
  Type.TLSA,
  Type.SVCB,
  Type.HTTPS,
  Type.CAA,
  Type.DNAME,
  Type.RRSIG,
]);
