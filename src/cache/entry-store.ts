// Entries of one class (positive, negative, failure), found by hash; the least recently used one is
// evicted first. MessageCache has one store per class, all in one table. Entries with the same hash
// are chained, and their bytes are compared.
import type { EntryKey } from './entry-key.ts';
import type { EntryTable } from './entry-table.ts';
import { HashLru } from './hash-lru.ts';
import { NONE, SEGMENT_COST } from './segment-arena.ts';

/** What an entry costs besides its segments, bytes: its slot in the maps and lists of HashLru. */
export const ENTRY_COST = 80;
/** Entries that may share a hash. More would mean that somebody creates collisions on purpose. */
const MAX_CHAIN = 4;

/** One class of entries. */
export class EntryStore {
  /** Entries held. */
  entries = 0;
  /** Bytes they take, with ENTRY_COST. */
  bytes = 0;
  /** Bytes it may take. */
  readonly maxBytes: number;
  readonly #maxEntries: number;
  readonly #table: EntryTable;
  /**
   * hash → first entry of the chain. Both are small integers: nothing is allocated per entry or
   * look-up.
   */
  readonly #chains: HashLru;

  constructor(table: EntryTable, maxEntries: number, maxBytes: number) {
    this.#table = table;
    this.#maxEntries = maxEntries;
    this.maxBytes = maxBytes;
    // EntryClasses makes room before it inserts: there are never more entries than the bytes allow
    // if all answers are the shortest.
    const mostByBytes = Math.floor(maxBytes / (SEGMENT_COST + ENTRY_COST));
    this.#chains = new HashLru(Math.max(1, Math.min(maxEntries, mostByBytes)));
  }

  /** Whether this class must evict an entry before it takes another one of `bytes` bytes. */
  isFullFor(bytes: number): boolean {
    return this.entries >= this.#maxEntries || this.bytes + bytes > this.maxBytes;
  }

  /** The entry with this key, which is now the most recently used one; NONE if there is none. */
  find(key: EntryKey): number {
    let ref = this.#chains.get(key.hash);
    while (ref !== NONE) {
      if (this.#table.matches(ref, key)) return ref;
      ref = this.#table.nextOf(ref);
    }
    return NONE;
  }

  /**
   * Files an entry whose key and message are already written. Returns how many others were evicted
   * because of equal hashes.
   */
  insert(ref: number): number {
    const hash = this.#table.hashOf(ref);
    const first = this.#chains.get(hash);
    this.entries++;
    this.bytes += this.#cost(ref);
    if (first === NONE) return this.#freeChain(this.#chains.add(hash, ref));
    this.#table.setNext(ref, first);
    this.#chains.replace(hash, ref);
    return this.#cutChain(ref);
  }

  /** Drops one entry. */
  remove(ref: number): void {
    const hash = this.#table.hashOf(ref);
    const next = this.#table.nextOf(ref);
    let previous = this.#chains.get(hash);
    if (previous === ref) {
      if (next === NONE) this.#chains.delete(hash);
      else this.#chains.replace(hash, next);
    } else {
      while (this.#table.nextOf(previous) !== ref) previous = this.#table.nextOf(previous);
      this.#table.setNext(previous, next);
    }
    this.#table.setNext(ref, NONE);
    this.#freeChain(ref);
  }

  /**
   * Drops the least recently used entry (and those with the same hash). Returns how many entries
   * that were.
   */
  evictOldest(): number {
    return this.#freeChain(this.#chains.popOldest());
  }

  /** Whether the least recently used entry has expired. */
  isOldestExpired(nowMs: number): boolean {
    if (this.entries === 0) return false;
    return this.#table.isExpired(this.#chains.oldest(), nowMs);
  }

  /** Every entry; none may come or go meanwhile. Not for the hot path. */
  *refs(): Generator<number> {
    for (const first of this.#chains.values()) {
      for (let ref = first; ref !== NONE; ref = this.#table.nextOf(ref)) yield ref;
    }
  }

  /** Drops the entries for which `drops` returns true. Visits every one: not for the hot path. */
  removeWhere(drops: (ref: number) => boolean): number {
    const dropped: number[] = [];
    for (const ref of this.refs()) if (drops(ref)) dropped.push(ref);
    for (const ref of dropped) this.remove(ref);
    return dropped.length;
  }

  /** Drops every entry. */
  clear(): number {
    let dropped = 0;
    for (const first of this.#chains.values()) dropped += this.#freeChain(first);
    this.#chains.clear();
    return dropped;
  }

  /** Drops what is in a chain behind its first MAX_CHAIN entries. Returns how many that were. */
  #cutChain(first: number): number {
    let last = first;
    for (let length = 1; length < MAX_CHAIN; length++) {
      last = this.#table.nextOf(last);
      if (last === NONE) return 0;
    }
    const tooMany = this.#table.nextOf(last);
    this.#table.setNext(last, NONE);
    return this.#freeChain(tooMany);
  }

  #freeChain(first: number): number {
    let dropped = 0;
    for (let ref = first; ref !== NONE; ) {
      const next = this.#table.nextOf(ref);
      this.entries--;
      this.bytes -= this.#cost(ref);
      this.#table.free(ref);
      ref = next;
      dropped++;
    }
    return dropped;
  }

  #cost(ref: number): number {
    return this.#table.segmentsOf(ref) * SEGMENT_COST + ENTRY_COST;
  }
}
