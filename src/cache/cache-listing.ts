// What the cache holds, for operators (`unloop cache`). Called through MessageCache.list(). Visits
// entries one by one, as a flush does; what it returns is bounded.

import { writeUint16 } from '../wire/bytes.ts';
import { className, rcodeName, typeName } from '../wire/codes.ts';
import { describeMessage } from '../wire/describe.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded, MAX_NAME_LENGTH } from '../wire/name.ts';
import { nameToText } from '../wire/text.ts';
import type { EntryClasses } from './entry-classes.ts';
import type { EntryMessages } from './entry-message.ts';
import type { EntryStore } from './entry-store.ts';

const MAX_MESSAGE_BYTES = 65_535;

/** Which entries. */
export interface ListingOf {
  /** Exactly this name, in wire form; null: every name. Their messages are shown as text, too. */
  readonly name: Uint8Array | null;
  /** 0: every type. An NXDOMAIN stands for all types. */
  readonly qtype: number;
  /** Zones by their partitions; entries of others are not found by queries any more. */
  readonly zones: ReadonlyMap<number, string>;
  /** Entries at most. */
  readonly limit: number;
}

/** One entry, as `GET /cache/entries` shows it. */
export interface CachedEntry {
  /** Absolute: `www.example.` */
  readonly name: string;
  /** `any` for an NXDOMAIN. */
  readonly type: string;
  readonly qclass: string;
  readonly zone: string;
  /** What kind of answer it is; a failure says that the upstreams failed on this question. */
  readonly kind: 'positive' | 'negative' | 'failure';
  readonly rcode: string;
  /** Seconds for which it is still fresh; negative: expired so long ago, kept as stale data. */
  readonly ttlSeconds: number;
  /** ISO 8601, wall clock. */
  readonly storedAt: string;
  /** Answers given from it; of a failure: how often in a row, beyond the first. */
  readonly hits: number;
  /** The answer as text, where one name was asked for; '' else, and for a failure. */
  readonly message: string;
}

/** Entries of one cache, positive ones first. */
export class CacheListing {
  readonly #classes: EntryClasses;
  readonly #messages: EntryMessages;
  readonly #staleTtlSeconds: number;
  readonly #qname = new Uint8Array(MAX_NAME_LENGTH);
  readonly #message = new Uint8Array(MAX_MESSAGE_BYTES);

  constructor(classes: EntryClasses, messages: EntryMessages, staleTtlSeconds: number) {
    this.#classes = classes;
    this.#messages = messages;
    this.#staleTtlSeconds = staleTtlSeconds;
  }

  list(of: ListingOf, nowMs: number): CachedEntry[] {
    const { positives, negatives, failures } = this.#classes;
    const entries: CachedEntry[] = [];
    const stores: [EntryStore, CachedEntry['kind']][] = [
      [positives, 'positive'],
      [negatives, 'negative'],
      [failures, 'failure'],
    ];
    for (const [store, kind] of stores) {
      for (const ref of store.refs()) {
        if (entries.length === of.limit) return entries;
        const entry = this.#entryOf(ref, kind, of, nowMs);
        if (entry !== null) entries.push(entry);
      }
    }
    return entries;
  }

  /** Null: it is none of those. */
  #entryOf(ref: number, kind: CachedEntry['kind'], of: ListingOf, nowMs: number): CachedEntry | null {
    const { table } = this.#classes;
    const zone = of.zones.get(table.partitionOf(ref));
    const qtype = table.qtypeOf(ref);
    if (zone === undefined || (of.qtype !== 0 && qtype !== 0 && qtype !== of.qtype)) return null;
    if (of.name !== null && table.qnameLengthOf(ref) !== of.name.length) return null;
    const qname = this.#qname;
    const length = this.#messages.copyQname(ref, qname);
    if (of.name !== null && !equalNamesFolded(qname, 0, of.name, 0, length)) return null;
    const isShown = of.name !== null && kind !== 'failure';
    return {
      name: nameToText(qname, 0, length).toLowerCase(),
      type: qtype === 0 ? 'any' : typeName(qtype),
      qclass: className(table.qclassOf(ref)),
      zone,
      kind,
      rcode: rcodeName(table.rcodeOf(ref)),
      ttlSeconds: Math.ceil(table.remainingMs(ref, nowMs) / 1000),
      storedAt: new Date(Date.now() - (nowMs - table.storedAtMs(ref))).toISOString(),
      hits: table.hitsOf(ref),
      message: isShown ? this.#describe(ref, length, of.qtype, nowMs) : '',
    };
  }

  #describe(ref: number, qnameLength: number, qtype: number, nowMs: number): string {
    const out = this.#message;
    const length = this.#messages.copy(ref, out, nowMs, this.#staleTtlSeconds);
    // An NXDOMAIN was stored with the type of one question, and answers all.
    if (qtype !== 0) writeUint16(out, HEADER_LENGTH + qnameLength, qtype);
    return describeMessage(out, Math.min(length, out.length));
  }
}
