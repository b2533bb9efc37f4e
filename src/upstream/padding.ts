// Padding of queries that leave encrypted, so that their length tells little (RFC 7830, RFC 8467
// §4.1: blocks of 128 bytes). Called by the exchanges over TLS and HTTPS when they copy a query.
import { OPTION_HEADER_LENGTH } from '../wire/edns.ts';

const BLOCK_LENGTH = 128;
/** The root's name, TYPE, CLASS, TTL, RDLENGTH. */
const OPT_LENGTH = 11;
const OPT_TYPE = 41;
const OPTION_PADDING = 12;

/**
 * Bytes of padding (option header included) to add after the message; 0 when it cannot carry any:
 * only an OPT record that is the one record of the message, and its last bytes, can grow.
 */
export function paddingLength(bytes: Uint8Array, length: number, questionEnd: number): number {
  const optEnd = questionEnd + OPT_LENGTH;
  if (length < optEnd) return 0;
  for (let i = 6; i < 10; i++) if (bytes[i] !== 0) return 0; // ANCOUNT, NSCOUNT
  if (bytes[10] !== 0 || bytes[11] !== 1) return 0; // ARCOUNT
  if (bytes[questionEnd] !== 0 || bytes[questionEnd + 1] !== 0 || bytes[questionEnd + 2] !== OPT_TYPE)
    return 0;
  if (length !== optEnd + ((bytes[optEnd - 2]! << 8) | bytes[optEnd - 1]!)) return 0;
  const least = length + OPTION_HEADER_LENGTH;
  return Math.ceil(least / BLOCK_LENGTH) * BLOCK_LENGTH - length;
}

/**
 * Adds the option to a copy of the message at `at`, in zeroed memory; `padding` is what
 * paddingLength() said of it.
 */
export function writePadding(
  bytes: Uint8Array,
  at: number,
  length: number,
  questionEnd: number,
  padding: number,
): void {
  const rdlengthAt = at + questionEnd + OPT_LENGTH - 2;
  const rdlength = ((bytes[rdlengthAt]! << 8) | bytes[rdlengthAt + 1]!) + padding;
  bytes[rdlengthAt] = rdlength >> 8;
  bytes[rdlengthAt + 1] = rdlength & 0xff;
  const dataLength = padding - OPTION_HEADER_LENGTH;
  const option = at + length;
  bytes[option] = OPTION_PADDING >> 8;
  bytes[option + 1] = OPTION_PADDING & 0xff;
  bytes[option + 2] = dataLength >> 8;
  bytes[option + 3] = dataLength & 0xff;
}
