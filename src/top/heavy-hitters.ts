// The keys that come most often, in bounded memory: the space-saving algorithm (Metwally, Agrawal,
// El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005). It keeps
// so many counts. A new key takes over the least of them with its count, so no key that comes more
// often than 1 in `capacity` can be missed. What a key took over is known: it has come at least
// count − inherited times.
//
//   buckets ─by hash─▶ slot: key, count, inherited ◀─ heap, the least count first
//
// Typed arrays only: nothing is allocated after the constructor.

/** A key and how often it has come, at least. */
export interface Hit {
  readonly key: Uint8Array;
  readonly count: number;
}

export class HeavyHitters {
  readonly #capacity: number;
  readonly #keyBytes: number;
  #used = 0;
  readonly #keys: Uint8Array;
  readonly #lengths: Uint16Array;
  readonly #hashes: Int32Array;
  readonly #counts: Float64Array;
  readonly #inherited: Float64Array;
  /** Slots: a binary heap, the least count at 0. */
  readonly #heap: Uint16Array;
  /** Per slot, where it is in the heap. */
  readonly #heapAt: Uint16Array;
  /** Per bucket the first slot plus 1, and per slot the next one plus 1; 0: none. */
  readonly #buckets: Uint16Array;
  readonly #next: Uint16Array;

  /**
   * @param capacity keys counted at a time, below 65535
   * @param keyBytes the longest key
   */
  constructor(capacity: number, keyBytes: number) {
    this.#capacity = capacity;
    this.#keyBytes = keyBytes;
    this.#keys = new Uint8Array(capacity * keyBytes);
    this.#lengths = new Uint16Array(capacity);
    this.#hashes = new Int32Array(capacity);
    this.#counts = new Float64Array(capacity);
    this.#inherited = new Float64Array(capacity);
    this.#heap = new Uint16Array(capacity);
    this.#heapAt = new Uint16Array(capacity);
    this.#buckets = new Uint16Array(2 ** Math.ceil(Math.log2(capacity * 2)));
    this.#next = new Uint16Array(capacity);
  }

  /**
   * Counts the key in key[0 … length−1] `weight` times. Returns whether another key lost its count.
   */
  add(key: Uint8Array, length: number, hash: number, weight: number): boolean {
    const found = this.#find(key, length, hash);
    if (found >= 0) {
      this.#counts[found]! += weight;
      this.#sink(this.#heapAt[found]!);
      return false;
    }
    const isFull = this.#used === this.#capacity;
    const slot = isFull ? this.#heap[0]! : this.#used++;
    if (isFull) {
      this.#unlink(slot);
    } else {
      this.#counts[slot] = 0;
      this.#heap[slot] = slot;
      this.#heapAt[slot] = slot;
    }
    this.#inherited[slot] = this.#counts[slot]!;
    this.#counts[slot]! += weight;
    this.#lengths[slot] = length;
    this.#hashes[slot] = hash;
    const at = slot * this.#keyBytes;
    for (let i = 0; i < length; i++) this.#keys[at + i] = key[i]!;
    const bucket = hash & (this.#buckets.length - 1);
    this.#next[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot + 1;
    if (isFull) this.#sink(0);
    else this.#rise(slot);
    return isFull;
  }

  /** Those that have come most often, at most `limit`, the most frequent first. */
  most(limit: number): Hit[] {
    const slots = Array.from({ length: this.#used }, (_, slot) => slot);
    const countOf = (slot: number) => this.#counts[slot]! - this.#inherited[slot]!;
    slots.sort((a, b) => countOf(b) - countOf(a));
    return slots.slice(0, limit).map((slot) => {
      const at = slot * this.#keyBytes;
      return { key: this.#keys.slice(at, at + this.#lengths[slot]!), count: countOf(slot) };
    });
  }

  /** Forgets all. */
  clear(): void {
    this.#used = 0;
    this.#buckets.fill(0);
  }

  #find(key: Uint8Array, length: number, hash: number): number {
    let slot = this.#buckets[hash & (this.#buckets.length - 1)]! - 1;
    while (slot >= 0 && !this.#isAt(slot, key, length, hash)) slot = this.#next[slot]! - 1;
    return slot;
  }

  #isAt(slot: number, key: Uint8Array, length: number, hash: number): boolean {
    if (this.#hashes[slot] !== hash || this.#lengths[slot] !== length) return false;
    const at = slot * this.#keyBytes;
    for (let i = 0; i < length; i++) if (this.#keys[at + i] !== key[i]) return false;
    return true;
  }

  #unlink(slot: number): void {
    const bucket = this.#hashes[slot]! & (this.#buckets.length - 1);
    let before = this.#buckets[bucket]! - 1;
    if (before === slot) {
      this.#buckets[bucket] = this.#next[slot]!;
      return;
    }
    while (this.#next[before] !== slot + 1) before = this.#next[before]! - 1;
    this.#next[before] = this.#next[slot]!;
  }

  /** The count at this position of the heap has grown. */
  #sink(from: number): void {
    const slot = this.#heap[from]!;
    const count = this.#counts[slot]!;
    let at = from;
    for (let child = 2 * at + 1; child < this.#used; child = 2 * at + 1) {
      if (child + 1 < this.#used && this.#countAt(child + 1) < this.#countAt(child)) child++;
      if (this.#countAt(child) >= count) break;
      this.#put(this.#heap[child]!, at);
      at = child;
    }
    this.#put(slot, at);
  }

  /** The count at this position of the heap is new. */
  #rise(from: number): void {
    const slot = this.#heap[from]!;
    const count = this.#counts[slot]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#countAt(parent) <= count) break;
      this.#put(this.#heap[parent]!, at);
      at = parent;
    }
    this.#put(slot, at);
  }

  #countAt(position: number): number {
    return this.#counts[this.#heap[position]!]!;
  }

  #put(slot: number, position: number): void {
    this.#heap[position] = slot;
    this.#heapAt[slot] = position;
  }
}
