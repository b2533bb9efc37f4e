// 16- and 32-bit numbers in network order (RFC 1035 §2.3.2). Everything in wire/ reads and writes
// with these; the caller has checked the bounds.

/** The 16-bit number at offset. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** The unsigned 32-bit number at offset. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

/** Writes the lower 16 bits of value. */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Writes value as 32 bits. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Whether `count` bytes are equal. */
export function equalBytes(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  count: number,
): boolean {
  for (let i = 0; i < count; i++) {
    if (a[aOffset + i]! !== b[bOffset + i]!) return false;
  }
  return true;
}
