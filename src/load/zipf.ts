// Draws from a Zipf distribution, as the popularity of names is: rank k is drawn in proportion to 1
// / k^s. Walker's alias method: one random number, two look-ups, whatever the size. Called for
// every generated query.
import type { FastRandom } from './fast-random.ts';

/** A distribution over ranks 0 … size−1. */
export class Zipf {
  readonly #size: number;
  /** Of 2³²: how much of column i is rank i; the rest is rank aliases[i]. */
  readonly #thresholds: Float64Array;
  readonly #aliases: Uint32Array;
  readonly #random: FastRandom;

  /** `exponent` 0 draws all ranks alike; 1 is what DNS traffic is near. */
  constructor(size: number, exponent: number, random: FastRandom) {
    this.#size = size;
    this.#random = random;
    const weights = Float64Array.from({ length: size }, (_, i) => (i + 1) ** -exponent);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.#thresholds = new Float64Array(size);
    this.#aliases = new Uint32Array(size);
    const scaled = weights.map((weight) => (weight / sum) * size);
    const small: number[] = [];
    const large: number[] = [];
    scaled.forEach((value, i) => {
      (value < 1 ? small : large).push(i);
    });
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!;
      const more = large.pop()!;
      this.#thresholds[less] = scaled[less]! * 0x1_0000_0000;
      this.#aliases[less] = more;
      scaled[more] = scaled[more]! - (1 - scaled[less]!);
      (scaled[more]! < 1 ? small : large).push(more);
    }
    for (const i of [...small, ...large]) this.#thresholds[i] = 0x1_0000_0000;
  }

  /** A rank. */
  next(): number {
    const column = Math.floor((this.#random.uint32() / 0x1_0000_0000) * this.#size);
    return this.#random.uint32() < this.#thresholds[column]! ? column : this.#aliases[column]!;
  }
}
