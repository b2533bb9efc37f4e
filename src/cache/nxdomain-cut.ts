// Finds the denial that ends a name: an NXDOMAIN for a name says that no name below it exists
// either (RFC 8020). Called by MessageCache, only for zones that say so (zones.*.nxdomainCut), and
// only when the cache has no answer for the name itself: what is cached below a denied name is
// used until it expires.
import { HEADER_LENGTH } from '../wire/header.ts';
import { KEY_DO } from '../wire/query.ts';
import type { CacheHit } from './cache-hit.ts';
import { EntryKey } from './entry-key.ts';
import type { EntryMessages } from './entry-message.ts';
import type { EntryStore } from './entry-store.ts';
import type { EntryTable } from './entry-table.ts';
import type { QuestionKey } from './question-key.ts';
import { NONE } from './segment-arena.ts';

/** What a look-up must know of a zone: its entries, and the length of its name. */
export interface CutZone {
  readonly partition: number;
  readonly wireSuffix: Uint8Array;
}

/**
 * Names looked for, from the zone down: a name of a hundred labels costs no more than others (RFC
 * 9156 §2.3 has the same limit).
 */
const MAX_NAMES = 10;
/** A longer message may not fit a datagram with the longer name. */
const MAX_DENIAL_LENGTH = 256;
/**
 * "_tcp" and the like: servers that make up answers to _http._tcp.NAME often do not know that
 * _tcp.NAME then exists (CoreDNS for one), so a denial of it ends nothing.
 */
const UNDERSCORE = 0x5f;

export class NxdomainCut {
  readonly #table: EntryTable;
  readonly #messages: EntryMessages;
  readonly #negatives: EntryStore;
  readonly #key = new EntryKey();

  constructor(table: EntryTable, messages: EntryMessages, negatives: EntryStore) {
    this.#table = table;
    this.#messages = messages;
    this.#negatives = negatives;
  }

  /**
   * Looks for the fresh denial of a name above QNAME, within the zone, and takes it as the hit.
   * Returns whether there is one.
   */
  find(query: Uint8Array, q: QuestionKey, zone: CutZone, nowMs: number, hit: CacheHit): boolean {
    // The proof that a client with DO expects would be about another name.
    if (this.#negatives.entries === 0 || (q.keyFlags & KEY_DO) !== 0) return false;
    const zoneOffset = HEADER_LENGTH + q.qnameLength - zone.wireSuffix.length;
    for (let at = firstAbove(query, zoneOffset); at < zoneOffset; at += query[at]! + 1) {
      if (query[at + 1] === UNDERSCORE) continue;
      const ref = this.#negatives.find(this.#key.ofNameAbove(query, q, zone.partition, at));
      if (ref === NONE || !this.#ends(ref, nowMs)) continue;
      hit.ref = ref;
      hit.rcode = this.#table.rcodeOf(ref);
      hit.qtype = q.qtype;
      hit.typeOffset = HEADER_LENGTH + q.qnameLength;
      hit.addedLength = at - HEADER_LENGTH;
      return true;
    }
    return false;
  }

  #ends(ref: number, nowMs: number): boolean {
    const table = this.#table;
    if (table.isExpired(ref, nowMs) || table.lengthOf(ref) > MAX_DENIAL_LENGTH) return false;
    return this.#messages.isBareDenial(ref);
  }

  /** Forgets the denials of the names above QNAME: something at or below them exists. */
  forget(query: Uint8Array, q: QuestionKey, zone: CutZone): void {
    if (this.#negatives.entries === 0) return;
    const zoneOffset = HEADER_LENGTH + q.qnameLength - zone.wireSuffix.length;
    for (let at = firstAbove(query, zoneOffset); at < zoneOffset; at += query[at]! + 1) {
      const ref = this.#negatives.find(this.#key.ofNameAbove(query, q, zone.partition, at));
      if (ref !== NONE) this.#negatives.remove(ref);
    }
  }
}

/** Where the longest name above QNAME starts that is looked for; the zone's offset: none is. */
function firstAbove(query: Uint8Array, zoneOffset: number): number {
  let count = 0;
  for (let at = HEADER_LENGTH; at < zoneOffset; at += query[at]! + 1) count++;
  let at = HEADER_LENGTH;
  for (let skip = Math.max(1, count - MAX_NAMES); skip > 0 && at < zoneOffset; skip--) at += query[at]! + 1;
  return at;
}
