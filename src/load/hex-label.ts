// Digits of made-up labels.

const HEX = new TextEncoder().encode('0123456789abcdef');

/**
 * Writes eight digits, the lowest first: names that follow each other differ where their first
 * bytes are compared. Returns where they end.
 */
export function writeHex(out: Uint8Array, at: number, value: number): number {
  for (let i = 0; i < 8; i++) out[at + i] = HEX[(value >>> (i << 2)) & 0x0f]!;
  return at + 8;
}
