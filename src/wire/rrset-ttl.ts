// The TTLs of a reply as clients may get them: all records of an RRset have the smallest of its
// TTLs (RFC 2181 §5.2), and a TTL with the top bit set is 0 (§8). Called once per reply, before it
// is stored and sent out.

import { equalBytes, readUint16, readUint32, writeUint32 } from './bytes.ts';
import { Type } from './codes.ts';
import type { ScannedResponse } from './response.ts';
import { readTtl } from './ttl.ts';

/**
 * TYPE and CLASS are this many bytes before TTL; RDATA starts, and RDLENGTH ends, this many after.
 */
const FIXED_BEFORE_TTL = 4;
const RDATA_BEHIND_TTL = 6;

/**
 * Corrects the TTLs of the scanned message, in place. Only neighbors are compared: servers keep an
 * RRset together.
 */
export function equalizeTtls(bytes: Uint8Array, scanned: ScannedResponse): void {
  const { ttlOffsets, ttlCount, minTtlSeconds } = scanned;
  let differ = false;
  for (let i = 0; i < ttlCount; i++) {
    const ttl = readUint32(bytes, ttlOffsets[i]!);
    if (ttl === minTtlSeconds) continue;
    differ = true;
    if (ttl > 0x7fffffff) writeUint32(bytes, ttlOffsets[i]!, 0);
  }
  if (!differ) return;
  // Forward and back: the smallest TTL of an RRset reaches all of it.
  for (let i = 1; i < ttlCount; i++) level(bytes, scanned, i - 1, i);
  for (let i = ttlCount - 1; i > 0; i--) level(bytes, scanned, i - 1, i);
}

/** Gives two neighbors the lower of their TTLs if they are in one RRset. */
function level(bytes: Uint8Array, scanned: ScannedResponse, i: number, next: number): void {
  const ttlOffset = scanned.ttlOffsets[i]!;
  const nextTtlOffset = scanned.ttlOffsets[next]!;
  const ttl = readTtl(bytes, ttlOffset);
  const nextTtl = readTtl(bytes, nextTtlOffset);
  if (ttl === nextTtl) return;
  const fixedOffset = ttlOffset - FIXED_BEFORE_TTL;
  const nextFixedOffset = nextTtlOffset - FIXED_BEFORE_TTL;
  if (!equalBytes(bytes, fixedOffset, bytes, nextFixedOffset, FIXED_BEFORE_TTL)) return;
  // Signatures are no RRset of their own: each has the TTL of what it covers (RFC 4034 §3).
  if (readUint16(bytes, fixedOffset) === Type.RRSIG) return;
  const ownerOffset = i === 0 ? scanned.questionEnd : recordEnd(bytes, scanned.ttlOffsets[i - 1]!);
  const nextOwnerOffset = recordEnd(bytes, ttlOffset);
  // It is enough to compare the bytes of the first owner: they contain its end (root or pointer),
  // so a second one that begins with all of them ends there too.
  if (!equalBytes(bytes, ownerOffset, bytes, nextOwnerOffset, fixedOffset - ownerOffset)) return;
  writeUint32(bytes, ttl < nextTtl ? nextTtlOffset : ttlOffset, Math.min(ttl, nextTtl));
}

function recordEnd(bytes: Uint8Array, ttlOffset: number): number {
  return ttlOffset + RDATA_BEHIND_TTL + readUint16(bytes, ttlOffset + FIXED_BEFORE_TTL);
}
