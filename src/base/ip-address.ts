// IP literals to bytes and back to the one canonical text (RFC 5952), so that two spellings of an
// address compare equal. The data path has its own words-and-offsets form.
import { isIPv4, isIPv6 } from 'node:net';

/** A parsed address. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array;
  /** IPv6 scope as written after '%' (fe80::1%eth0), else ''. */
  readonly zone: string;
}

/**
 * Null when the text is no IP literal. Leading zeros (010.0.0.1) are rejected, as some programs
 * read them as octal.
 */
export function parseIp(text: string): IpAddress | null {
  if (isIPv4(text)) return { family: 4, bytes: Uint8Array.from(text.split('.'), Number), zone: '' };
  if (!isIPv6(text)) return null;
  const percent = text.indexOf('%');
  const literal = percent < 0 ? text : text.slice(0, percent);
  return { family: 6, bytes: parseIpv6Literal(literal), zone: percent < 0 ? '' : text.slice(percent + 1) };
}

/** `literal` has passed isIPv6 and has no zone. */
function parseIpv6Literal(literal: string): Uint8Array {
  const [head, tail] = literal.split('::') as [string, string | undefined];
  const headWords = parseWords(head);
  const tailWords = tail === undefined ? [] : parseWords(tail);
  const words = [
    ...headWords,
    ...Array<number>(8 - headWords.length - tailWords.length).fill(0),
    ...tailWords,
  ];
  const bytes = new Uint8Array(16);
  words.forEach((word, i) => {
    bytes[i * 2] = word >> 8;
    bytes[i * 2 + 1] = word & 0xff;
  });
  return bytes;
}

function parseWords(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** The canonical text: lower case, the longest run of zero words as "::", the zone kept. */
export function formatIp(address: IpAddress): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join('.');
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const words = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  const run = longestZeroRun(words);
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  const text =
    run.length < 2
      ? hex(words)
      : `${hex(words.slice(0, run.start))}::${hex(words.slice(run.start + run.length))}`;
  return address.zone === '' ? text : `${text}%${address.zone}`;
}

function longestZeroRun(words: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

/** ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** 0.0.0.0 or :: */
export function isUnspecified(address: IpAddress): boolean {
  return address.bytes.every((byte) => byte === 0);
}

/** 224.0.0.0/4, 255.255.255.255 or ff00::/8. */
export function isMulticastOrBroadcast(address: IpAddress): boolean {
  const first = address.bytes[0]!;
  if (address.family === 6) return first === 0xff;
  return (first & 0xf0) === 0xe0 || address.bytes.every((byte) => byte === 255);
}

/** fe80::/10, which says nothing without its zone. */
export function isLinkLocalIpv6(address: IpAddress): boolean {
  return address.family === 6 && address.bytes[0] === 0xfe && (address.bytes[1]! & 0xc0) === 0x80;
}

/** 127.0.0.0/8, ::1 or ::ffff:127.0.0.0/104. */
export function isLoopback(address: IpAddress): boolean {
  const { bytes } = address;
  if (address.family === 4) return bytes[0] === 127;
  if (isMapped(bytes)) return bytes[12] === 127;
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
}

/**
 * One spelling per address, to compare addresses by: as formatIp writes it, but IPv4-mapped as
 * IPv4. Text that is not an address comes back as it is.
 */
export function canonicalAddress(text: string): string {
  const address = parseIp(text);
  if (address === null) return text;
  return isMapped(address.bytes) ? address.bytes.subarray(12).join('.') : formatIp(address);
}
