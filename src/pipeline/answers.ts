// Every answer to a client is written and counted here: from the cache, from an upstream's reply,
// or created here (errors, with EDE if the query had OPT).
import type { Clock } from '../base/clock.ts';
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { CacheHit, Lookup, type MessageCache } from '../cache/message-cache.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import type { KeyRing } from '../loop/keys.ts';
import { writeProbeProof } from '../loop/probe.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../wire/ede.ts';
import {
  FLAG_QR,
  FLAG_TC,
  RCODE_MASK,
  readAnswerCount,
  readFlags,
  writeCounts,
  writeFlags,
  writeId,
} from '../wire/header.ts';
import { appendKeepalive, appendNsid } from '../wire/own-options.ts';
import { writeErrorReply, writeTruncatedReply } from '../wire/reply.ts';
import { restoreForClient } from '../wire/restore.ts';
import { AnswerRecord, CacheState } from './answer-record.ts';
import type { ClientQuery } from './client-query.ts';
import type { KeptQueries } from './kept-queries.ts';
import type { Flight } from './pending/flight.ts';
import type { QueryLog } from './query-log.ts';
import type { Asker, Recipient } from './reply-sink.ts';
import type { SearchWaste } from './search-waste.ts';
import type { Waiter, WaiterPool } from './waiter.ts';

const MAX_MESSAGE_BYTES = 65_535;

/** Reasons: stale data (RFC 8914 §4.4, §4.20), a slot lost to another client, no whole answer. */
const STALE = ede(EdeCode.staleAnswer);
const STALE_NXDOMAIN = ede(EdeCode.staleNxdomainAnswer);
const SLOT_LOST = ede(EdeCode.other);
const NOT_WHOLE = ede(EdeCode.noReachableAuthority);
/** Made from the denial of a name above (IANA's registry). */
export const SYNTHESIZED: Ede = ede(EdeCode.synthesized);

/** Who counts and keeps what is answered. */
export interface Watchers {
  readonly top: TopCounts;
  readonly kept: KeptQueries;
}

export class Answers {
  /** Set while log.queries is on. */
  queryLog: QueryLog | null = null;
  /** Counts what search lists cost. Set before the first query. */
  waste: SearchWaste | null = null;
  /** What clients that ask are told of this replica (RFC 5001); null: nothing. */
  nsid: Uint8Array | null = null;
  /** Set while dnstap is on. */
  tap: DnstapTap | null = null;
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #waiters: WaiterPool;
  readonly #clock: Clock;
  readonly #top: TopCounts;
  readonly #hit = new CacheHit();
  /** A failure from the cache (RFC 8914 §4.14), and what the first failure said. */
  readonly #cachedError = { code: EdeCode.cachedError, text: null, also: -1 };
  /** Of the answer that leaves. */
  readonly record = new AnswerRecord();
  /** The slowest and the last failed queries. */
  readonly kept: KeptQueries;
  /** Header and question of a made-up answer to a flight; stale data for one. */
  readonly #scratch = WordBytes.ofLength(MAX_MESSAGE_BYTES);

  constructor(
    counters: Counters,
    cache: MessageCache,
    waiters: WaiterPool,
    clock: Clock,
    { top, kept }: Watchers,
  ) {
    this.#counters = counters;
    this.#cache = cache;
    this.#waiters = waiters;
    this.#clock = clock;
    this.#top = top;
    this.kept = kept;
  }

  /** Answers a query with an error at once. */
  error(query: ClientQuery, rcode: number, reason: Ede): void {
    const out = query.replyTo.reserve();
    const length = writeErrorReply(query.message, query.parsed, out, rcode, reason);
    this.record.atOnce(CacheState.none);
    this.#send(query, out, length, rcode);
  }

  /** Answers a query with a failure that the cache remembers (RFC 9520 §3.2). */
  cachedFailure(query: ClientQuery, hit: CacheHit): void {
    const out = query.replyTo.reserve();
    this.#cachedError.also = hit.ede === EdeCode.cachedError ? -1 : hit.ede;
    const length = writeErrorReply(query.message, query.parsed, out, hit.rcode, this.#cachedError);
    this.record.atOnce(CacheState.failure);
    this.#send(query, out, length, hit.rcode);
  }

  /** Answers a query with TC and no records: the client may repeat it over TCP. */
  sendToTcp(query: ClientQuery): void {
    const out = query.replyTo.reserve();
    this.record.atOnce(CacheState.none);
    this.#send(query, out, writeTruncatedReply(query.message, query.parsed, out), Rcode.NOERROR);
  }

  /**
   * Answers a query with message[0 … length−1] that was created here, without OPT, for its question
   * in any letter case; `reason` says why.
   */
  prepared(query: ClientQuery, message: Uint8Array, length: number, reason: Ede): void {
    const out = query.replyTo.reserve();
    copyBytes(message, 0, out, 0, Math.min(length, out.length));
    const rcode = readFlags(message) & RCODE_MASK;
    this.record.atOnce(CacheState.none);
    this.#send(query, out, restoreForClient(out, length, query, rcode, reason), rcode);
  }

  /** Answers another replica's probe: its query came to our ring (loop/probe.ts). */
  probeProof(query: ClientQuery, keys: KeyRing): void {
    const out = query.replyTo.reserve();
    this.record.atOnce(CacheState.none);
    this.#send(query, out, writeProbeProof(keys, query.message, query.parsed, out), Rcode.NOERROR);
  }

  /** Answers a query with what the cache has just found. */
  cached(query: ClientQuery, hit: CacheHit, reason: Ede, state: CacheState): void {
    const out = query.replyTo.reserve();
    const copied = this.#cache.copy(hit, out, this.#clock.nowMs);
    const { rcode } = hit;
    this.record.atOnce(state);
    this.#send(query, out, restoreForClient(out, copied, query, rcode, reason), rcode);
  }

  /** Gives an upstream's reply (without OPT) to all waiters of a flight. */
  reply(flight: Flight, message: Uint8Array, length: number, rcode: number, reason: Ede): void {
    this.record.ofFlight(flight, CacheState.none);
    this.#giveAll(flight, message, length, rcode, reason);
  }

  /** Gives the waiters of a flight what the denial of a name above says. */
  cut(flight: Flight, hit: CacheHit): void {
    const length = this.#cache.copy(hit, this.#scratch, this.#clock.nowMs);
    this.record.ofFlight(flight, CacheState.cut);
    this.#giveAll(flight, this.#scratch, length, hit.rcode, SYNTHESIZED);
  }

  #giveAll(flight: Flight, message: Uint8Array, length: number, rcode: number, reason: Ede): void {
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      this.#give(waiter, message, length, rcode, reason);
      waiter = next;
    }
  }

  /** Tells a waiter that was taken off its flight that its slot went to another client. */
  displaced(waiter: Waiter, flight: Flight): void {
    this.#writeError(flight, Rcode.REFUSED);
    this.record.ofFlight(flight, CacheState.none);
    this.#give(waiter, this.#scratch, flight.questionEnd, Rcode.REFUSED, SLOT_LOST);
  }

  /** Answers one waiter with a message without OPT, and releases the waiter. */
  #give(waiter: Waiter, message: Uint8Array, length: number, rcode: number, reason: Ede): void {
    const out = waiter.replyTo.reserve();
    // What is longer than the sink can carry need not be copied: it is truncated anyway.
    copyBytes(message, 0, out, 0, Math.min(length, out.length));
    const end = restoreForClient(out, length, waiter, rcode, reason);
    this.#noteWait(waiter, out, end, rcode);
    this.#send(waiter, out, end, rcode);
    this.#settle(waiter);
  }

  /** Returns an upstream's reply to an opaque query unchanged, except for the client's ID. */
  verbatim(flight: Flight, message: Uint8Array, length: number, rcode: number): void {
    this.record.ofFlight(flight, CacheState.none);
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      const out = waiter.replyTo.reserve();
      let end = length;
      if (length > waiter.sizeLimit || length > out.length) {
        end = flight.questionEnd;
        copyBytes(flight.query, 0, out, 0, end);
        writeFlags(out, readFlags(message) | FLAG_TC);
        writeCounts(out, 1, 0, 0, 0);
      } else {
        copyBytes(message, 0, out, 0, length);
      }
      writeId(out, waiter.id);
      this.#noteWait(waiter, out, end, rcode);
      this.#sendAsIs(waiter, out, end, rcode);
      this.#settle(waiter);
      waiter = next;
    }
  }

  /** Gives stale data to the waiters of a flight (RFC 8767 §4); returns false if there is none. */
  stale(flight: Flight): boolean {
    if (flight.waiters === null || flight.opaque) return false;
    const cache = this.#cache;
    const nowMs = this.#clock.nowMs;
    // Another query may have refreshed it meanwhile.
    const hit = this.#hit;
    const found = cache.findUsable(flight.query, flight, flight.zone!.partition, nowMs, hit);
    if (found === Lookup.miss) return false;
    const length = cache.copy(hit, this.#scratch, nowMs);
    const { rcode } = hit;
    const isStale = found !== Lookup.fresh;
    if (isStale) this.#counters.values[Counter.cacheStale]! += flight.waiterCount;
    this.record.ofFlight(flight, isStale ? CacheState.stale : CacheState.fresh);
    this.#giveAll(flight, this.#scratch, length, rcode, isStale ? staleEde(rcode) : NO_EDE);
    return true;
  }

  /** Gives stale data to the waiters of a flight, or an error that is created here. */
  failure(flight: Flight, rcode: number, reason: Ede): void {
    if (flight.waiters === null || this.stale(flight)) return;
    this.withoutRecords(flight, rcode, reason);
  }

  /** Gives an answer without records, created here, to the waiters of a flight. */
  withoutRecords(flight: Flight, rcode: number, reason: Ede): void {
    this.#writeError(flight, rcode);
    this.reply(flight, this.#scratch, flight.questionEnd, rcode, reason);
  }

  /**
   * Gives the waiters of a flight the truncated reply that was kept because the whole one did not
   * come: it has TC, so they may try TCP. Stale data is whole, and therefore better. Nothing is
   * stored.
   */
  truncated(flight: Flight): void {
    if (flight.waiters === null || this.stale(flight)) return;
    const reply = flight.truncatedReply!;
    const rcode = readFlags(reply) & RCODE_MASK;
    if (flight.opaque) {
      this.verbatim(flight, reply, reply.length, rcode);
      return;
    }
    // Clients ignore TC over TCP: without records the answer would look like NODATA.
    const isEmpty = rcode === Rcode.NOERROR && readAnswerCount(reply) === 0;
    if (isEmpty) this.#writeError(flight, Rcode.SERVFAIL);
    this.record.ofFlight(flight, CacheState.none);
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      if (isEmpty && waiter.replyTo.stream) {
        this.#give(waiter, this.#scratch, flight.questionEnd, Rcode.SERVFAIL, NOT_WHOLE);
      } else {
        this.#give(waiter, reply, reply.length, rcode, NO_EDE);
      }
      waiter = next;
    }
  }

  /** An answer to a flight's waiter is about to be sent. */
  #noteWait(waiter: Waiter, out: Uint8Array, length: number, rcode: number): void {
    const { record } = this;
    record.durationMs = this.#clock.nowMs - waiter.receivedMs;
    if (!record.isFirst) return;
    record.isFirst = false;
    record.rcode = rcode;
    this.kept.note(waiter, out, length, record);
  }

  /** An error without records to a flight's question, into #scratch. */
  #writeError(flight: Flight, rcode: number): void {
    const scratch = this.#scratch;
    copyBytes(flight.query, 0, scratch, 0, flight.questionEnd);
    writeFlags(scratch, FLAG_QR | (rcode & RCODE_MASK));
    writeCounts(scratch, 1, 0, 0, 0);
  }

  /** Every answer that was created here leaves here. */
  #send(to: Asker, out: Uint8Array, length: number, rcode: number): void {
    const { replyTo } = to;
    let end = length;
    // Its question is the client's: what leaves as it came may have none.
    if (rcode === Rcode.NXDOMAIN) this.#noteWaste(to, out);
    if (replyTo.stream && replyTo.keepaliveAsked === true)
      end = appendKeepalive(out, end, replyTo.keepaliveTenths!);
    if (to.nsidAsked && this.nsid !== null) end = appendNsid(out, end, to.sizeLimit, this.nsid);
    this.#sendAsIs(to, out, end, rcode);
  }

  /** Every answer leaves here. */
  #sendAsIs(to: Recipient, out: Uint8Array, length: number, rcode: number): void {
    this.record.rcode = rcode;
    if (this.queryLog !== null) this.queryLog.note(to, out, length, this.record);
    if (rcode === Rcode.NXDOMAIN && this.#top.nxdomains.isDue())
      this.#top.noteNxdomain(to.peers, to.peerOffset);
    if (this.tap !== null) this.tap.clientResponse(to, out, length, this.record.durationMs);
    // Counted first: a client that has its answer finds it in the metrics.
    this.#counters.response(rcode);
    to.replyTo.send(length, to.peers, to.peerOffset);
  }

  #noteWaste(to: Recipient, out: Uint8Array): void {
    const { zone } = this.record;
    if (zone !== null && zone.search !== 'off') this.waste!.note(to, out, zone);
  }

  #settle(waiter: Waiter): void {
    this.#counters.duration(this.#clock.nowMs - waiter.receivedMs, 1);
    this.#waiters.release(waiter);
  }
}

/** The EDE of stale data. */
export function staleEde(rcode: number): Ede {
  return rcode === Rcode.NXDOMAIN ? STALE_NXDOMAIN : STALE;
}
