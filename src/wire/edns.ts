// The OPT record (RFC 6891 §6.1): written per hop; its options are found and appended. Called by
// everything that builds a message (reply, restore, upstream queries). The message starts at offset
// 0 of `bytes`, which has room.
//
//   byte   0      1–2      3–4        5              6         7–8             9–10       11 …
//         | root | TYPE 41 | UDP size | extended RCODE | VERSION | DO, Z (15 bits) | RDLENGTH | options
//           (0)             (CLASS)    └────────────── TTL ──────────────────────┘
//   option: OPTION-CODE 16 | OPTION-LENGTH 16 | data
import { copyBytes } from '../base/word-bytes.ts';
import { readUint16, writeUint16 } from './bytes.ts';
import type { Ede } from './ede.ts';
import { readAdditionalCount, writeAdditionalCount } from './header.ts';

/** An OPT record without options, bytes. */
export const OPT_LENGTH = 11;
/** OPTION-CODE and OPTION-LENGTH, bytes. */
export const OPTION_HEADER_LENGTH = 4;
/** The UDP payload that this server takes and advertises (DNS flag day 2020, RFC 9715 §3.2). */
export const SERVER_UDP_SIZE = 1232;

export const OPT_TYPE_OFFSET = 1;
export const OPT_UDP_SIZE_OFFSET = 3;
export const OPT_EXTENDED_RCODE_OFFSET = 5;
export const OPT_VERSION_OFFSET = 6;
export const OPT_FLAGS_OFFSET = 7;
export const OPT_RDLENGTH_OFFSET = 9;
/** DO in the byte at OPT_FLAGS_OFFSET. */
export const OPT_DO_BYTE = 0x80;

const EDE_OPTION = 15;
const INFO_CODE_LENGTH = 2;

/**
 * Writes an OPT record without options at `offset`, counts it in ARCOUNT and returns the offset
 * after it. `rcode` is the whole RCODE: its upper 8 bits are written here (0 in queries), its lower
 * 4 belong in the header.
 */
export function writeOpt(
  bytes: Uint8Array,
  offset: number,
  udpSize: number,
  rcode: number,
  dnssecOk: boolean,
): number {
  bytes[offset] = 0;
  writeUint16(bytes, offset + OPT_TYPE_OFFSET, 41);
  writeUint16(bytes, offset + OPT_UDP_SIZE_OFFSET, udpSize);
  bytes[offset + OPT_EXTENDED_RCODE_OFFSET] = rcode >>> 4;
  bytes[offset + OPT_VERSION_OFFSET] = 0;
  bytes[offset + OPT_FLAGS_OFFSET] = dnssecOk ? OPT_DO_BYTE : 0;
  bytes[offset + OPT_FLAGS_OFFSET + 1] = 0;
  writeUint16(bytes, offset + OPT_RDLENGTH_OFFSET, 0);
  writeAdditionalCount(bytes, readAdditionalCount(bytes) + 1);
  return offset + OPT_LENGTH;
}

/**
 * Appends an option at `offset`, the end of the OPT record at `optOffset` and of the message;
 * corrects RDLENGTH and returns the new end.
 */
export function appendOption(
  bytes: Uint8Array,
  optOffset: number,
  offset: number,
  code: number,
  data: Uint8Array,
): number {
  const dataOffset = startOption(bytes, offset, code, data.length);
  copyBytes(data, 0, bytes, dataOffset, data.length);
  return endOptions(bytes, optOffset, dataOffset + data.length);
}

/** Writes an option's header at `offset` and returns where its data goes; endOptions() follows. */
export function startOption(bytes: Uint8Array, offset: number, code: number, dataLength: number): number {
  writeUint16(bytes, offset, code);
  writeUint16(bytes, offset + 2, dataLength);
  return offset + OPTION_HEADER_LENGTH;
}

/** Says in the OPT record at `optOffset` that its last option ends at `end`; returns `end`. */
export function endOptions(bytes: Uint8Array, optOffset: number, end: number): number {
  writeUint16(bytes, optOffset + OPT_RDLENGTH_OFFSET, end - optOffset - OPT_LENGTH);
  return end;
}

/** Bytes that appendEde() takes. */
export function edeOptionLength(text: Uint8Array | null): number {
  return OPTION_HEADER_LENGTH + INFO_CODE_LENGTH + (text === null ? 0 : text.length);
}

/** Appends an Extended DNS Error (RFC 8914 §2) as appendOption() does; `text` is UTF-8. */
export function appendEde(
  bytes: Uint8Array,
  optOffset: number,
  offset: number,
  infoCode: number,
  text: Uint8Array | null,
): number {
  const textLength = text === null ? 0 : text.length;
  const dataOffset = startOption(bytes, offset, EDE_OPTION, INFO_CODE_LENGTH + textLength);
  writeUint16(bytes, dataOffset, infoCode);
  const textOffset = dataOffset + INFO_CODE_LENGTH;
  if (text !== null) copyBytes(text, 0, bytes, textOffset, textLength);
  return endOptions(bytes, optOffset, textOffset + textLength);
}

/**
 * Appends the options that say why (RFC 8914), as far as the message stays within `limit` bytes:
 * `end` is its end and that of the OPT record at `optOffset`. Returns the new end.
 */
export function appendReason(
  bytes: Uint8Array,
  optOffset: number,
  end: number,
  reason: Ede,
  limit: number,
): number {
  if (reason.code < 0 || end + edeOptionLength(reason.text) > limit) return end;
  const next = appendEde(bytes, optOffset, end, reason.code, reason.text);
  const { also } = reason;
  if (also === undefined || also < 0 || next + edeOptionLength(null) > limit) return next;
  return appendEde(bytes, optOffset, next, also, null);
}

/**
 * The offset of the data of the first option with this code; −1 if there is none before the options
 * end or are malformed.
 */
export function findOption(
  bytes: Uint8Array,
  optionsOffset: number,
  optionsLength: number,
  code: number,
): number {
  const end = optionsOffset + optionsLength;
  let at = optionsOffset;
  while (at + OPTION_HEADER_LENGTH <= end) {
    const dataOffset = at + OPTION_HEADER_LENGTH;
    const next = dataOffset + readUint16(bytes, at + 2);
    if (next > end) return -1;
    if (readUint16(bytes, at) === code) return dataOffset;
    at = next;
  }
  return -1;
}

/** The length of the option whose data findOption() found. */
export function optionLengthAt(bytes: Uint8Array, dataOffset: number): number {
  return readUint16(bytes, dataOffset - 2);
}
