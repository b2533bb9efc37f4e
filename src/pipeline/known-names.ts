// Names that exist, as replies have shown, or that were asked for in vain a moment ago: below them
// the whole name is asked for at once. A hint and no more: a name that is missing here, or here by
// mistake, costs or saves a query and changes no answer. One per worker, of fixed size.
import { avalanche } from '../wire/name-hash.ts';

/** A power of two. Names that share a slot replace each other. */
const SLOTS = 4096;

export class KnownNames {
  readonly #hashes = new Int32Array(SLOTS);
  /** Clock ms; 0: the slot is empty. */
  readonly #untilMs = new Float64Array(SLOTS);

  /** @param hash of the name (hashLabel), in a zone's partition */
  note(hash: number, partition: number, untilMs: number): void {
    const key = avalanche(hash, partition);
    const slot = key & (SLOTS - 1);
    if (this.#hashes[slot] === key && this.#untilMs[slot]! > untilMs) return;
    this.#hashes[slot] = key;
    this.#untilMs[slot] = untilMs;
  }

  isKnown(hash: number, partition: number, nowMs: number): boolean {
    const key = avalanche(hash, partition);
    const slot = key & (SLOTS - 1);
    return this.#hashes[slot] === key && this.#untilMs[slot]! > nowMs;
  }

  /** Whether it was known at any time. */
  wasKnown(hash: number, partition: number): boolean {
    return this.isKnown(hash, partition, 0);
  }
}
