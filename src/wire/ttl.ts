// TTLs changed in place, by offsets that scanResponse() stored, without a walk. Called when an
// answer leaves or enters the cache (RFC 1035 §3.2.1, RFC 2181 §8, RFC 8767 §4). The message starts
// at bytes[0].
import { readUint32, writeUint32 } from './bytes.ts';

/** The seconds that a TTL field stands for: with its top bit set it is 0 (RFC 2181 §8). */
export function readTtl(bytes: Uint8Array, offset: number): number {
  const ttl = readUint32(bytes, offset);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/**
 * Takes `elapsedSeconds` from `count` TTLs, the first at ttlOffsets[from]. None falls below 1: 0
 * would mean "do not keep", and a fresh answer's last second has not passed yet.
 */
export function ageTtls(
  bytes: Uint8Array,
  ttlOffsets: Uint16Array,
  from: number,
  count: number,
  elapsedSeconds: number,
): void {
  for (let i = from; i < from + count; i++) {
    const offset = ttlOffsets[i]!;
    const left = readTtl(bytes, offset) - elapsedSeconds;
    writeUint32(bytes, offset, Math.max(left, 1));
  }
}

/** Sets `count` TTLs to one value, as stale answers need it (RFC 8767 §4: 30 s). */
export function setTtls(
  bytes: Uint8Array,
  ttlOffsets: Uint16Array,
  from: number,
  count: number,
  ttlSeconds: number,
): void {
  for (let i = from; i < from + count; i++) writeUint32(bytes, ttlOffsets[i]!, ttlSeconds);
}

/** Clamps the first `count` TTLs to minSeconds … maxSeconds. */
export function capTtls(
  bytes: Uint8Array,
  ttlOffsets: Uint16Array,
  count: number,
  minSeconds: number,
  maxSeconds: number,
): void {
  for (let i = 0; i < count; i++) {
    const offset = ttlOffsets[i]!;
    const ttl = readTtl(bytes, offset);
    writeUint32(bytes, offset, ttl < minSeconds ? minSeconds : Math.min(ttl, maxSeconds));
  }
}
