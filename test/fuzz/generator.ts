// Random numbers that are the same on every run with the same seed, so that a finding can be had
// again (xorshift32).

export class Generator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 0x9e3779b9;
  }

  /** An unsigned 32-bit number. */
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  /** An integer in 0 … bound − 1. */
  below(bound: number): number {
    return this.next() % bound;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}
