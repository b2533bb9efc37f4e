// How entries may be found: lru-cache keyed by text, by the question's hash (as in
// src/cache/entry-store.ts), and a table of our own in typed arrays with its list of recent use.
// `npx vitest bench --run bench/cache/store-key.bench.ts`. 100,000 names, hits in a scattered
// order; and stores of new names into the full table, each of which costs the oldest entry its
// place.
import { LRUCache } from 'lru-cache';
import { bench, describe } from 'vitest';

const NAMES = 100_000;
/** Coprime to NAMES: the walk visits every name before it comes back to one. */
const STEP = 7919;
const BATCH = 1000;
const NONE = -1;
const OPTIONS = {};

const queries = Array.from({ length: 2 * NAMES }, (_, i) =>
  Buffer.from(`\x04host${i}\x03hot\x07example\x00\x00\x01\x00\x01`, 'latin1'),
);

/** As wire/query.ts has it already when the cache is asked: not part of what is measured. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash | 0;
}
const hashes = Int32Array.from(queries, hashOf);

/** Where the bytes of entry i lie: whoever finds by hash must compare them. */
const stored = queries.map((query) => query.slice());
function isSame(ref: number, query: Uint8Array): boolean {
  const own = stored[ref]!;
  if (own.length !== query.length) return false;
  for (let i = 0; i < own.length; i++) if (own[i] !== query[i]) return false;
  return true;
}

/** Open addressing, linear; entries linked from the newest to the oldest. */
class HashTable {
  readonly #mask: number;
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  #newest = NONE;
  #oldest = NONE;
  count = 0;

  constructor(refs: number, capacity: number) {
    this.#mask = 2 ** Math.ceil(Math.log2(capacity * 2)) - 1;
    this.#slots = new Int32Array(this.#mask + 1).fill(NONE);
    this.#hashes = new Int32Array(refs);
    this.#newer = new Int32Array(refs).fill(NONE);
    this.#older = new Int32Array(refs).fill(NONE);
  }

  get(hash: number, query: Uint8Array): number {
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const ref = this.#slots[slot]!;
      if (ref === NONE) return NONE;
      if (this.#hashes[ref] !== hash || !isSame(ref, query)) continue;
      this.#unlink(ref);
      this.#link(ref);
      return ref;
    }
  }

  set(hash: number, ref: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = ref;
    this.#hashes[ref] = hash;
    this.#link(ref);
    this.count++;
  }

  /** Closes the gap by moving back what was pushed on (Knuth 6.4, algorithm R). */
  pop(): void {
    const ref = this.#oldest;
    this.#unlink(ref);
    this.count--;
    let hole = this.#hashes[ref]! & this.#mask;
    while (this.#slots[hole] !== ref) hole = (hole + 1) & this.#mask;
    for (let slot = (hole + 1) & this.#mask; this.#slots[slot] !== NONE; slot = (slot + 1) & this.#mask) {
      const home = this.#hashes[this.#slots[slot]!]! & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = this.#slots[slot]!;
      hole = slot;
    }
    this.#slots[hole] = NONE;
  }

  #link(ref: number): void {
    this.#older[ref] = this.#newest;
    this.#newer[ref] = NONE;
    if (this.#newest === NONE) this.#oldest = ref;
    else this.#newer[this.#newest] = ref;
    this.#newest = ref;
  }

  #unlink(ref: number): void {
    const older = this.#older[ref]!;
    const newer = this.#newer[ref]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }
}

const byText = new LRUCache<string, number>({ max: NAMES });
const byHash = new LRUCache<number, number>({ max: NAMES });
const table = new HashTable(2 * NAMES, NAMES);
for (let i = 0; i < NAMES; i++) {
  byText.set(queries[i]!.toString('latin1'), i);
  byHash.set(hashes[i]!, i);
  table.set(hashes[i]!, i);
}

/** Takes the results, so that no work can be left out. */
const sink = { sum: 0 };

function walk(length: number, work: (i: number) => void): () => void {
  let at = 0;
  return () => {
    for (let i = 0; i < BATCH; i++) {
      at = (at + STEP) % length;
      work(at);
    }
  };
}

describe(`${BATCH} hits among ${NAMES} names`, () => {
  bench(
    'lru-cache, text made of the bytes',
    walk(NAMES, (i) => {
      sink.sum += byText.get(queries[i]!.toString('latin1'), OPTIONS) ?? NONE;
    }),
  );
  bench(
    'lru-cache, hash, bytes compared',
    walk(NAMES, (i) => {
      const ref = byHash.get(hashes[i]!, OPTIONS) ?? NONE;
      if (ref === NONE || !isSame(ref, queries[i]!)) throw new Error('not found');
      sink.sum += ref;
    }),
  );
  bench(
    'typed arrays, hash, bytes compared',
    walk(NAMES, (i) => {
      const ref = table.get(hashes[i]!, queries[i]!);
      if (ref === NONE) throw new Error('not found');
      sink.sum += ref;
    }),
  );
});

describe(`${BATCH} new names into a full table of ${NAMES}`, () => {
  bench(
    'lru-cache, text made of the bytes',
    walk(2 * NAMES, (i) => byText.set(queries[i]!.toString('latin1'), i, OPTIONS)),
  );
  bench(
    'lru-cache, hash',
    walk(2 * NAMES, (i) => byHash.set(hashes[i]!, i, OPTIONS)),
  );
  const own = new HashTable(2 * NAMES, NAMES);
  bench(
    'typed arrays, hash',
    walk(2 * NAMES, (i) => {
      if (own.count === NAMES) own.pop();
      own.set(hashes[i]!, i);
    }),
  );
});
