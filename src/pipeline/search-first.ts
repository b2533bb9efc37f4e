// Ends search storms: with ndots: 5 each name of the outside is first asked for under each search
// domain. Of a name below one, the shorter names are asked for first (as RFC 9156 does for other
// ends), and an NXDOMAIN for one of them answers all names below it (RFC 8020). Only in zones with
// search: on. Called by the coalescer for a new flight, and by forward-path when the flight that
// asks for the shorter name has ended.
//
//   flight www.example.com.default.svc.cluster.local      waits, nothing is sent for it
//     leader       com.default.svc.cluster.local  A       is sent; all flights below it wait
//       NXDOMAIN ─▶ answers them       any other end, or PATIENCE_MS ─▶ each is sent as it is
import type { Clock } from '../base/clock.ts';
import { copyBytes, WordBytes } from '../base/word-bytes.ts';
import { CacheHit, Lookup, type MessageCache } from '../cache/message-cache.ts';
import { PEER_WORDS } from '../io/datagram-socket.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import type { ReplyOwner } from '../upstream/exchange.ts';
import { writeUint16 } from '../wire/bytes.ts';
import { Class, Type } from '../wire/codes.ts';
import { FLAG_CD, FLAG_RD, FLAG_Z, HEADER_LENGTH, writeCounts, writeFlags, writeId } from '../wire/header.ts';
import { MAX_NAME_LENGTH, parseQuery } from '../wire/query.ts';
import type { Answers } from './answers.ts';
import { ClientQuery } from './client-query.ts';
import type { ForwardPath } from './forward-path.ts';
import { KnownNames } from './known-names.ts';
import type { LoopGuard } from './loop-guard.ts';
import { MAX_NAMES, NamesAbove } from './names-above.ts';
import type { Flight } from './pending/flight.ts';
import { follow } from './pending/followers.ts';
import { NO_SINK } from './reply-sink.ts';
import type { Zone } from './zone.ts';

/** How long a name waits for a shorter one, ms: a good server answers sooner. */
const PATIENCE_MS = 250;
/** How long it is remembered that a name exists, and that its server gave no answer, ms. */
const EXISTS_MS = 30_000;
const NO_ANSWER_MS = 5000;

export interface SearchFirstParts {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly cache: MessageCache;
  readonly answers: Answers;
  readonly forward: ForwardPath;
  readonly replies: ReplyOwner;
  readonly loopGuard: LoopGuard;
}

export class SearchFirst {
  readonly known = new KnownNames();
  readonly #parts: SearchFirstParts;
  readonly #above = new NamesAbove();
  readonly #hit = new CacheHit();
  /** The question for the shorter name. */
  readonly #shorter = new ClientQuery();
  readonly #message = WordBytes.ofLength(HEADER_LENGTH + MAX_NAME_LENGTH + 4);
  readonly #nobody = new Int32Array(PEER_WORDS);

  constructor(parts: SearchFirstParts) {
    this.#parts = parts;
  }

  /**
   * Has a new flight wait for the answer to a shorter name; returns whether it does. Its waiters
   * are answered, or it is sent, from onLeaderDone().
   */
  waitsForShorter(flight: Flight): boolean {
    const { qclass, dnssecOk, opaque } = flight;
    // The proof that a client with DO expects would be about another name.
    if (opaque || dnssecOk || qclass !== Class.IN || flight.shorterAsked >= MAX_NAMES) return false;
    const zone = flight.zone!;
    for (;;) {
      const offset = this.#firstUnknown(flight, zone);
      if (offset < 0) return false;
      this.#writeShorter(flight, offset);
      if (!this.#isCached(zone)) return this.#waitFor(flight, zone, offset);
      if (!this.#noteAt(flight, offset, EXISTS_MS)) return false;
    }
  }

  /** Where the shortest name above QNAME starts that is not known to exist; −1: all are. */
  #firstUnknown({ query, qnameLength }: Flight, zone: Zone): number {
    const above = this.#above;
    above.read(query, zone.wireSuffix.length);
    const { nowMs } = this.#parts.clock;
    for (let i = 0; i < above.count; i++) {
      const offset = above.offsets[i]!;
      if (offset === HEADER_LENGTH || offset >= HEADER_LENGTH + qnameLength) break;
      if (!this.known.isKnown(above.hashes[i]!, zone.partition, nowMs)) return offset;
    }
    return -1;
  }

  /** The question for the name that starts at an offset, type A (RFC 9156 §2.1). */
  #writeShorter({ query, qnameLength, flags }: Flight, offset: number): void {
    const message = this.#message;
    const length = HEADER_LENGTH + qnameLength - offset;
    const nameEnd = HEADER_LENGTH + length;
    writeId(message, 0);
    writeFlags(message, flags & (FLAG_RD | FLAG_CD | FLAG_Z));
    writeCounts(message, 1, 0, 0, 0);
    copyBytes(query, offset, message, HEADER_LENGTH, length);
    writeUint16(message, nameEnd, Type.A);
    writeUint16(message, nameEnd + 2, Class.IN);
    parseQuery(message, nameEnd + 4, this.#shorter.parsed);
    this.#shorter.take(message, nameEnd + 4, NO_SINK, this.#nobody, 0);
  }

  /** Whether the cache knows its answer: no denial, which would have answered the longer name. */
  #isCached({ partition }: Zone): boolean {
    const { cache, clock } = this.#parts;
    const { message, parsed } = this.#shorter;
    return cache.findUsable(message, parsed, partition, clock.nowMs, this.#hit) === Lookup.fresh;
  }

  #waitFor(flight: Flight, zone: Zone, offset: number): boolean {
    const { forward, counters, clock, replies } = this.#parts;
    const shorter = this.#shorter;
    const asked = forward.table.find(shorter, zone);
    if (asked === null && !forward.mayBegin(zone)) return false;
    const leader = asked ?? forward.begin(shorter, zone, false, replies);
    flight.shorterAsked++;
    flight.shorterOffset = offset;
    follow(flight, leader);
    forward.wakeAt(flight, clock.nowMs + PATIENCE_MS);
    if (asked === null) {
      counters.increment(Counter.searchShorter);
      leader.takeTagsOf(flight);
      this.#send(leader);
    }
    return true;
  }

  /** The flight that asked for the shorter name has ended: by an upstream's answer, or by none. */
  onLeaderDone(flight: Flight, isAnswered: boolean): void {
    const { forward, cache, clock, answers, counters } = this.#parts;
    const zone = flight.zone!;
    if (cache.findCut(flight.query, flight, zone, clock.nowMs, this.#hit)) {
      counters.values[Counter.nxdomainCuts]! += flight.waiterCount;
      answers.cut(flight, this.#hit);
      forward.settle(flight);
      return;
    }
    this.#noteAt(flight, flight.shorterOffset, isAnswered ? EXISTS_MS : NO_ANSWER_MS);
    if (!this.waitsForShorter(flight)) this.#send(flight);
  }

  /** The flight has waited for the shorter name's answer for PATIENCE_MS. */
  onLeaderLate(flight: Flight): void {
    this.#send(flight);
  }

  /** Nobody's query is being handled: the loop guard has only the note of what was sent. */
  #send(flight: Flight): void {
    const { forward, loopGuard } = this.#parts;
    forward.sendFirst(flight);
    loopGuard.afterSending(flight, null);
  }

  /** Notes the name that starts there; false: it is none of those that are asked for. */
  #noteAt({ query, zone }: Flight, offset: number, forMs: number): boolean {
    const above = this.#above;
    above.read(query, zone!.wireSuffix.length);
    const { nowMs } = this.#parts.clock;
    for (let i = 0; i < above.count; i++) {
      if (above.offsets[i] !== offset) continue;
      this.known.note(above.hashes[i]!, zone!.partition, nowMs + forMs);
      return this.known.isKnown(above.hashes[i]!, zone!.partition, nowMs);
    }
    return false;
  }

  /** A name has been answered NOERROR: it exists, and so do the names above it. */
  noteExisting({ query, zone }: Flight): void {
    const above = this.#above;
    above.read(query, zone!.wireSuffix.length);
    const untilMs = this.#parts.clock.nowMs + EXISTS_MS;
    for (let i = 0; i < above.count; i++) this.known.note(above.hashes[i]!, zone!.partition, untilMs);
  }
}
