// Fast random numbers for names and shares: xorshift32, repeatable by its seed. Nothing here needs
// to be unpredictable.

/** A generator. */
export class FastRandom {
  readonly #state = new Uint32Array(1);

  constructor(seed: number) {
    // Small seeds would begin with small numbers; zero would stay zero.
    this.#state[0] = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) || 0x1234567;
    for (let i = 0; i < 8; i++) this.uint32();
  }

  /** 1 … 2³²−1. */
  uint32(): number {
    let x = this.#state[0]!;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state[0] = x;
    return x >>> 0;
  }
}

/** The number below which a draw falls with this share, 0 … 1. */
export function shareThreshold(share: number): number {
  return Math.round(share * 0x1_0000_0000);
}
