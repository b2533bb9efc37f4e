// The numbers of DNS and their names (IANA "Domain Name System (DNS) Parameters"). Names are for
// logs, metrics and the doctor: nothing on the hot path turns a number into a string.

/** Response codes (RFC 1035 §4.1.1, RFC 2136, RFC 6891 §9); those above 15 need OPT. */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;
export type Rcode = (typeof Rcode)[keyof typeof Rcode];

export const Opcode = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/**
 * Record and question types that are named here or in a log; every other type is opaque (RFC 3597).
 */
export const Type = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  SIG: 24,
  KEY: 25,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  CDS: 59,
  CDNSKEY: 60,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;
export type Type = (typeof Type)[keyof typeof Type];

export const Class = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;
export type Class = (typeof Class)[keyof typeof Class];

/** INFO-CODEs of Extended DNS Errors (RFC 8914 §4). */
export const EdeCode = {
  other: 0,
  unsupportedDnskeyAlgorithm: 1,
  unsupportedDsDigestType: 2,
  staleAnswer: 3,
  forgedAnswer: 4,
  dnssecIndeterminate: 5,
  dnssecBogus: 6,
  signatureExpired: 7,
  signatureNotYetValid: 8,
  dnskeyMissing: 9,
  rrsigsMissing: 10,
  noZoneKeyBitSet: 11,
  nsecMissing: 12,
  cachedError: 13,
  notReady: 14,
  blocked: 15,
  censored: 16,
  filtered: 17,
  prohibited: 18,
  staleNxdomainAnswer: 19,
  notAuthoritative: 20,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
  /** IANA's registry. */
  synthesized: 29,
} as const;
export type EdeCode = (typeof EdeCode)[keyof typeof EdeCode];

/** EDNS option codes (RFC 6891 §6.1.2 and the documents named). */
export const OptionCode = {
  /** RFC 5001 */
  nsid: 3,
  /** RFC 7871 */
  clientSubnet: 8,
  /** RFC 7873 */
  cookie: 10,
  /** RFC 7828 */
  tcpKeepalive: 11,
  /** RFC 7830 */
  padding: 12,
  /** RFC 8914 */
  extendedError: 15,
  /** First and last of the range for local or experimental use. */
  localFirst: 65001,
  localLast: 65534,
} as const;
export type OptionCode = (typeof OptionCode)[keyof typeof OptionCode];

/** number → name of a table above. */
function invert(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(table).map(([name, value]) => [value, name]));
}

const RCODE_NAMES = invert(Rcode);
const OPCODE_NAMES = invert(Opcode);
const TYPE_NAMES = invert(Type);
const CLASS_NAMES = invert(Class);
const EDE_NAMES = invert(EdeCode);

/** "NXDOMAIN", or "RCODE12" for a number without a name. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}

/** "QUERY", or "OPCODE3". */
export function opcodeName(opcode: number): string {
  return OPCODE_NAMES.get(opcode) ?? `OPCODE${opcode}`;
}

/** "AAAA", or "TYPE65280" (RFC 3597 §5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** "IN", or "CLASS32" (RFC 3597 §5). */
export function className(qclass: number): string {
  return CLASS_NAMES.get(qclass) ?? `CLASS${qclass}`;
}

/** "networkError", or "EDE99". */
export function edeName(infoCode: number): string {
  return EDE_NAMES.get(infoCode) ?? `EDE${infoCode}`;
}
