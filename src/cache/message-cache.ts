// The cache of whole answers, one per worker thread: finds answers, counts their TTLs down, stores
// and drops them. Called by the pipeline, once per query (lookup, copy) and once per reply (store,
// storeFailure). RFC 2308, RFC 8767, RFC 9520.
import { Counter, type Counters } from '../metrics/counters.ts';
import { writeUint16 } from '../wire/bytes.ts';
import { FLAG_AD, HEADER_LENGTH, readFlags, writeFlags } from '../wire/header.ts';
import { lengthenQuestion } from '../wire/longer-question.ts';
import { equalQuestions } from '../wire/query.ts';
import type { ScannedResponse } from '../wire/response.ts';
import { textToName } from '../wire/text.ts';
import { capTtls } from '../wire/ttl.ts';
import { dumpRecords } from './cache-dump.ts';
import { flushEntries } from './cache-flush.ts';
import { CacheHit, Lookup } from './cache-hit.ts';
import { type CachedEntry, CacheListing, type ListingOf } from './cache-listing.ts';
import type { CacheOptions } from './cache-options.ts';
import {
  CacheKind,
  failureSeconds,
  failuresBefore,
  judge,
  lifetimeSeconds,
  MIN_FAILURE_SECONDS,
  maxTtlSeconds,
} from './cacheability.ts';
import { EntryClasses } from './entry-classes.ts';
import { EntryKey } from './entry-key.ts';
import { EntryMessages } from './entry-message.ts';
import type { EntryStore } from './entry-store.ts';
import { type EntryTable, segmentsFor } from './entry-table.ts';
import { type CutZone, NxdomainCut } from './nxdomain-cut.ts';
import type { Peeked, PeekedCut } from './peeked.ts';
import type { QuestionKey } from './question-key.ts';
import { NONE } from './segment-arena.ts';

// What the pipeline needs besides.
export { CacheHit, Lookup } from './cache-hit.ts';
export type { CacheOptions } from './cache-options.ts';
export type { CutZone } from './nxdomain-cut.ts';

/** RFC 8767 §5: how long after a failure stale data is used without another query. */
const RECHECK_SECONDS = 30;
/** If no answer to an announced refresh was stored, it is announced again after this time. */
const REFRESH_GRACE_SECONDS = 5;
const NO_OFFSETS = new Uint16Array(0);

/** A question that was forwarded, with the message that holds its name at byte 12: a Flight. */
export interface AskedQuestion extends QuestionKey {
  readonly query: Uint8Array;
  /** Slot of the upstream that answered; absent or −1: not known. */
  readonly answererSlot?: number;
  /** The answer is of a former process: it lives no longer than the TTL that is left. */
  readonly isRestored?: boolean;
}

/** A failure of the upstreams on a question. */
export interface StoredFailure {
  readonly rcode: number;
  /** Why, an INFO-CODE (RFC 8914); −1: not known. */
  readonly ede: number;
  /**
   * No upstream answered anything. This says nothing about the question, so it is kept for the
   * shortest allowed time (1 s) and asked again soon after the upstreams return.
   */
  readonly isOutage: boolean;
}

/** The cache of one thread. `nowMs` is always the thread's monotonic clock. */
export class MessageCache {
  readonly #options: CacheOptions;
  /** An answer that was kept has had its minimum. */
  readonly #restoreOptions: CacheOptions;
  readonly #counters: Counters;
  readonly #classes: EntryClasses;
  readonly #table: EntryTable;
  readonly #messages: EntryMessages;
  readonly #positives: EntryStore;
  readonly #negatives: EntryStore;
  readonly #failures: EntryStore;
  readonly #cut: NxdomainCut;
  /** The question that is looked up or stored, and its name alone; valid within one call. */
  readonly #key = new EntryKey();
  readonly #nameKey = new EntryKey();

  constructor(options: CacheOptions, counters: Counters) {
    this.#options = options;
    this.#restoreOptions = { ...options, minTtlSeconds: 0 };
    this.#counters = counters;
    this.#classes = new EntryClasses(options.maxEntries, options.maxBytes, counters);
    this.#table = this.#classes.table;
    this.#messages = new EntryMessages(this.#table);
    this.#positives = this.#classes.positives;
    this.#negatives = this.#classes.negatives;
    this.#failures = this.#classes.failures;
    this.#cut = new NxdomainCut(this.#table, this.#messages, this.#negatives);
  }

  /** Entries held, expired ones included. */
  get entries(): number {
    return this.#classes.entries;
  }

  /** Bytes they take. */
  get bytes(): number {
    return this.#classes.bytes;
  }

  /** Looks for an answer to the query, whose question starts at 12 in `query`. */
  lookup(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number, hit: CacheHit): Lookup {
    return this.#judge(this.findUsable(query, q, partition, nowMs, hit), nowMs, hit);
  }

  /** The same in a zone where a denied name ends the names below it (RFC 8020). */
  lookupCut(query: Uint8Array, q: QuestionKey, zone: CutZone, nowMs: number, hit: CacheHit): Lookup {
    const outcome = this.findUsable(query, q, zone.partition, nowMs, hit);
    if (outcome === Lookup.fresh || !this.findCut(query, q, zone, nowMs, hit))
      return this.#judge(outcome, nowMs, hit);
    this.#counters.increment(Counter.cacheHits);
    return Lookup.cut;
  }

  /** Looks for the denial of a name above. Counts nothing. */
  findCut(query: Uint8Array, q: QuestionKey, zone: CutZone, nowMs: number, hit: CacheHit): boolean {
    return this.#cut.find(query, q, zone, nowMs, hit);
  }

  /** What it knows of the names above, for people; null: none of them is denied. */
  peekCut(query: Uint8Array, q: QuestionKey, zone: CutZone, nowMs: number): PeekedCut | null {
    const hit = new CacheHit();
    if (!this.findCut(query, q, zone, nowMs, hit)) return null;
    const table = this.#table;
    return {
      state: 'cut',
      ttlSeconds: Math.ceil(table.remainingMs(hit.ref, nowMs) / 1000),
      storedAtMs: table.storedAtMs(hit.ref),
      answererSlot: table.sourceOf(hit.ref),
      nameOffset: HEADER_LENGTH + hit.addedLength,
    };
  }

  /** A name of the zone exists: what denies a name above it is forgotten. */
  forgetDenialsAbove(question: AskedQuestion, zone: CutZone): void {
    this.#cut.forget(question.query, question, zone);
  }

  /** Counts what findUsable() found, and looks for a failure where that is no answer. */
  #judge(found: Lookup, nowMs: number, hit: CacheHit): Lookup {
    let outcome = found;
    if (outcome === Lookup.fresh) {
      this.#counters.increment(Counter.cacheHits);
      return this.#countHit(hit.ref, nowMs);
    }
    // findUsable() has left the question's key in #key.
    const failure = this.#failures.find(this.#key);
    const failing = failure !== NONE && !this.#table.isExpired(failure, nowMs);
    if (outcome === Lookup.stale) {
      if (failing || !this.#table.mayRefresh(hit.ref, nowMs)) outcome = Lookup.staleNow;
    } else if (failing) {
      this.#take(failure, hit);
      hit.ede = this.#table.sourceOf(failure);
      outcome = Lookup.failure;
    }
    const asks = outcome === Lookup.miss || outcome === Lookup.stale;
    this.#counters.increment(asks ? Counter.cacheMisses : Counter.cacheHits);
    return outcome;
  }

  /**
   * Looks for data only, fresh or stale, and ignores failures: for when an upstream has failed or
   * takes too long. Counts nothing. Returns fresh, stale or miss.
   */
  findUsable(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number, hit: CacheHit): Lookup {
    hit.addedLength = 0;
    hit.qtype = q.qtype;
    hit.typeOffset = HEADER_LENGTH + q.qnameLength;
    const table = this.#table;
    const positive = this.#positives.find(this.#key.ofQuestion(query, q, partition));
    this.#take(positive, hit);
    if (positive !== NONE && !table.isExpired(positive, nowMs)) return Lookup.fresh;
    if (this.#negatives.entries !== 0) {
      if (this.#takeNewer(this.#negatives.find(this.#key), nowMs, hit)) return Lookup.fresh;
      const nxdomain = this.#negatives.find(this.#nameKey.ofName(query, q, partition));
      if (this.#takeNewer(nxdomain, nowMs, hit)) return Lookup.fresh;
    }
    if (hit.ref === NONE) return Lookup.miss;
    const expiredForMs = -table.remainingMs(hit.ref, nowMs);
    if (expiredForMs < this.#options.serveStale.maxAgeSeconds * 1000) return Lookup.stale;
    this.#take(NONE, hit);
    return Lookup.miss;
  }

  /** What it knows of a question, for people: counts nothing, changes nothing. */
  peek(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number): Peeked {
    const hit = new CacheHit();
    const usable = this.findUsable(query, q, partition, nowMs, hit);
    const failure = this.#failures.find(this.#key.ofQuestion(query, q, partition));
    const table = this.#table;
    const isFailing = usable === Lookup.miss && failure !== NONE && !table.isExpired(failure, nowMs);
    const ref = isFailing ? failure : hit.ref;
    if (ref === NONE) return { state: 'none', ttlSeconds: 0, storedAtMs: 0, answererSlot: -1 };
    const isPositive = this.#positives.find(this.#key) === ref;
    const fresh = isPositive ? 'fresh' : 'negative';
    return {
      state: isFailing ? 'failure' : usable === Lookup.stale ? 'stale' : fresh,
      ttlSeconds: Math.ceil(table.remainingMs(ref, nowMs) / 1000),
      storedAtMs: table.storedAtMs(ref),
      answererSlot: isFailing ? -1 : table.sourceOf(ref),
    };
  }

  #take(ref: number, hit: CacheHit): void {
    hit.ref = ref;
    hit.rcode = ref === NONE ? 0 : this.#table.rcodeOf(ref);
  }

  /** Takes `ref` if it is fresh (and returns true then), or newer than the stale entry so far. */
  #takeNewer(ref: number, nowMs: number, hit: CacheHit): boolean {
    if (ref === NONE) return false;
    const table = this.#table;
    const fresh = !table.isExpired(ref, nowMs);
    if (fresh || hit.ref === NONE || table.storedAtMs(ref) > table.storedAtMs(hit.ref)) this.#take(ref, hit);
    return fresh;
  }

  /** Counts a hit on a fresh entry and decides whether it is time to refresh it. */
  #countHit(ref: number, nowMs: number): Lookup {
    const table = this.#table;
    const hits = table.hitsOf(ref) + 1;
    if (hits < 0x7fff_ffff) table.setHits(ref, hits);
    const { prefetch } = this.#options;
    if (hits < prefetch.hits) return Lookup.fresh;
    const dueMs = (table.lifetimeMs(ref) * prefetch.remainingPercent) / 100;
    if (table.remainingMs(ref, nowMs) > dueMs || !table.mayRefresh(ref, nowMs)) return Lookup.fresh;
    table.delayRefresh(ref, nowMs, REFRESH_GRACE_SECONDS);
    return Lookup.prefetch;
  }

  /**
   * Copies the message of a hit into out[0 …] with its TTLs counted down (serveStale.ttl in a stale
   * one) and the QTYPE that was asked, and returns its length; if it is longer than `out`, only its
   * beginning is copied. Only for a hit with data, right after the look-up.
   */
  copy(hit: CacheHit, out: Uint8Array, nowMs: number): number {
    let length = this.#messages.copy(hit.ref, out, nowMs, this.#options.serveStale.ttlSeconds);
    if (hit.addedLength !== 0) {
      length = lengthenQuestion(out, length, hit.addedLength);
      // The servers have proved another name's absence, not this one's.
      writeFlags(out, readFlags(out) & ~FLAG_AD);
    }
    // An NXDOMAIN answers questions of every type, but was stored with one type.
    writeUint16(out, hit.typeOffset, hit.qtype);
    return length;
  }

  /**
   * Stores a valid reply (scanned ok, OPT stripped) under the question and its flags, if the RFCs
   * allow it. Its TTLs are clamped to the configured limits in place, so that the client who waited
   * for it sees what later ones will see. NOERROR and NXDOMAIN end a run of failures; other RCODEs
   * are left to storeFailure().
   */
  store(
    question: AskedQuestion,
    partition: number,
    reply: Uint8Array,
    scanned: ScannedResponse,
    nowMs: number,
  ): void {
    const { query } = question;
    const questionEnd = HEADER_LENGTH + question.qnameLength + 4;
    // The exchange has matched the question; an answer filed under a different one would poison the
    // cache.
    if (scanned.questionEnd !== questionEnd || !equalQuestions(query, reply, questionEnd)) return;
    const options = question.isRestored === true ? this.#restoreOptions : this.#options;
    const kind = judge(scanned, options);
    if (kind === CacheKind.failure) return;
    const key = this.#key.ofQuestion(query, question, partition);
    forget(this.#failures, key);
    if (kind !== CacheKind.no) {
      const nameKey = this.#nameKey.ofName(query, question, partition);
      forget(this.#positives, key);
      forget(this.#negatives, key);
      // A name that has an answer exists, even if an earlier reply denied it.
      forget(this.#negatives, nameKey);

      // Only the records before OPT: those behind it were removed with it.
      const { ttlCount, bareLength } = scanned;
      const positive = kind === CacheKind.positive;
      const lifetime = lifetimeSeconds(scanned, kind, options);
      const least = positive ? options.minTtlSeconds : 0;
      const most = positive ? maxTtlSeconds(options) : lifetime;
      capTtls(reply, scanned.ttlOffsets, ttlCount, least, most);

      const store = positive ? this.#positives : this.#negatives;
      const ref = this.#classes.makeRoom(store, segmentsFor(bareLength, ttlCount), nowMs);
      if (ref !== NONE) {
        this.#table.writeKey(ref, kind === CacheKind.nxdomain ? nameKey : key);
        this.#table.writeLifetime(ref, nowMs, lifetime, scanned.rcode);
        this.#table.setSource(ref, question.answererSlot ?? -1);
        this.#messages.write(ref, reply, bareLength, scanned.ttlOffsets, ttlCount);
        this.#messages.clearAuthoritative(ref);
        this.#classes.insert(store, ref);
      }
    }
    this.#classes.publish();
  }

  /**
   * Notes that the upstreams failed on this question (SERVFAIL, REFUSED, no reply …): it is not
   * asked again for failureTtl, twice as long after each failure in a row (RFC 9520 §3.2), or for a
   * second in an outage. Cached data stays; except in an outage it is not refreshed for 30 s.
   */
  storeFailure(
    question: AskedQuestion,
    partition: number,
    { rcode, ede, isOutage }: StoredFailure,
    nowMs: number,
  ): void {
    const table = this.#table;
    const key = this.#key.ofQuestion(question.query, question, partition);
    if (!isOutage) {
      this.#delayRefresh(this.#positives.find(key), nowMs);
      this.#delayRefresh(this.#negatives.find(key), nowMs);
      const nameKey = this.#nameKey.ofName(question.query, question, partition);
      this.#delayRefresh(this.#negatives.find(nameKey), nowMs);
    }
    let ref = this.#failures.find(key);
    let before = 0;
    if (ref !== NONE) {
      const remaining = table.remainingMs(ref, nowMs);
      // The same failure, reported twice.
      if (remaining > 0) return;
      if (!isOutage) before = failuresBefore(table.hitsOf(ref) + 1, -remaining);
    } else {
      const questionEnd = HEADER_LENGTH + question.qnameLength + 4;
      ref = this.#classes.makeRoom(this.#failures, segmentsFor(questionEnd, 0), nowMs);
      if (ref === NONE) return;
      table.writeKey(ref, key);
      this.#messages.write(ref, question.query, questionEnd, NO_OFFSETS, 0);
      this.#classes.insert(this.#failures, ref);
    }
    const lifetime = isOutage ? MIN_FAILURE_SECONDS : failureSeconds(this.#options.failureTtlSeconds, before);
    table.writeLifetime(ref, nowMs, lifetime, rcode);
    table.setSource(ref, ede);
    table.setHits(ref, before);
    this.#classes.publish();
  }

  #delayRefresh(ref: number, nowMs: number): void {
    if (ref !== NONE) this.#table.delayRefresh(ref, nowMs, RECHECK_SECONDS);
  }

  /**
   * Drops everything, or what belongs to a name (and names below it), to a partition, or to both.
   * Returns how many entries that were. Throws RangeError if the text is not a name.
   */
  flush(nameText?: string, partition?: number): number {
    const name = nameText === undefined ? null : textToName(nameText);
    return flushEntries(this.#classes, this.#messages, { name, partition });
  }

  /** Its fresh answers as bytes, maxBytes of them at most, for restoreRecords(). */
  dump(maxBytes: number, nowMs: number): Uint8Array {
    return dumpRecords(this.#classes, this.#messages, nowMs, maxBytes);
  }

  /** What it holds, for operators. */
  list(of: ListingOf, nowMs: number): CachedEntry[] {
    const { ttlSeconds } = this.#options.serveStale;
    return new CacheListing(this.#classes, this.#messages, ttlSeconds).list(of, nowMs);
  }
}

function forget(store: EntryStore, key: EntryKey): void {
  if (store.entries === 0) return;
  const ref = store.find(key);
  if (ref !== NONE) store.remove(ref);
}
