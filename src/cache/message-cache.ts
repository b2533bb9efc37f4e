// The cache of whole answers, one per worker thread: finds answers, counts their TTLs down, stores
// and drops them. Called by the pipeline, once per query (lookup, copyFound) and once per reply
// (store, storeFailure). RFC 2308, RFC 8767, RFC 9520.
import { Counter, type Counters } from '../metrics/counters.ts';
import { writeUint16 } from '../wire/bytes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded } from '../wire/name.ts';
import { equalQuestions } from '../wire/query.ts';
import type { ScannedResponse } from '../wire/response.ts';
import { textToName } from '../wire/text.ts';
import { capTtls } from '../wire/ttl.ts';
import { CacheKind, judge, lifetimeSeconds, maxTtlSeconds, type TtlLimits } from './cacheability.ts';
import {
  delayRefresh,
  edeCodeOf,
  hitsOf,
  isExpired,
  lifetimeMs,
  mayRefresh,
  partitionOf,
  rcodeOf,
  remainingMs,
  segmentsFor,
  setHits,
  storedAtMs,
  writeKey,
  writeLifetime,
} from './entry.ts';
import { EntryClasses } from './entry-classes.ts';
import { clearAuthoritative, copyMessage, copyQname, writeMessage } from './entry-message.ts';
import type { EntryStore } from './entry-store.ts';
import { hashNameAndClass, type QuestionKey } from './question-key.ts';
import { NONE, type SegmentArena } from './segment-arena.ts';

/** What a look-up found. */
export const Lookup = {
  /** Nothing useful: ask an upstream. */
  miss: 0,
  /** An answer. */
  fresh: 1,
  /**
   * An answer that is popular and about to expire: answer, and ask an upstream as well. Returned
   * once per refresh.
   */
  prefetch: 2,
  /**
   * An expired answer: ask an upstream, and use this answer if that fails or takes too long (RFC
   * 8767 §5).
   */
  stale: 3,
  /**
   * Upstreams failed a moment ago: no message, answer with foundRcode and EDE 13 (RFC 9520 §3.2).
   */
  failure: 4,
  /**
   * An expired answer, and upstreams failed a moment ago: use it at once and do not ask (RFC 8767
   * §5).
   */
  staleNow: 5,
} as const;
export type Lookup = (typeof Lookup)[keyof typeof Lookup];

/** Limits and settings of a cache; the configuration's `cache` section has this shape. */
export interface CacheOptions extends TtlLimits {
  readonly maxEntries: number;
  /** Bytes for messages and everything stored with them. */
  readonly maxBytes: number;
  readonly failureTtlSeconds: number;
  readonly serveStale: {
    /** How long after its expiry an answer may still be used; 0: not at all. */
    readonly maxAgeSeconds: number;
    readonly ttlSeconds: number;
  };
  readonly prefetch: {
    /** Minimum number of hits since the answer was stored. */
    readonly hits: number;
    /** Largest share of its lifetime that may be left; 0: no prefetch. */
    readonly remainingPercent: number;
  };
}

/** RFC 8767 §5: how long after a failure stale data is used without another query. */
const RECHECK_SECONDS = 30;
/** If no answer to an announced refresh was stored, it is announced again after this time. */
const REFRESH_GRACE_SECONDS = 5;
/** RFC 9520 §3.2: a failure is kept for at least a second and at most five minutes. */
const MIN_FAILURE_SECONDS = 1;
const MAX_FAILURE_SECONDS = 300;
const MAX_NAME_LENGTH = 255;
const NO_OFFSETS = new Uint16Array(0);

/** The cache of one thread. `nowMs` is always the thread's monotonic clock. */
export class MessageCache {
  readonly #options: CacheOptions;
  readonly #counters: Counters;
  readonly #classes: EntryClasses;
  readonly #arena: SegmentArena;
  readonly #positives: EntryStore;
  readonly #negatives: EntryStore;
  readonly #failures: EntryStore;
  /** What the last look-up found. Valid until the next call of anything but copyFound(). */
  #found = NONE;
  #foundQtype = 0;
  #foundTypeOffset = 0;

  constructor(options: CacheOptions, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#classes = new EntryClasses(options.maxEntries, options.maxBytes, counters);
    this.#arena = this.#classes.arena;
    this.#positives = this.#classes.positives;
    this.#negatives = this.#classes.negatives;
    this.#failures = this.#classes.failures;
  }

  /** Entries held, expired ones included. */
  get entries(): number {
    return this.#classes.entries;
  }

  /** Bytes they take. */
  get bytes(): number {
    return this.#classes.bytes;
  }

  /** The extended RCODE of what was found. */
  get foundRcode(): number {
    return this.#found === NONE ? 0 : rcodeOf(this.#arena, this.#found);
  }

  /** The EDE code stored with the failure that was found, −1 for none. */
  get foundEdeCode(): number {
    return this.#found === NONE ? -1 : edeCodeOf(this.#arena, this.#found);
  }

  /**
   * Looks for an answer to the query, whose question starts at 12 in `query`. The result is kept
   * for copyFound().
   */
  lookup(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number): Lookup {
    let outcome = this.findUsable(query, q, partition, nowMs);
    if (outcome === Lookup.fresh) {
      this.#counters.increment(Counter.cacheHits);
      return this.#countHit(this.#found, nowMs);
    }
    const failure = this.#failures.find(q.keyHash, query, q, false, partition);
    const failing = failure !== NONE && !isExpired(this.#arena, failure, nowMs);
    if (outcome === Lookup.stale) {
      if (failing || !mayRefresh(this.#arena, this.#found, nowMs)) outcome = Lookup.staleNow;
    } else if (failing) {
      this.#found = failure;
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
  findUsable(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number): Lookup {
    this.#foundQtype = q.qtype;
    this.#foundTypeOffset = HEADER_LENGTH + q.qnameLength;
    const positive = this.#positives.find(q.keyHash, query, q, false, partition);
    this.#found = positive;
    if (positive !== NONE && !isExpired(this.#arena, positive, nowMs)) return Lookup.fresh;
    if (this.#negatives.entries !== 0) {
      const nodata = this.#negatives.find(q.keyHash, query, q, false, partition);
      if (this.#takeNewer(nodata, nowMs)) return Lookup.fresh;
      const nxdomain = this.#negatives.find(hashNameAndClass(q), query, q, true, partition);
      if (this.#takeNewer(nxdomain, nowMs)) return Lookup.fresh;
    }
    if (this.#found === NONE) return Lookup.miss;
    const expiredForMs = -remainingMs(this.#arena, this.#found, nowMs);
    if (expiredForMs < this.#options.serveStale.maxAgeSeconds * 1000) return Lookup.stale;
    this.#found = NONE;
    return Lookup.miss;
  }

  /**
   * Makes `ref` the result if it is fresh (and returns true then), or newer than the stale entry
   * found so far.
   */
  #takeNewer(ref: number, nowMs: number): boolean {
    if (ref === NONE) return false;
    const fresh = !isExpired(this.#arena, ref, nowMs);
    const found = this.#found;
    if (fresh || found === NONE || storedAtMs(this.#arena, ref) > storedAtMs(this.#arena, found)) {
      this.#found = ref;
    }
    return fresh;
  }

  /** Counts a hit on a fresh entry and decides whether it is time to refresh it. */
  #countHit(ref: number, nowMs: number): Lookup {
    const arena = this.#arena;
    const hits = hitsOf(arena, ref) + 1;
    if (hits < 0x7fff_ffff) setHits(arena, ref, hits);
    const { prefetch } = this.#options;
    if (hits < prefetch.hits) return Lookup.fresh;
    const dueMs = (lifetimeMs(arena, ref) * prefetch.remainingPercent) / 100;
    if (remainingMs(arena, ref, nowMs) > dueMs || !mayRefresh(arena, ref, nowMs)) return Lookup.fresh;
    delayRefresh(arena, ref, nowMs, REFRESH_GRACE_SECONDS);
    return Lookup.prefetch;
  }

  /**
   * Copies the message found into out[0 …] with its TTLs counted down (serveStale.ttl in a stale
   * one) and the QTYPE that was asked, and returns its length; if it is longer than `out`, only its
   * beginning is copied. Call it right after a look-up that found data.
   */
  copyFound(out: Uint8Array, nowMs: number): number {
    const staleTtlSeconds = this.#options.serveStale.ttlSeconds;
    const length = copyMessage(this.#arena, this.#found, out, nowMs, staleTtlSeconds);
    // An NXDOMAIN answers questions of every type, but was stored with one type.
    writeUint16(out, this.#foundTypeOffset, this.#foundQtype);
    return length;
  }

  /**
   * Stores a valid reply (scanned ok, OPT stripped: `length` is without it) under the query's
   * question and flags, if the RFCs allow it. Its TTLs are clamped to the configured limits in
   * place, so that the client who waited for it sees what later ones will see. NOERROR and NXDOMAIN
   * end a run of failures; other RCODEs are left to storeFailure().
   */
  store(
    query: Uint8Array,
    q: QuestionKey,
    partition: number,
    reply: Uint8Array,
    length: number,
    scanned: ScannedResponse,
    nowMs: number,
  ): void {
    const questionEnd = HEADER_LENGTH + q.qnameLength + 4;
    // The exchange has matched the question; an answer filed under a different one would poison the
    // cache.
    if (scanned.questionEnd !== questionEnd || !equalQuestions(query, reply, questionEnd)) return;
    const kind = judge(scanned, this.#options);
    if (kind === CacheKind.failure) return;
    this.#found = NONE;
    this.#forget(this.#failures, q.keyHash, query, q, false, partition);
    if (kind !== CacheKind.no) {
      const nameHash = hashNameAndClass(q);
      this.#forget(this.#positives, q.keyHash, query, q, false, partition);
      this.#forget(this.#negatives, q.keyHash, query, q, false, partition);
      // A name that has an answer exists, even if an earlier reply denied it.
      this.#forget(this.#negatives, nameHash, query, q, true, partition);

      // Only the records before OPT: those behind it were removed with it.
      const ttlCount = scanned.ttlCount;
      const positive = kind === CacheKind.positive;
      const lifetime = lifetimeSeconds(scanned, kind, this.#options);
      const least = positive ? this.#options.minTtlSeconds : 0;
      const most = positive ? maxTtlSeconds(this.#options) : lifetime;
      capTtls(reply, 0, scanned.ttlOffsets, 0, ttlCount, least, most);

      const store = positive ? this.#positives : this.#negatives;
      const ref = this.#classes.makeRoom(store, segmentsFor(length, ttlCount), nowMs);
      if (ref !== NONE) {
        const anyType = kind === CacheKind.nxdomain;
        writeKey(this.#arena, ref, anyType ? nameHash : q.keyHash, q, anyType, partition);
        writeLifetime(this.#arena, ref, nowMs, lifetime, scanned.rcode, -1);
        writeMessage(this.#arena, ref, reply, length, scanned.ttlOffsets, ttlCount);
        clearAuthoritative(this.#arena, ref);
        this.#classes.insert(store, ref);
      }
    }
    this.#classes.publish();
  }

  /**
   * Notes that the upstreams failed on this question (SERVFAIL, REFUSED, no reply …): it is not
   * asked again for failureTtl, twice as long after each failure in a row (RFC 9520 §3.2). Data
   * that is there stays, and is not refreshed for 30 s.
   * @param isOutage no upstream answered anything. This says nothing about the question, so it is
   * kept for the shortest allowed
   *   time (1 s) and asked again soon after the upstreams return
   */
  storeFailure(
    query: Uint8Array,
    q: QuestionKey,
    partition: number,
    rcode: number,
    edeCode: number,
    nowMs: number,
    isOutage = false,
  ): void {
    this.#found = NONE;
    if (!isOutage) this.#delayRefreshes(query, q, partition, nowMs);

    const arena = this.#arena;
    let ref = this.#failures.find(q.keyHash, query, q, false, partition);
    let failuresBefore = 0;
    if (ref !== NONE) {
      const remaining = remainingMs(arena, ref, nowMs);
      // The same failure, reported twice.
      if (remaining > 0) return;
      // A question that failed long ago and was not asked since starts again at the shortest time.
      if (!isOutage && remaining > -MAX_FAILURE_SECONDS * 1000)
        failuresBefore = Math.min(hitsOf(arena, ref) + 1, 16);
    } else {
      const questionEnd = HEADER_LENGTH + q.qnameLength + 4;
      ref = this.#classes.makeRoom(this.#failures, segmentsFor(questionEnd, 0), nowMs);
      if (ref === NONE) return;
      writeKey(arena, ref, q.keyHash, q, false, partition);
      writeMessage(arena, ref, query, questionEnd, NO_OFFSETS, 0);
      this.#classes.insert(this.#failures, ref);
    }
    const first = Math.max(MIN_FAILURE_SECONDS, this.#options.failureTtlSeconds);
    const lifetime = isOutage
      ? MIN_FAILURE_SECONDS
      : Math.min(first * 2 ** failuresBefore, MAX_FAILURE_SECONDS);
    writeLifetime(arena, ref, nowMs, lifetime, rcode, edeCode);
    setHits(arena, ref, failuresBefore);
    this.#classes.publish();
  }

  /**
   * Drops everything, or what belongs to a name (and names below it), to a partition, or to both.
   * Returns how many entries that were. Throws RangeError if the text is not a name. Visits every
   * entry: for operators, not for queries.
   */
  flush(nameText?: string, partition?: number): number {
    const suffix = nameText === undefined ? null : textToName(nameText);
    const qname = new Uint8Array(MAX_NAME_LENGTH);
    const drops = (ref: number): boolean => {
      if (partition !== undefined && partitionOf(this.#arena, ref) !== partition) return false;
      return suffix === null || isAtOrBelow(qname, copyQname(this.#arena, ref, qname), suffix);
    };
    const everything = suffix === null && partition === undefined;
    let dropped = 0;
    for (const store of [this.#positives, this.#negatives, this.#failures]) {
      dropped += everything ? store.clear() : store.removeWhere(drops);
    }
    this.#found = NONE;
    this.#classes.publish();
    return dropped;
  }

  #delayRefreshes(query: Uint8Array, q: QuestionKey, partition: number, nowMs: number): void {
    this.#delayRefreshOf(this.#positives.find(q.keyHash, query, q, false, partition), nowMs);
    this.#delayRefreshOf(this.#negatives.find(q.keyHash, query, q, false, partition), nowMs);
    const nameHash = hashNameAndClass(q);
    this.#delayRefreshOf(this.#negatives.find(nameHash, query, q, true, partition), nowMs);
  }

  #delayRefreshOf(ref: number, nowMs: number): void {
    if (ref !== NONE) delayRefresh(this.#arena, ref, nowMs, RECHECK_SECONDS);
  }

  #forget(
    store: EntryStore,
    hash: number,
    query: Uint8Array,
    q: QuestionKey,
    anyType: boolean,
    partition: number,
  ): void {
    if (store.entries === 0) return;
    const ref = store.find(hash, query, q, anyType, partition);
    if (ref !== NONE) store.remove(ref);
  }
}

/** Whether the name in qname[0 … length−1] is `suffix` or below it. */
function isAtOrBelow(qname: Uint8Array, length: number, suffix: Uint8Array): boolean {
  let offset = 0;
  while (length - offset > suffix.length) offset += qname[offset]! + 1;
  return length - offset === suffix.length && equalNamesFolded(qname, offset, suffix, 0, suffix.length);
}
