// What the soak's upstreams answer: a function of the question alone, so that every answer can be
// checked without asking anybody.
//
//   a-17-30.soak.example    kind - number - TTL in seconds     the number makes the addresses

import { readUint16 } from '../../src/wire/bytes.ts';
import { FLAG_AA, FLAG_QR, FLAG_RA, FLAG_RD, HEADER_LENGTH, readFlags } from '../../src/wire/header.ts';
import { skipName } from '../../src/wire/name.ts';

/**
 * Two addresses; a CNAME and what it leads to; more than 512 bytes; more than any datagram; a name
 * that is not there; no data.
 */
export const KINDS = ['a', 'cname', 'big', 'huge', 'nx', 'nodata'] as const;
export type Kind = (typeof KINDS)[number];

export const TYPE_A = 1;
export const TYPE_TXT = 16;
export const TYPE_AAAA = 28;
const TYPE_CNAME = 5;
const TYPE_SOA = 6;
export const RCODE_NXDOMAIN = 3;
const ADDRESSES_OF_BIG = 45;
const STRINGS_OF_HUGE = 12;

/** A true answer, from behind the question to the end, without OPT. */
export interface Truth {
  readonly rcode: number;
  readonly answers: number;
  readonly authorities: number;
  readonly records: Buffer;
  /** Offsets of the TTL fields in `records`. */
  readonly ttlOffsets: readonly number[];
  readonly ttlSeconds: number;
}

/** Where the question at the start of a message ends; −1: there is none that is sound. */
export function questionEnd(bytes: Uint8Array, length: number): number {
  const nameEnd = skipName(bytes, length, HEADER_LENGTH);
  return nameEnd < 0 || nameEnd + 4 > length ? -1 : nameEnd + 4;
}

/** The truth about the question of this message; null for a name that the soak does not ask. */
export function truthOf(bytes: Uint8Array, length: number): Truth | null {
  const end = questionEnd(bytes, length);
  if (end < 0) return null;
  const labelLength = bytes[HEADER_LENGTH]!;
  const label = Buffer.from(bytes.buffer, bytes.byteOffset + HEADER_LENGTH + 1, labelLength).toString(
    'latin1',
  );
  const match = /^([a-z]+)-(\d+)-(\d+)$/i.exec(label);
  if (match === null) return null;
  const kind = match[1]!.toLowerCase() as Kind;
  return tellTruth(kind, Number(match[2]), Number(match[3]), readUint16(bytes, end - 4), labelLength);
}

function tellTruth(kind: Kind, number: number, ttlSeconds: number, type: number, labelLength: number): Truth {
  const writer = new RecordWriter(ttlSeconds);
  // The zone's name stands in the question, behind the first label.
  const zone = 0xc000 | (HEADER_LENGTH + 1 + labelLength);
  const isAddress = type === TYPE_A || type === TYPE_AAAA;
  if (kind === 'cname') {
    const target = 0xc000 | (HEADER_LENGTH + (labelLength + 1) + ZONE_LENGTH + 4 + 12);
    writer.add(0xc00c, TYPE_CNAME, Buffer.from([6, ...Buffer.from('target'), zone >> 8, zone & 0xff]));
    if (isAddress) writer.add(target, type, address(type, number, 0));
  } else if (kind === 'a' && isAddress) {
    for (let i = 0; i < 2; i++) writer.add(0xc00c, type, address(type, number, i));
  } else if (kind === 'big' && isAddress) {
    for (let i = 0; i < ADDRESSES_OF_BIG; i++) writer.add(0xc00c, type, address(type, number, i));
  } else if (kind === 'huge' && type === TYPE_TXT) {
    for (let i = 0; i < STRINGS_OF_HUGE; i++) writer.add(0xc00c, TYPE_TXT, longText(number, i));
  }
  const answers = writer.count;
  if (answers === 0) writer.add(zone, TYPE_SOA, soa(number, ttlSeconds, zone));
  return {
    rcode: kind === 'nx' ? RCODE_NXDOMAIN : 0,
    answers,
    authorities: writer.count - answers,
    records: Buffer.concat(writer.parts),
    ttlOffsets: writer.ttlOffsets,
    ttlSeconds,
  };
}

/** soak.example on the wire. */
export const ZONE_WIRE = Buffer.from('\x04soak\x07example\x00', 'latin1');
const ZONE_LENGTH = ZONE_WIRE.length;

class RecordWriter {
  readonly parts: Buffer[] = [];
  readonly ttlOffsets: number[] = [];
  count = 0;
  readonly #ttlSeconds: number;
  #length = 0;

  constructor(ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
  }

  /** `owner` is a compression pointer. */
  add(owner: number, type: number, rdata: Buffer): void {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(owner, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(this.#ttlSeconds, 6);
    fixed.writeUInt16BE(rdata.length, 10);
    this.ttlOffsets.push(this.#length + 6);
    this.parts.push(fixed, rdata);
    this.#length += fixed.length + rdata.length;
    this.count++;
  }
}

function address(type: number, number: number, index: number): Buffer {
  const bytes = Buffer.alloc(type === TYPE_A ? 4 : 16);
  bytes[0] = type === TYPE_A ? 10 : 0xfd;
  bytes.writeUInt16BE(number & 0xffff, bytes.length - 3);
  bytes[bytes.length - 1] = index;
  return bytes;
}

function longText(number: number, index: number): Buffer {
  const bytes = Buffer.alloc(251, `${number}/${index} `);
  bytes[0] = 250;
  return bytes;
}

/**
 * RFC 2308: the negative answer's TTL is the smaller of the SOA's own and its MINIMUM; here they
 * are the same.
 */
function soa(number: number, ttlSeconds: number, zone: number): Buffer {
  const rdata = Buffer.alloc(24);
  rdata.writeUInt16BE(zone, 0);
  rdata.writeUInt16BE(zone, 2);
  rdata.writeUInt32BE(number, 4);
  rdata.writeUInt32BE(ttlSeconds, 20);
  return rdata;
}

/**
 * The whole answer to a query, TC instead of records where it passes `sizeLimit`. `withOpt`: an OPT
 * record, of 11 bytes.
 */
export function writeTrueAnswer(
  query: Uint8Array,
  truth: Truth,
  sizeLimit: number,
  withOpt: boolean,
): Buffer {
  const end = questionEnd(query, query.length);
  const opt = withOpt ? Buffer.from([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0);
  const fits = end + truth.records.length + opt.length <= sizeLimit;
  const answer = Buffer.concat([query.subarray(0, end), fits ? truth.records : Buffer.alloc(0), opt]);
  const flags =
    FLAG_QR | FLAG_AA | FLAG_RA | (readFlags(query) & FLAG_RD) | truth.rcode | (fits ? 0 : 0x0200);
  answer.writeUInt16BE(flags, 2);
  answer.writeUInt16BE(1, 4);
  answer.writeUInt16BE(fits ? truth.answers : 0, 6);
  answer.writeUInt16BE(fits ? truth.authorities : 0, 8);
  answer.writeUInt16BE(withOpt ? 1 : 0, 10);
  return answer;
}
