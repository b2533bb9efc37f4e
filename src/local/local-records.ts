// Answers from the records of the configuration (local.records), written once per question and
// kept. Names come from clients: any byte may be in a label. Loaded only where there are records.
//
//   12
//   │ QNAME QTYPE QCLASS │ C00C TYPE IN TTL RDLENGTH RDATA │ the next record …
import { parseIp } from '../base/ip-address.ts';
import type { LocalRecord } from '../config/local-record.ts';
import { writeUint16, writeUint32 } from '../wire/bytes.ts';
import { Class, Type } from '../wire/codes.ts';
import { FLAG_AA, FLAG_QR, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import type { ParsedQuery } from '../wire/query.ts';
import { RR_FIXED_LENGTH } from '../wire/rr.ts';
import { nameToText, textToName } from '../wire/text.ts';

/** The owner of a record that has QNAME: a pointer to it. */
const QNAME_POINTER = Uint8Array.of(0xc0, HEADER_LENGTH);
/** Answers kept; further names that a wildcard makes are made again each time. */
const MAX_MESSAGES = 1000;
/** An alias that leads further than this is left where it stands. */
const MAX_ALIASES = 8;

export class LocalRecords {
  readonly #ttlSeconds: number;
  /** By name; "*.NAME" for a wildcard. */
  readonly #records = new Map<string, LocalRecord[]>();
  readonly #hasWildcards: boolean;
  /** Answers by "NAME TYPE". */
  readonly #messages = new Map<string, Uint8Array>();

  constructor(records: readonly LocalRecord[], ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
    for (const record of records) {
      const same = this.#records.get(record.name);
      if (same === undefined) this.#records.set(record.name, [record]);
      else same.push(record);
    }
    this.#hasWildcards = records.some(({ name }) => name.startsWith('*.'));
  }

  /**
   * The answer to a question of class IN, without OPT; null: no record has the name. A name that
   * has records of other types only is answered with none.
   */
  find(bytes: Uint8Array, q: ParsedQuery): Uint8Array | null {
    const name = nameToText(bytes, HEADER_LENGTH, HEADER_LENGTH + q.qnameLength)
      .toLowerCase()
      .slice(0, -1);
    const records = this.#recordsOf(name);
    if (records === undefined) return null;
    const key = `${name} ${q.qtype}`;
    const known = this.#messages.get(key);
    if (known !== undefined) return known;
    const message = this.#encode(bytes, q, records);
    if (this.#messages.size < MAX_MESSAGES) this.#messages.set(key, message);
    return message;
  }

  #recordsOf(name: string): readonly LocalRecord[] | undefined {
    const own = this.#records.get(name);
    if (own !== undefined || !this.#hasWildcards) return own;
    // The closest wildcard (RFC 4592 §3.3.1); a name with records of its own in between ends it.
    for (let dot = nextDot(name, 0); dot >= 0; dot = nextDot(name, dot + 1)) {
      const above = name.slice(dot + 1);
      const wildcard = this.#records.get(`*.${above}`);
      if (wildcard !== undefined) return wildcard;
      if (this.#records.has(above)) return undefined;
    }
    return undefined;
  }

  #encode(bytes: Uint8Array, q: ParsedQuery, records: readonly LocalRecord[]): Uint8Array {
    const { qtype, questionEnd } = q;
    const parts: Uint8Array[] = [];
    let owner: Uint8Array = QNAME_POINTER;
    let found: readonly LocalRecord[] | undefined = records;
    for (let aliases = 0; found !== undefined && aliases <= MAX_ALIASES; aliases++) {
      for (const record of found) {
        const isWanted = Type[record.type] === qtype || qtype === Type.ANY || record.type === 'CNAME';
        if (isWanted) parts.push(this.#encodeRecord(owner, record));
      }
      const alias: LocalRecord | undefined = found.find(({ type }) => type === 'CNAME');
      if (alias?.type !== 'CNAME' || qtype === Type.CNAME || qtype === Type.ANY) break;
      owner = textToName(alias.target);
      found = this.#recordsOf(alias.target);
    }
    const message = new Uint8Array(parts.reduce((end, part) => end + part.length, questionEnd));
    writeFlags(message, FLAG_QR | FLAG_AA);
    writeCounts(message, 1, parts.length, 0, 0);
    message.set(bytes.subarray(HEADER_LENGTH, questionEnd), HEADER_LENGTH);
    let at = questionEnd;
    for (const part of parts) {
      message.set(part, at);
      at += part.length;
    }
    return message;
  }

  #encodeRecord(owner: Uint8Array, record: LocalRecord): Uint8Array {
    const rdata = rdataOf(record);
    const at = owner.length;
    const bytes = new Uint8Array(at + RR_FIXED_LENGTH + rdata.length);
    bytes.set(owner);
    writeUint16(bytes, at, Type[record.type]);
    writeUint16(bytes, at + 2, Class.IN);
    writeUint32(bytes, at + 4, this.#ttlSeconds);
    writeUint16(bytes, at + 8, rdata.length);
    bytes.set(rdata, at + RR_FIXED_LENGTH);
    return bytes;
  }
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
    case 'TXT': {
      const text = new TextEncoder().encode(record.text);
      return Uint8Array.of(text.length, ...text);
    }
  }
}

/** The next dot that ends a label; one within a label is written with a backslash. −1: none. */
function nextDot(name: string, from: number): number {
  for (let at = from; at < name.length; at++) {
    if (name[at] === '\\') at++;
    else if (name[at] === '.') return at;
  }
  return -1;
}
