// Says which events are counted: all of them while there are few, one of N (which then counts N
// times) while there are many. So counting costs the same at any load.

/** Events counted per second, about: a microsecond or two each, so a thousandth of it or two. */
export const BUDGET = 1024;

export class Sampler {
  /** How many events the one that is due stands for. */
  weight = 1;
  /** One query in this many is counted, from the next one on. */
  #stride = 1;
  #left = 1;
  /** Counted since the last tick, or since the stride was doubled. */
  #taken = 0;
  #random: number;

  /** @param seed of the random gaps, which no rhythm of the events can fit */
  constructor(seed: number) {
    this.#random = seed | 1;
  }

  /** Whether this event is counted: `weight` times. */
  isDue(): boolean {
    return --this.#left <= 0 && this.#next();
  }

  #next(): true {
    this.weight = this.#stride;
    if (++this.#taken >= BUDGET) {
      this.#taken = 0;
      this.#stride <<= 1;
    }
    this.#left = this.#gap();
    return true;
  }

  /**
   * How many events from now the next one is counted, each with the same chance, 1 in `stride`: a
   * geometric gap. It has no memory, so a new one may be drawn at any time without a bias.
   */
  #gap(): number {
    if (this.#stride === 1) return 1;
    // xorshift32 (Marsaglia, 2003); never 0.
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    // As an integer: V8 keeps what may be a fraction in an object of its own.
    return 1 + ((Math.log((x >>> 0) / 2 ** 32) / Math.log1p(-1 / this.#stride)) | 0);
  }

  /** Once a second: counts more of the events again if there are fewer of them. */
  tick(): void {
    if (this.#taken < BUDGET / 4 && this.#stride > 1) {
      this.#stride >>= 1;
      this.#left = this.#gap();
    }
    this.#taken = 0;
  }
}
