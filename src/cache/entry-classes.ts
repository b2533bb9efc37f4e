// The three classes of entries and the memory they share: which class gets room, and what is
// evicted for it. Used by MessageCache.
//
// What is evicted when the cache is full, and why: a flood of random names brings only negatives,
// and an outage brings only failures. Neither may push out the answers that all clients ask for. So
// each class has its own store:
//   failures   at most a tenth of the entries and bytes;
//   negatives  at most half of them;
//   positives  whatever is left: at least 40 %, up to everything.
// A class at its limit evicts its own oldest entry. Otherwise the oldest failure or negative goes
// if it has expired, and if none has, the oldest positive. ("Oldest" always means least recently
// used.)
import { Counter, type Counters } from '../metrics/counters.ts';
import { ENTRY_COST, EntryStore } from './entry-store.ts';
import { EntryTable } from './entry-table.ts';
import { NONE, SEGMENT_COST } from './segment-arena.ts';

/** Stores of one thread's cache. */
export class EntryClasses {
  readonly table: EntryTable;
  /** Answers with the records asked for. */
  readonly positives: EntryStore;
  /** NXDOMAIN and NODATA. */
  readonly negatives: EntryStore;
  /** SERVFAIL and similar failures. */
  readonly failures: EntryStore;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #counters: Counters;

  constructor(maxEntries: number, maxBytes: number, counters: Counters) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#counters = counters;
    this.table = new EntryTable(Math.floor(maxBytes / SEGMENT_COST));
    this.positives = new EntryStore(this.table, maxEntries, maxBytes);
    this.negatives = new EntryStore(this.table, Math.ceil(maxEntries / 2), maxBytes / 2);
    this.failures = new EntryStore(this.table, Math.ceil(maxEntries / 10), maxBytes / 10);
    this.publish();
  }

  /** Entries held, expired ones included. */
  get entries(): number {
    return this.positives.entries + this.negatives.entries + this.failures.entries;
  }

  /** Bytes they take. */
  get bytes(): number {
    return this.positives.bytes + this.negatives.bytes + this.failures.bytes;
  }

  /**
   * Takes segments for a new entry of `store`; evicts other entries if needed. NONE if the entry
   * can never fit.
   */
  makeRoom(store: EntryStore, segments: number, nowMs: number): number {
    const bytes = segments * SEGMENT_COST + ENTRY_COST;
    if (bytes > store.maxBytes) return NONE;
    while (
      store.isFullFor(bytes) ||
      this.entries >= this.#maxEntries ||
      this.bytes + bytes > this.#maxBytes
    ) {
      const evicted = this.#evictOne(store, bytes, nowMs);
      if (evicted === 0) return NONE;
      this.#counters.values[Counter.cacheEvictions]! += evicted;
    }
    return this.table.allocate(segments);
  }

  /** Files an entry whose key and message are already written. */
  insert(store: EntryStore, ref: number): void {
    this.#counters.values[Counter.cacheEvictions]! += store.insert(ref);
  }

  /** Sets the gauges. */
  publish(): void {
    this.#counters.values[Counter.cacheEntries] = this.entries;
    this.#counters.values[Counter.cacheBytes] = this.bytes;
  }

  #evictOne(store: EntryStore, bytes: number, nowMs: number): number {
    if (store.isFullFor(bytes)) return store.evictOldest();
    if (this.failures.isOldestExpired(nowMs)) return this.failures.evictOldest();
    if (this.negatives.isOldestExpired(nowMs)) return this.negatives.evictOldest();
    return this.positives.evictOldest() || this.negatives.evictOldest() || this.failures.evictOldest();
  }
}
