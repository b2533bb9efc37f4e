// Queries that wait for a connection: favored ones first, then oldest first. Belongs to
// stream-exchange.
import { type Exchange, UNSENT_ID, type UpstreamQuery } from './exchange.ts';
import { CROWDED_MS } from './stream-bounds.ts';
import type { StreamEntry } from './stream-entry.ts';

export class WaitingQueries {
  #entries = new Map<UpstreamQuery, StreamEntry>();

  get size(): number {
    return this.#entries.size;
  }

  /** In their order; what is removed meanwhile is left out. */
  entries(): IterableIterator<StreamEntry> {
    return this.#entries.values();
  }

  /** Since when the first one waits (clock ms); there is one. */
  get firstSinceMs(): number {
    const [first] = this.#entries.values();
    return first!.sinceMs;
  }

  /** The last of all. */
  add(entry: StreamEntry, nowMs: number): void {
    entry.sinceMs = nowMs;
    this.#entries.set(entry.query!, entry);
  }

  remove(query: UpstreamQuery): void {
    this.#entries.delete(query);
  }

  /** All of them; none waits any more. */
  takeAll(): StreamEntry[] {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    return entries;
  }

  /**
   * Connections that they need, where each takes `depth` of them; those that are to be alone need
   * one each. At most `most`.
   */
  connectionsWanted(depth: number, most: number): number {
    let alone = 0;
    for (const entry of this.#entries.values()) if (entry.alone && ++alone === most) return most;
    return Math.min(most, alone + Math.ceil((this.#entries.size - alone) / depth));
  }

  get favored(): number {
    let count = 0;
    for (const { isFavored } of this.#entries.values()) if (isFavored) count++;
    return count;
  }

  /**
   * Asks the owners of those that have waited for some time. Those that others have made room for
   * come first then. `exchange`: where they wait.
   */
  askForRoom(exchange: Exchange, nowMs: number): void {
    for (const [query, entry] of [...this.#entries]) {
      if (nowMs - entry.sinceMs < CROWDED_MS) continue;
      // Canceled when another one was asked.
      if (entry.isFavored || query.id !== UNSENT_ID || query.exchange !== exchange) continue;
      entry.isFavored = query.owner?.makeRoom?.(query) === true;
      entry.mayTry = !entry.isFavored;
    }
    const byFavor = [...this.#entries].sort(([, a], [, b]) => Number(b.isFavored) - Number(a.isFavored));
    this.#entries = new Map(byFavor);
  }
}
