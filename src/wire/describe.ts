// A message as text, roughly as dig prints it: for the query log (failures only), the listing of
// the cache and explained queries. Safe for hostile input: it never throws, and its output is
// bounded. Not for the hot path (RFC 1035 §5; RFC 3597 §5 for unknown types).

import { readUint16, readUint32 } from './bytes.ts';
import { className, edeName, OptionCode, opcodeName, rcodeName, Type, typeName } from './codes.ts';
import { OPT_FLAGS_OFFSET, OPT_LENGTH, OPTION_HEADER_LENGTH } from './edns.ts';
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAG_Z,
  HEADER_LENGTH,
  OPCODE_MASK,
  OPCODE_SHIFT,
  RCODE_MASK,
  readAdditionalCount,
  readAnswerCount,
  readAuthorityCount,
  readFlags,
  readId,
  readQuestionCount,
} from './header.ts';
import { skipName } from './name.ts';
import { RrCursor } from './rr.ts';
import { byteToText, nameToText } from './text.ts';

/** Records, questions and options shown of one message; of the rest only the number is shown. */
const MAX_SHOWN = 64;
/** Bytes of unknown data shown in hexadecimal, and of character strings. */
const MAX_DATA_SHOWN = 256;

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [FLAG_QR, 'qr'],
  [FLAG_AA, 'aa'],
  [FLAG_TC, 'tc'],
  [FLAG_RD, 'rd'],
  [FLAG_RA, 'ra'],
  [FLAG_Z, 'z'],
  [FLAG_AD, 'ad'],
  [FLAG_CD, 'cd'],
];

/** The message in bytes[0 … length−1] in lines of text, without a newline at the end. */
export function describeMessage(bytes: Uint8Array, length: number): string {
  if (length < HEADER_LENGTH) return `;; ${length} bytes: shorter than a header`;
  const flags = readFlags(bytes);
  const names = FLAG_NAMES.filter(([mask]) => (flags & mask) !== 0).map(([, name]) => name);
  const opcode = opcodeName((flags & OPCODE_MASK) >> OPCODE_SHIFT);
  const lines = [
    `;; ${opcode}, ${rcodeName(flags & RCODE_MASK)}, id ${readId(bytes)}, flags [${names.join(' ')}], ${length} bytes`,
  ];
  const questionEnd = describeQuestions(bytes, length, lines);
  if (questionEnd < 0) return lines.join('\n');

  const answers = readAnswerCount(bytes);
  const authorities = readAuthorityCount(bytes);
  const count = answers + authorities + readAdditionalCount(bytes);
  const cursor = new RrCursor();
  cursor.reset(bytes, length, questionEnd, count);
  for (let i = 0; i < count && i < MAX_SHOWN && cursor.next(); i++) {
    if (i === 0 && answers > 0) lines.push(';; answer');
    if (i === answers && authorities > 0) lines.push(';; authority');
    if (i === answers + authorities) lines.push(';; additional');
    if (cursor.type === Type.OPT) describeOpt(bytes, cursor, flags, lines);
    else lines.push(describeRecord(bytes, length, cursor));
  }
  if (cursor.failed) lines.push(';; the rest is malformed');
  else if (count > MAX_SHOWN) lines.push(`;; ${count - MAX_SHOWN} more records`);
  else if (cursor.endOffset < length)
    lines.push(`;; ${length - cursor.endOffset} bytes after the last record`);
  return lines.join('\n');
}

/**
 * Adds the question section's lines and returns where it ends; −1 if it is malformed or too long to
 * show.
 */
function describeQuestions(bytes: Uint8Array, length: number, lines: string[]): number {
  const count = readQuestionCount(bytes);
  let offset = HEADER_LENGTH;
  if (count > 0) lines.push(';; question');
  for (let i = 0; i < count; i++) {
    const nameEnd = skipName(bytes, length, offset);
    if (nameEnd < 0 || nameEnd + 4 > length) {
      lines.push(';; the rest is malformed');
      return -1;
    }
    if (i === MAX_SHOWN) {
      lines.push(`;; ${count - MAX_SHOWN} more questions`);
      return -1;
    }
    const name = nameToText(bytes, offset, length);
    lines.push(
      `${name} ${className(readUint16(bytes, nameEnd + 2))} ${typeName(readUint16(bytes, nameEnd))}`,
    );
    offset = nameEnd + 4;
  }
  return offset;
}

function describeRecord(bytes: Uint8Array, length: number, rr: RrCursor): string {
  const name = nameToText(bytes, rr.nameOffset, length);
  const ttl = readUint32(bytes, rr.ttlOffset);
  // Types have a meaning in class IN only, except for those that identify a server (CH TXT).
  const rdata =
    rr.class === 1 || rr.class === 3
      ? describeRdata(bytes, length, rr)
      : unknown(bytes, rr.rdataOffset, rr.rdataLength);
  return `${name} ${ttl} ${className(rr.class)} ${typeName(rr.type)} ${rdata}`;
}

/** RDATA in its type's own form if it is valid, else in the form of RFC 3597 §5. */
function describeRdata(bytes: Uint8Array, length: number, rr: RrCursor): string {
  const at = rr.rdataOffset;
  const end = at + rr.rdataLength;
  const fallback = unknown(bytes, at, rr.rdataLength);
  switch (rr.type) {
    case Type.A:
      return rr.rdataLength === 4 ? bytes.subarray(at, end).join('.') : fallback;
    case Type.AAAA:
      return rr.rdataLength === 16 ? ipv6Text(bytes, at) : fallback;
    case Type.NS:
    case Type.CNAME:
    case Type.PTR:
    case Type.DNAME:
      return skipName(bytes, length, at) === end ? nameToText(bytes, at, length) : fallback;
    case Type.MX:
      return rr.rdataLength > 2 && skipName(bytes, length, at + 2) === end
        ? `${readUint16(bytes, at)} ${nameToText(bytes, at + 2, length)}`
        : fallback;
    case Type.SRV:
      return rr.rdataLength > 6 && skipName(bytes, length, at + 6) === end
        ? `${readUint16(bytes, at)} ${readUint16(bytes, at + 2)} ${readUint16(bytes, at + 4)} ${nameToText(bytes, at + 6, length)}`
        : fallback;
    case Type.SOA:
      return soaText(bytes, length, at, end) ?? fallback;
    case Type.TXT:
    case Type.SPF:
    case Type.HINFO:
      return stringsText(bytes, at, end) ?? fallback;
    default:
      return fallback;
  }
}

function soaText(bytes: Uint8Array, length: number, at: number, end: number): string | null {
  const rnameOffset = skipName(bytes, length, at);
  const numbersOffset = rnameOffset < 0 ? -1 : skipName(bytes, length, rnameOffset);
  if (numbersOffset < 0 || numbersOffset + 20 !== end) return null;
  const numbers = [0, 4, 8, 12, 16].map((i) => readUint32(bytes, numbersOffset + i));
  return `${nameToText(bytes, at, length)} ${nameToText(bytes, rnameOffset, length)} ${numbers.join(' ')}`;
}

/** Character strings in quotes; null if the last one is cut off or the limit is exceeded. */
function stringsText(bytes: Uint8Array, at: number, end: number): string | null {
  if (end === at || end - at > MAX_DATA_SHOWN) return null;
  const strings: string[] = [];
  let offset = at;
  while (offset < end) {
    const stringEnd = offset + 1 + bytes[offset]!;
    if (stringEnd > end) return null;
    strings.push(`"${printable(bytes, offset + 1, stringEnd)}"`);
    offset = stringEnd;
  }
  return strings.join(' ');
}

function printable(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    text += byte === 0x20 ? ' ' : byteToText(byte, byte === 0x22 || byte === 0x5c);
  }
  return text;
}

/** \# LENGTH HEX (RFC 3597 §5). */
function unknown(bytes: Uint8Array, offset: number, length: number): string {
  return length === 0 ? '\\# 0' : `\\# ${length} ${hex(bytes, offset, length)}`;
}

function hex(bytes: Uint8Array, offset: number, length: number): string {
  const shown = Math.min(length, MAX_DATA_SHOWN);
  let text = '';
  for (let i = offset; i < offset + shown; i++) text += bytes[i]!.toString(16).padStart(2, '0');
  return shown < length ? `${text}…` : text;
}

/** RFC 5952: lower case, the first longest run of two or more zero groups shortened. */
function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => readUint16(bytes, at + 2 * i));
  let runStart = 0;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
  }
  const texts = groups.map((group) => group.toString(16));
  if (runLength < 2) return texts.join(':');
  return `${texts.slice(0, runStart).join(':')}::${texts.slice(runStart + runLength).join(':')}`;
}

function describeOpt(bytes: Uint8Array, rr: RrCursor, flags: number, lines: string[]): void {
  const optOffset = rr.rdataOffset - OPT_LENGTH;
  const rcode = (bytes[rr.ttlOffset]! << 4) | (flags & RCODE_MASK);
  const dnssecOk = (bytes[optOffset + OPT_FLAGS_OFFSET]! & 0x80) !== 0 ? ' do' : '';
  lines.push(`; EDNS ${bytes[rr.ttlOffset + 1]}, udp ${rr.class}, ${rcodeName(rcode)}${dnssecOk}`);
  const end = rr.rdataOffset + rr.rdataLength;
  let at = rr.rdataOffset;
  for (let i = 0; at < end; i++) {
    const dataOffset = at + OPTION_HEADER_LENGTH;
    const next = dataOffset <= end ? dataOffset + readUint16(bytes, at + 2) : end + 1;
    if (next > end) {
      lines.push(';   malformed options');
      return;
    }
    if (i === MAX_SHOWN) {
      lines.push(';   more options');
      return;
    }
    const code = readUint16(bytes, at);
    lines.push(
      code === OptionCode.extendedError && next - dataOffset >= 2
        ? `;   EDE ${readUint16(bytes, dataOffset)} ${edeName(readUint16(bytes, dataOffset))} "${printable(bytes, dataOffset + 2, Math.min(next, dataOffset + MAX_DATA_SHOWN))}"`
        : `;   option ${code}: ${hex(bytes, dataOffset, next - dataOffset)}`,
    );
    at = next;
  }
}
