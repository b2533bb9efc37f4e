// Every answer to a client is written and counted here: from the cache, from an upstream's reply,
// or created here (errors, with EDE if the query had OPT).
import type { Clock } from '../base/clock.ts';
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { CacheHit, Lookup, type MessageCache } from '../cache/message-cache.ts';
import type { KeyRing } from '../loop/keys.ts';
import { writeProbeProof } from '../loop/probe.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { SERVER_UDP_SIZE } from '../wire/edns.ts';
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
import type { ParsedQuery } from '../wire/query.ts';
import { writeErrorReply, writeTruncatedReply } from '../wire/reply.ts';
import { restoreForClient } from '../wire/restore.ts';
import { appendKeepalive } from '../wire/tcp-keepalive.ts';
import type { ClientPath } from './client-path.ts';
import type { Flight } from './pending/flight.ts';
import type { Waiter, WaiterPool } from './pending/waiter.ts';
import type { QueryLog } from './query-log.ts';

/** No EDE option. */
export const NO_EDE = -1;
const MAX_STREAM_BYTES = 65_535;

/**
 * The longest answer that a client takes: the size in its OPT, but over UDP at most 1232 bytes,
 * which fit every path without fragmentation (flag day 2020, RFC 9715 §3.2).
 */
export function answerLimit(stream: boolean, udpSize: number): number {
  if (stream) return MAX_STREAM_BYTES;
  return Math.min(udpSize, SERVER_UDP_SIZE);
}

export class Answers {
  /** Set while log.queries is on. */
  queryLog: QueryLog | null = null;
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #waiters: WaiterPool;
  readonly #clock: Clock;
  readonly #hit = new CacheHit();
  /** Header and question of a made-up answer to a flight; stale data for one. */
  readonly #scratch = WordBytes.ofLength(MAX_STREAM_BYTES);

  constructor(counters: Counters, cache: MessageCache, waiters: WaiterPool, clock: Clock) {
    this.#counters = counters;
    this.#cache = cache;
    this.#waiters = waiters;
    this.#clock = clock;
  }

  /** Answers a query with an error at once. */
  error(
    bytes: Uint8Array,
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
    rcode: number,
    edeCode: number,
    edeText: Uint8Array | null,
  ): void {
    const out = path.reserve();
    const length = writeErrorReply(bytes, q, out, rcode, edeCode, edeText);
    this.#send(path, out, length, peers, peerOffset, rcode);
  }

  /** Answers a query with TC and no records: the client may repeat it over TCP. */
  comeByTcp(
    bytes: Uint8Array,
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): void {
    const out = path.reserve();
    this.#send(path, out, writeTruncatedReply(bytes, q, out), peers, peerOffset, Rcode.NOERROR);
  }

  /**
   * Answers a query with a message that was created here, without OPT, for its question in any
   * letter case.
   */
  made(
    message: Uint8Array,
    bytes: Uint8Array,
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): void {
    const out = path.reserve();
    const rcode = readFlags(message) & RCODE_MASK;
    copyBytes(message, 0, out, 0, Math.min(message.length, out.length));
    const limit = answerLimit(path.stream, q.udpSize);
    const length = restoreForClient(out, message.length, bytes, q, rcode, NO_EDE, null, limit);
    this.#send(path, out, length, peers, peerOffset, rcode);
  }

  /** Answers another replica's probe: its query came to our ring (loop/probe.ts). */
  probeProof(
    bytes: Uint8Array,
    q: ParsedQuery,
    keys: KeyRing,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): void {
    const out = path.reserve();
    const length = writeProbeProof(keys, bytes, q, out);
    this.#send(path, out, length, peers, peerOffset, Rcode.NOERROR);
  }

  /** Answers a query with what the cache has just found. */
  found(
    hit: CacheHit,
    bytes: Uint8Array,
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
    edeCode: number,
  ): void {
    const out = path.reserve();
    const copied = this.#cache.copy(hit, out, this.#clock.nowMs);
    const { rcode } = hit;
    const limit = answerLimit(path.stream, q.udpSize);
    const length = restoreForClient(out, copied, bytes, q, rcode, edeCode, null, limit);
    this.#send(path, out, length, peers, peerOffset, rcode);
  }

  /** Gives an upstream's reply (without OPT) to all waiters of a flight. */
  reply(
    flight: Flight,
    message: Uint8Array,
    length: number,
    rcode: number,
    edeCode: number,
    edeText: Uint8Array | null,
  ): void {
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      this.#give(waiter, message, length, rcode, edeCode, edeText);
      waiter = next;
    }
  }

  /** Tells a waiter that was taken off its flight that its slot went to another client. */
  displaced(waiter: Waiter, flight: Flight): void {
    this.#writeError(flight, Rcode.REFUSED);
    this.#give(waiter, this.#scratch, flight.questionEnd, Rcode.REFUSED, EdeCode.other, null);
  }

  /** Answers one waiter with a message without OPT, and releases the waiter. */
  #give(
    waiter: Waiter,
    message: Uint8Array,
    length: number,
    rcode: number,
    edeCode: number,
    edeText: Uint8Array | null,
  ): void {
    const path = waiter.path!;
    const out = path.reserve();
    // What is longer than the path can carry need not be copied: it is truncated anyway.
    copyBytes(message, 0, out, 0, Math.min(length, out.length));
    const limit = waiter.sizeLimit;
    const end = restoreForClient(out, length, waiter.named, waiter, rcode, edeCode, edeText, limit);
    this.#send(path, out, end, waiter.peer, 0, rcode);
    this.#settle(waiter);
  }

  /** Returns an upstream's reply to an opaque query unchanged, except for the client's ID. */
  verbatim(flight: Flight, message: Uint8Array, length: number, rcode: number): void {
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      const path = waiter.path!;
      const out = path.reserve();
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
      this.#sendAsIs(path, out, end, waiter.peer, 0, rcode);
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
    this.reply(flight, this.#scratch, length, rcode, isStale ? staleEde(rcode) : NO_EDE, null);
    return true;
  }

  /** Gives stale data to the waiters of a flight, or an error that is created here. */
  failure(flight: Flight, rcode: number, edeCode: number, edeText: Uint8Array | null): void {
    if (flight.waiters === null || this.stale(flight)) return;
    this.withoutRecords(flight, rcode, edeCode, edeText);
  }

  /** Gives an answer without records, created here, to the waiters of a flight. */
  withoutRecords(flight: Flight, rcode: number, edeCode: number, edeText: Uint8Array | null): void {
    this.#writeError(flight, rcode);
    this.reply(flight, this.#scratch, flight.questionEnd, rcode, edeCode, edeText);
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
    for (let waiter = flight.takeWaiters(); waiter !== null; ) {
      const next: Waiter | null = waiter.next;
      if (isEmpty && waiter.path!.stream) {
        const edeCode = EdeCode.noReachableAuthority;
        this.#give(waiter, this.#scratch, flight.questionEnd, Rcode.SERVFAIL, edeCode, null);
      } else {
        this.#give(waiter, reply, reply.length, rcode, NO_EDE, null);
      }
      waiter = next;
    }
  }

  /** An error without records to a flight's question, into #scratch. */
  #writeError(flight: Flight, rcode: number): void {
    const scratch = this.#scratch;
    copyBytes(flight.query, 0, scratch, 0, flight.questionEnd);
    writeFlags(scratch, FLAG_QR | (rcode & RCODE_MASK));
    writeCounts(scratch, 1, 0, 0, 0);
  }

  /** Every answer that was created here leaves here. */
  #send(
    path: ClientPath,
    out: Uint8Array,
    length: number,
    peers: Int32Array,
    peerOffset: number,
    rcode: number,
  ): void {
    const end =
      path.stream && path.keepaliveAsked === true
        ? appendKeepalive(out, length, path.keepaliveTenths!)
        : length;
    this.#sendAsIs(path, out, end, peers, peerOffset, rcode);
  }

  /** Every answer leaves here. */
  #sendAsIs(
    path: ClientPath,
    out: Uint8Array,
    length: number,
    peers: Int32Array,
    peerOffset: number,
    rcode: number,
  ): void {
    if (this.queryLog !== null) this.queryLog.note(out, length, rcode, path.stream, peers, peerOffset);
    path.send(length, peers, peerOffset);
    this.#counters.response(rcode);
  }

  #settle(waiter: Waiter): void {
    this.#counters.duration(this.#clock.nowMs - waiter.receivedMs, 1);
    this.#waiters.release(waiter);
  }
}

/** EDE of stale data (RFC 8914 §4.4, §4.20). */
export function staleEde(rcode: number): number {
  return rcode === Rcode.NXDOMAIN ? EdeCode.staleNxdomainAnswer : EdeCode.staleAnswer;
}
