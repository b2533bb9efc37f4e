// TTLs changed in place, by offsets that scanResponse() stored, without a walk. Called when an
// answer leaves or enters the cache (RFC 1035 §3.2.1, RFC 2181 §8, RFC 8767 §4). `base`: where the
// message starts inside `bytes`.
import { readUint32, writeUint32 } from './bytes.ts';

/** The seconds that a TTL field stands for: with its top bit set it is 0 (RFC 2181 §8). */
export function readTtl(bytes: Uint8Array, offset: number): number {
  const ttl = readUint32(bytes, offset);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/**
 * Takes `elapsedSeconds` from `count` TTLs, the first at ttlOffsets[from]; none falls below `floor`
 * (0 or 1).
 */
export function ageTtls(
  bytes: Uint8Array,
  base: number,
  ttlOffsets: Uint16Array,
  from: number,
  count: number,
  elapsedSeconds: number,
  floor: number,
): void {
  for (let i = from; i < from + count; i++) {
    const offset = base + ttlOffsets[i]!;
    const left = readTtl(bytes, offset) - elapsedSeconds;
    writeUint32(bytes, offset, Math.max(left, floor));
  }
}

/** Sets `count` TTLs to one value, as stale answers need it (RFC 8767 §4: 30 s). */
export function setTtls(
  bytes: Uint8Array,
  base: number,
  ttlOffsets: Uint16Array,
  from: number,
  count: number,
  ttlSeconds: number,
): void {
  for (let i = from; i < from + count; i++) writeUint32(bytes, base + ttlOffsets[i]!, ttlSeconds);
}

/** Clamps `count` TTLs to minSeconds … maxSeconds. */
export function capTtls(
  bytes: Uint8Array,
  base: number,
  ttlOffsets: Uint16Array,
  from: number,
  count: number,
  minSeconds: number,
  maxSeconds: number,
): void {
  for (let i = from; i < from + count; i++) {
    const offset = base + ttlOffsets[i]!;
    const ttl = readTtl(bytes, offset);
    writeUint32(bytes, offset, ttl < minSeconds ? minSeconds : Math.min(ttl, maxSeconds));
  }
}
