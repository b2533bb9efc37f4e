// Answers from the records of the configuration (local.records, local.hosts). Names come from
// clients: any byte may be in a label. Loaded only where there are records.
//
//   12
//   │ QNAME QTYPE QCLASS │ C00C TYPE IN TTL RDLENGTH RDATA │ the next record …
//   └─── of the query ───┘└───── the tail, written once per owner and type ────
import { parseIp } from '../base/ip-address.ts';
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import type { LocalOwner } from '../config/local-owners.ts';
import type { LocalRecord } from '../config/local-record.ts';
import { writeUint16, writeUint32 } from '../wire/bytes.ts';
import { Class, Type } from '../wire/codes.ts';
import { FLAG_AA, FLAG_QR, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import { equalNamesFolded, MAX_NAME_LENGTH } from '../wire/name.ts';
import { hashName } from '../wire/name-hash.ts';
import type { ParsedQuery } from '../wire/query.ts';
import { RR_FIXED_LENGTH } from '../wire/rr.ts';
import { SuffixTable } from '../wire/suffix-table.ts';
import { textToName } from '../wire/text.ts';

/** The owner of a record that has QNAME: a pointer to it. */
const QNAME_POINTER = Uint8Array.of(0xc0, HEADER_LENGTH);
/** Header, the longest QNAME, QTYPE and QCLASS. */
const MAX_QUESTION_END = HEADER_LENGTH + MAX_NAME_LENGTH + 4;
/** No message is longer: a tail ends with the record that passes this. The answer has TC then. */
const MAX_TAIL_BYTES = 65_535;
/** The types that tails differ by; NO_TYPE stands for all others. */
const TYPES = new Set<number>([Type.A, Type.AAAA, Type.CNAME, Type.PTR, Type.SRV, Type.TXT, Type.ANY]);
const NO_TYPE = 0;

/** The records of an answer as they follow the question. */
interface Tail {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** A name that is asked for, without its case. */
interface Name {
  /** Where it is among #names. */
  readonly offset: number;
  readonly length: number;
  readonly owner: LocalOwner;
  /** Another name with the same hash. */
  readonly other: Name | null;
}

export class LocalRecords {
  /** The last answer that find() made, without OPT. */
  message: Uint8Array = WordBytes.ofLength(MAX_QUESTION_END + 512);
  readonly #ttlSeconds: number;
  /** By the hash that a query has of its QNAME. */
  readonly #byHash = new Map<number, Name>();
  /** All names on the wire, each from a multiple of 4 on: one array costs less than many. */
  readonly #names: WordBytes;
  /** Wildcards, by what follows "*."; and names that end one (null). Empty without wildcards. */
  readonly #wildcards = new SuffixTable<{ readonly owner: LocalOwner | null }>();
  readonly #tails = new Map<LocalOwner, Map<number, Tail>>();

  /** @param owners in step with ownersOf(): their aliases are followed as they say. */
  constructor(owners: readonly LocalOwner[], ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
    const wireNames = owners.map(({ name }) => textToName(name));
    this.#names = WordBytes.ofLength(wireNames.reduce((sum, { length }) => sum + roundUp(length), 0));
    const hashed = { nameHash: 0, hasUpperCase: false };
    let offset = 0;
    for (const [i, owner] of owners.entries()) {
      const { length } = wireNames[i]!;
      this.#names.set(wireNames[i]!, offset);
      hashName(this.#names, offset, length, hashed);
      const other = this.#byHash.get(hashed.nameHash) ?? null;
      this.#byHash.set(hashed.nameHash, { offset, length, owner, other });
      offset += roundUp(length);
    }
    this.#addWildcards(owners);
  }

  #addWildcards(owners: readonly LocalOwner[]): void {
    const suffixes = new Set(owners.filter(isWildcard).map(({ name }) => name.slice(2)));
    for (const owner of owners) {
      if (isWildcard(owner)) this.#wildcards.add(textToName(owner.name.slice(2)), { owner });
      else if (!suffixes.has(owner.name) && isBelow(owner.name, suffixes))
        this.#wildcards.add(textToName(owner.name), { owner: null });
    }
  }

  /**
   * Writes the answer to a question of class IN to `message` and returns its length; 0: no record
   * has the name. A name that has records of other types only is answered with none.
   */
  find(bytes: Uint8Array, q: ParsedQuery): number {
    const owner = this.#ownerOf(bytes, q);
    if (owner === null) return 0;
    const tail = this.#tailOf(owner, TYPES.has(q.qtype) ? q.qtype : NO_TYPE);
    const { message } = this;
    copyBytes(bytes, HEADER_LENGTH, message, HEADER_LENGTH, q.questionEnd - HEADER_LENGTH);
    copyBytes(tail.bytes, 0, message, q.questionEnd, tail.bytes.length);
    writeFlags(message, FLAG_QR | FLAG_AA);
    writeCounts(message, 1, tail.count, 0, 0);
    return q.questionEnd + tail.bytes.length;
  }

  /** Whether find() has an answer. */
  has(bytes: Uint8Array, q: ParsedQuery): boolean {
    return this.#ownerOf(bytes, q) !== null;
  }

  #ownerOf(bytes: Uint8Array, q: ParsedQuery): LocalOwner | null {
    let name = this.#byHash.get(q.nameHash) ?? null;
    for (; name !== null; name = name.other) {
      const { offset, length } = name;
      const isSame =
        length === q.qnameLength && equalNamesFolded(bytes, HEADER_LENGTH, this.#names, offset, length);
      if (isSame) return name.owner;
    }
    const wildcard = this.#wildcards.find(bytes, q, 1);
    return wildcard === null ? null : wildcard.owner;
  }

  #tailOf(owner: LocalOwner, qtype: number): Tail {
    let tails = this.#tails.get(owner);
    if (tails === undefined) {
      tails = new Map();
      this.#tails.set(owner, tails);
    }
    let tail = tails.get(qtype);
    if (tail === undefined) {
      tail = encodeTail(owner, qtype, this.#ttlSeconds);
      tails.set(qtype, tail);
      const length = MAX_QUESTION_END + tail.bytes.length;
      if (this.message.length < length) this.message = WordBytes.ofLength(length);
    }
    return tail;
  }
}

/** The records for a type, and those that its aliases lead to. */
function encodeTail(owner: LocalOwner, qtype: number, ttlSeconds: number): Tail {
  const records: Uint8Array[] = [];
  let length = 0;
  let name: Uint8Array = QNAME_POINTER;
  // The configuration has no circles. Here an answer would repeat its records.
  const passed = new Set<LocalOwner>();
  for (let at: LocalOwner | null = owner; at !== null && !passed.has(at); at = at.next) {
    passed.add(at);
    for (const record of at.records) {
      const isWanted = Type[record.type] === qtype || qtype === Type.ANY || record === at.alias;
      if (!isWanted || length > MAX_TAIL_BYTES) continue;
      const encoded = encodeRecord(name, record, ttlSeconds);
      records.push(encoded);
      length += encoded.length;
    }
    if (at.alias === null || qtype === Type.CNAME || qtype === Type.ANY) break;
    name = textToName(at.alias.target);
  }
  const bytes = WordBytes.ofLength(length);
  let end = 0;
  for (const record of records) {
    bytes.set(record, end);
    end += record.length;
  }
  return { bytes, count: records.length };
}

function encodeRecord(owner: Uint8Array, record: LocalRecord, ttlSeconds: number): Uint8Array {
  const rdata = rdataOf(record);
  const at = owner.length;
  const bytes = new Uint8Array(at + RR_FIXED_LENGTH + rdata.length);
  bytes.set(owner);
  writeUint16(bytes, at, Type[record.type]);
  writeUint16(bytes, at + 2, Class.IN);
  writeUint32(bytes, at + 4, ttlSeconds);
  writeUint16(bytes, at + 8, rdata.length);
  bytes.set(rdata, at + RR_FIXED_LENGTH);
  return bytes;
}

function rdataOf(record: LocalRecord): Uint8Array {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return parseIp(record.address)!.bytes;
    case 'CNAME':
    case 'PTR':
      return textToName(record.target);
    case 'SRV': {
      const target = textToName(record.target);
      const rdata = new Uint8Array(6 + target.length);
      writeUint16(rdata, 0, record.priority);
      writeUint16(rdata, 2, record.weight);
      writeUint16(rdata, 4, record.port);
      rdata.set(target, 6);
      return rdata;
    }
    case 'TXT':
      return Uint8Array.from(record.strings.flatMap((text) => [text.length, ...Buffer.from(text, 'latin1')]));
  }
}

function isWildcard({ name }: LocalOwner): boolean {
  return name.startsWith('*.');
}

/** Whether a name of the configuration is below one of these. */
function isBelow(name: string, suffixes: ReadonlySet<string>): boolean {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
    if (suffixes.has(name.slice(dot + 1))) return true;
  return false;
}

function roundUp(length: number): number {
  return (length + 3) & ~3;
}
