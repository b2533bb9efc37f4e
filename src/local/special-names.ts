// Answers to questions for special-use names, made here: no server needs to see them, and a reverse
// zone that points home is a classic loop. Called by the query path for names that no configured
// zone has.
//
//   12                     at the suffix
//   │  3 w w w 4 t e s t 0 │ QTYPE QCLASS │ C0 of the suffix, SOA …
//   └──── QNAME ────────────┘
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { writeUint16, writeUint32 } from '../wire/bytes.ts';
import { Class, EdeCode, Rcode, Type } from '../wire/codes.ts';
import { type Ede, ede } from '../wire/ede.ts';
import { FLAG_AA, FLAG_QR, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import { matchesSuffix, type ParsedQuery } from '../wire/query.ts';
import { SuffixTable } from '../wire/suffix-table.ts';
import { textToName } from '../wire/text.ts';
import { SPECIAL_SUFFIXES, SPECIAL_TOPS, type SpecialSuffix } from './special-suffixes.ts';

const TOPS = SPECIAL_TOPS.map((top) => textToName(top));
/** By the last bits of a label's length (4) and first letter (5): which of TOPS, plus 1. */
const TOP_OF = new Uint8Array(512);
TOPS.forEach((top, i) => {
  TOP_OF[((top[0]! & 0xf) << 5) | (top[1]! & 0x1f)] = i + 1;
});
const SUFFIXES = new SuffixTable<SpecialSuffix>();
for (const [suffix, special] of SPECIAL_SUFFIXES) SUFFIXES.add(textToName(suffix), special);

/** TTL of what is answered here, and how long its absence may be cached (RFC 6303 §3). Seconds. */
const TTL_SECONDS = 10_800;
/** RNAME, serial, refresh, retry, expire and MINIMUM of the SOA that RFC 6303 §3 gives. */
const SOA_NAME = textToName('nobody.invalid');
const SOA_NUMBERS = [1, 3600, 1200, 604_800, TTL_SECONDS];
const LOOPBACK_IPV4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_IPV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Says in each such answer where it comes from. */
export const SPECIAL_NAME_EDE: Ede = ede(
  EdeCode.synthesized,
  new TextEncoder().encode('special-use name, answered here; zones: can give it to a server'),
);

/** Whether the name may be one of them: one look at its last label. Called for each query. */
export function hasSpecialTop(bytes: Uint8Array, q: ParsedQuery): boolean {
  if (q.labelCount === 0) return false;
  const label = q.labelCount - 1;
  const at = q.labelOffsets[label]!;
  // Most names end here: no top has such a length and first letter. Lower case by one bit.
  const top = TOP_OF[((bytes[at]! & 0xf) << 5) | (bytes[at + 1]! & 0x1f)]!;
  return top !== 0 && matchesSuffix(bytes, q, label, TOPS[top - 1]!);
}

export class SpecialNames {
  /** The last answer that find() made, without OPT: room for the longest question and a record. */
  readonly message = WordBytes.ofLength(512);
  #end = 0;

  /**
   * Writes the answer to the question to `message` and returns its length; 0: an upstream's matter.
   * `isPublic`: the servers that would be asked are all on the public Internet.
   */
  find(bytes: Uint8Array, q: ParsedQuery, isPublic: boolean): number {
    const suffix = SUFFIXES.find(bytes, q, 0);
    if (suffix === null || (suffix.mayBePrivate && !isPublic)) return 0;
    const { label } = SUFFIXES;
    // DS is the parent's (RFC 4035 §3.1.4.1). It proves to clients which validate that what is
    // answered here need not be signed (RFC 8375 §4).
    if (label === 0 && suffix.mayBePrivate && q.qtype === Type.DS) return 0;
    this.#answer(bytes, q, label, suffix);
    return this.#end;
  }

  /** `label`: which label of QNAME the suffix starts with. */
  #answer(bytes: Uint8Array, q: ParsedQuery, label: number, { kind }: SpecialSuffix): void {
    const { message } = this;
    copyBytes(bytes, HEADER_LENGTH, message, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
    this.#end = q.questionEnd;
    const apex = q.labelOffsets[label]!;
    const isApex = label === 0;
    let answers = 1;
    if (kind === 'loopback' && q.qtype === Type.A) this.#record(HEADER_LENGTH, Type.A, LOOPBACK_IPV4);
    else if (kind === 'loopback' && q.qtype === Type.AAAA)
      this.#record(HEADER_LENGTH, Type.AAAA, LOOPBACK_IPV6);
    else if (isApex && q.qtype === Type.NS) this.#record(apex, Type.NS, pointerTo(apex));
    else {
      this.#record(apex, Type.SOA, soaOf(apex));
      if (!isApex || q.qtype !== Type.SOA) answers = 0;
    }
    // A zone's own name exists (RFC 8020 §2), as do all names below localhost.
    const isMissing = kind === 'missing' && !isApex;
    writeFlags(message, FLAG_QR | FLAG_AA | (isMissing ? Rcode.NXDOMAIN : Rcode.NOERROR));
    writeCounts(message, 1, answers, 1 - answers, 0);
  }

  /** Appends a record whose owner starts at an offset within the question. */
  #record(owner: number, type: number, rdata: Uint8Array): void {
    const { message } = this;
    const at = this.#end;
    message.set(pointerTo(owner), at);
    writeUint16(message, at + 2, type);
    writeUint16(message, at + 4, Class.IN);
    writeUint32(message, at + 6, TTL_SECONDS);
    writeUint16(message, at + 10, rdata.length);
    message.set(rdata, at + 12);
    this.#end = at + 12 + rdata.length;
  }
}

function pointerTo(offset: number): Uint8Array {
  return Uint8Array.of(0xc0 | (offset >> 8), offset & 0xff);
}

/** RDATA of the SOA of a zone whose name is at that offset. */
function soaOf(apex: number): Uint8Array {
  const rdata = new Uint8Array(2 + SOA_NAME.length + 4 * SOA_NUMBERS.length);
  rdata.set(pointerTo(apex));
  rdata.set(SOA_NAME, 2);
  SOA_NUMBERS.forEach((number, i) => {
    writeUint32(rdata, 2 + SOA_NAME.length + 4 * i, number);
  });
  return rdata;
}
