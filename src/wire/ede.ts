// An Extended DNS Error (RFC 8914): why an answer is as it is. Made once for each reason, not for
// each answer; edns.ts writes it.

export interface Ede {
  /** INFO-CODE; −1: the answer has no such option. */
  readonly code: number;
  /** UTF-8; null: the code says it all. */
  readonly text: Uint8Array | null;
  /** INFO-CODE of one more option, without text; absent or −1: there is none. */
  readonly also?: number;
}

export function ede(code: number, text: Uint8Array | null = null): Ede {
  return { code, text };
}

export const NO_EDE: Ede = ede(-1);
