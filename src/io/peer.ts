// Peer records (PEER_WORDS in datagram-socket.ts): copied, compared, hashed, and from and to text.
// Text is for node-socket, access lists, addresses of upstreams and logs, not for the hot path.
import { isIPv4, isIPv6 } from 'node:net';
import { endianness, networkInterfaces } from 'node:os';
import { PEER_WORDS } from './datagram-socket.ts';

const REMOTE_WORD = 1;
const SCOPE_WORD = 5;
const LITTLE_ENDIAN = endianness() === 'LE';

/** Copies one record. */
export function copyPeer(from: Int32Array, fromOffset: number, to: Int32Array, toOffset: number): void {
  // No loop: it would take three times as many instructions (word-bytes.ts).
  to[toOffset] = from[fromOffset]!;
  to[toOffset + 1] = from[fromOffset + 1]!;
  to[toOffset + 2] = from[fromOffset + 2]!;
  to[toOffset + 3] = from[fromOffset + 3]!;
  to[toOffset + 4] = from[fromOffset + 4]!;
  to[toOffset + 5] = from[fromOffset + 5]!;
  to[toOffset + 6] = from[fromOffset + 6]!;
  to[toOffset + 7] = from[fromOffset + 7]!;
  to[toOffset + 8] = from[fromOffset + 8]!;
  to[toOffset + 9] = from[fromOffset + 9]!;
  to[toOffset + 10] = from[fromOffset + 10]!;
  to[toOffset + 11] = from[fromOffset + 11]!;
}

/** Whether two records have the same remote address, port and scope (the local ends may differ). */
export function sameRemote(
  left: Int32Array,
  leftOffset: number,
  right: Int32Array,
  rightOffset: number,
): boolean {
  for (let i = 0; i <= SCOPE_WORD; i++) if (left[leftOffset + i] !== right[rightOffset + i]) return false;
  return true;
}

/**
 * Whether two records have the same remote address; their ports and scopes may differ, and one may
 * be IPv4 and the other the same mapped to IPv6.
 */
export function sameAddress(
  left: Int32Array,
  leftOffset: number,
  right: Int32Array,
  rightOffset: number,
): boolean {
  if (peerFamily(left, leftOffset) !== peerFamily(right, rightOffset))
    return (
      isSameMapped(left, leftOffset, right, rightOffset) || isSameMapped(right, rightOffset, left, leftOffset)
    );
  for (let i = REMOTE_WORD; i < SCOPE_WORD; i++) {
    if (left[leftOffset + i] !== right[rightOffset + i]) return false;
  }
  return true;
}

/** Whether the first is the second, an IPv4 address, mapped to IPv6. */
function isSameMapped(mapped: Int32Array, mappedOffset: number, other: Int32Array, offset: number): boolean {
  return (
    isMappedIpv4(mapped, mappedOffset) &&
    mapped[mappedOffset + REMOTE_WORD + 3] === other[offset + REMOTE_WORD]
  );
}

/**
 * A hash of the remote address without its port. Not keyed: for counting, where a collision does no
 * harm.
 */
export function hashAddress(words: Int32Array, offset: number): number {
  let hash = 0;
  for (let i = REMOTE_WORD; i < SCOPE_WORD; i++) hash = Math.imul(hash ^ words[offset + i]!, 0x9e3779b1);
  return hash;
}

/** Whether the remote end is on this host by its address: 127.0.0.0/8 or ::1. */
export function isLoopbackPeer(words: Int32Array, offset: number): boolean {
  if (peerFamily(words, offset) === 4) return peerAddressByte(words, offset, 0) === 127;
  for (let i = 0; i < 15; i++) if (peerAddressByte(words, offset, i) !== 0) return false;
  return peerAddressByte(words, offset, 15) === 1;
}

/** The third word of ::ffff:0:0/96, in the byte order of peer words. */
const MAPPED_WORD = new Int32Array(Uint8Array.of(0, 0, 0xff, 0xff).buffer)[0]!;

/**
 * Whether the remote end is an IPv4 address in IPv6's clothes (::ffff:a.b.c.d), as on a dual-stack
 * socket: its fourth word is then the address.
 */
export function isMappedIpv4(words: Int32Array, offset: number): boolean {
  return (
    words[offset + REMOTE_WORD + 2] === MAPPED_WORD &&
    words[offset + REMOTE_WORD] === 0 &&
    words[offset + REMOTE_WORD + 1] === 0 &&
    peerFamily(words, offset) === 6
  );
}

/** Address family of the remote end: 4 or 6. */
export function peerFamily(words: Int32Array, offset: number): number {
  return words[offset]! >> 16;
}

/** Port of the remote end. */
export function peerPort(words: Int32Array, offset: number): number {
  return words[offset]! & 0xffff;
}

/**
 * Byte i of the remote address: 0 … 3 of an IPv4 one, 0 … 15 of an IPv6 one, as they are written.
 */
export function peerAddressByte(words: Int32Array, offset: number, i: number): number {
  const shift = LITTLE_ENDIAN ? (i & 3) << 3 : 24 - ((i & 3) << 3);
  return (words[offset + REMOTE_WORD + (i >> 2)]! >>> shift) & 0xff;
}

/**
 * The remote address as text (RFC 5952), a link-local one with its zone: `192.0.2.1`,
 * `2001:db8::1`, `fe80::1%eth0`.
 */
export function formatPeerAddress(words: Int32Array, offset: number): string {
  if (peerFamily(words, offset) === 4) {
    const byte = (i: number) => peerAddressByte(words, offset, i);
    return `${byte(0)}.${byte(1)}.${byte(2)}.${byte(3)}`;
  }
  const scope = words[offset + SCOPE_WORD]!;
  return formatIpv6(words, offset) + (scope === 0 ? '' : `%${zoneName(scope)}`);
}

/** Address and port as text, brackets around IPv6: `192.0.2.1:53`, `[2001:db8::1]:53`. */
export function formatPeer(words: Int32Array, offset: number): string {
  const address = formatPeerAddress(words, offset);
  return `${peerFamily(words, offset) === 6 ? `[${address}]` : address}:${peerPort(words, offset)}`;
}

/** A record with this remote end, or null when the address is not an IP literal. */
export function parsePeer(address: string, port: number): Int32Array | null {
  const words = new Int32Array(PEER_WORDS);
  return writePeer(address, port, words, 0) ? words : null;
}

/**
 * Writes a record with this remote end at words[offset …]; false when the address is not an IP
 * literal.
 */
export function writePeer(address: string, port: number, words: Int32Array, offset: number): boolean {
  words.fill(0, offset, offset + PEER_WORDS);
  if (isIPv4(address)) {
    words[offset] = (4 << 16) | port;
    const bytes = address.split('.');
    for (let i = 0; i < 4; i++) writeAddressByte(words, offset, i, Number(bytes[i]));
    return true;
  }
  if (!isIPv6(address)) return false;
  words[offset] = (6 << 16) | port;
  const zoneOffset = address.indexOf('%');
  const groups = expandIpv6(zoneOffset < 0 ? address : address.slice(0, zoneOffset));
  for (let i = 0; i < 8; i++) {
    writeAddressByte(words, offset, 2 * i, groups[i]! >> 8);
    writeAddressByte(words, offset, 2 * i + 1, groups[i]! & 0xff);
  }
  if (zoneOffset >= 0) words[offset + SCOPE_WORD] = zoneIndex(address.slice(zoneOffset + 1));
  return true;
}

function writeAddressByte(words: Int32Array, offset: number, i: number, byte: number): void {
  const shift = LITTLE_ENDIAN ? (i & 3) << 3 : 24 - ((i & 3) << 3);
  words[offset + REMOTE_WORD + (i >> 2)]! |= byte << shift;
}

/** The eight groups of a valid IPv6 literal without zone; its last two may be written as IPv4. */
function expandIpv6(address: string): number[] {
  const gap = address.indexOf('::');
  const head = parseGroups(gap < 0 ? address : address.slice(0, gap));
  const tail = gap < 0 ? [] : parseGroups(address.slice(gap + 2));
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function parseGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const bytes = group.split('.').map(Number);
    return [(bytes[0]! << 8) | bytes[1]!, (bytes[2]! << 8) | bytes[3]!];
  });
}

function formatIpv6(words: Int32Array, offset: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2)
    groups.push((peerAddressByte(words, offset, i) << 8) | peerAddressByte(words, offset, i + 1));
  // The first of the longest runs of two or more zero groups is left out (RFC 5952 §4.2).
  let gapStart = -1;
  let gapLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > gapLength) {
      gapStart = start;
      gapLength = end - start;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (gapStart < 0) return hex.join(':');
  return `${hex.slice(0, gapStart).join(':')}::${hex.slice(gapStart + gapLength).join(':')}`;
}

/** Name of the interface with this index, or the index itself. */
function zoneName(index: number): string {
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const address of addresses ?? []) if (address.scopeid === index) return name;
  return String(index);
}

/** Index of the interface of this name (or number); 0 when there is none. */
function zoneIndex(zone: string): number {
  const interfaces = networkInterfaces();
  // Only its own: the text may be "constructor".
  const addresses = Object.hasOwn(interfaces, zone) ? interfaces[zone] : undefined;
  for (const address of addresses ?? []) if (address.scopeid) return address.scopeid;
  return /^\d{1,9}$/.test(zone) ? Number(zone) : 0;
}
