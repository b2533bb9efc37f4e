// The way back: judges each reply from an upstream, notes what it shows, and gives the answer to
// every waiter, or has forward-path carry out what the retry policy says instead.
import type { Clock } from '../base/clock.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import {
  FailureReason,
  isConnectFailure,
  type ReplyOwner,
  type UpstreamQuery,
} from '../upstream/exchange.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { ede } from '../wire/ede.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../wire/response.ts';
import type { Answers } from './answers.ts';
import type { ForwardPath } from './forward-path.ts';
import type { LoopGuard } from './loop-guard.ts';
import type { MarkLessons } from './mark-lessons.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import { AttemptEnd } from './pending/timeline.ts';
import type { RebindGuard } from './rebind-guard.ts';
import { mayRepeat } from './retry-policy.ts';
import type { SearchFirst } from './search-first.ts';
import { Action, Outcome } from './situation.ts';
import { edeOf, isError, outcomeOf, sayNodata, saysThatWeLoop, trimReply } from './upstream-reply.ts';

/** Bytes of a truncated reply that are kept while the whole one is asked for over a stream. */
const MAX_TRUNCATED_BYTES = 4096;

/** EDE of an answer that was withheld. */
const REBIND_BLOCKED = ede(
  EdeCode.blocked,
  new TextEncoder().encode('private address of a name from outside (rebind protection)'),
);

/** What the way back works with. */
export interface ResponsePathParts {
  readonly forward: ForwardPath;
  readonly clock: Clock;
  readonly cache: MessageCache;
  readonly counters: Counters;
  readonly state: SharedUpstreamState;
  readonly answers: Answers;
  readonly lessons: MarkLessons;
  readonly loopGuard: LoopGuard;
  readonly top: TopCounts;
}

export class ResponsePath implements ReplyOwner {
  /** Null: private addresses pass. Swapped when the configuration changes. */
  rebindGuard: RebindGuard | null = null;
  /** Set before the first query. */
  searchFirst: SearchFirst | null = null;
  /** Set while dnstap is on. */
  tap: DnstapTap | null = null;
  readonly #forward: ForwardPath;
  readonly #clock: Clock;
  readonly #cache: MessageCache;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #answers: Answers;
  readonly #lessons: MarkLessons;
  /** Told when an upstream says that it loops. */
  readonly #loopGuard: LoopGuard;
  readonly #top: TopCounts;
  readonly #scanned = new ScannedResponse();

  constructor(parts: ResponsePathParts) {
    const { forward, clock, cache, counters, state, answers, lessons, loopGuard, top } = parts;
    this.#forward = forward;
    this.#clock = clock;
    this.#cache = cache;
    this.#counters = counters;
    this.#state = state;
    this.#answers = answers;
    this.#lessons = lessons;
    this.#loopGuard = loopGuard;
    this.#top = top;
  }

  /**
   * A reply that matched. False: it cannot be parsed to its end, so that a better one is awaited.
   */
  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean {
    const scanned = this.#scanned;
    const verdict = scanResponse(bytes, length, scanned);
    const attempt = query as Attempt<Flight>;
    const flight = attempt.flight!;
    if (this.tap !== null) this.#tellTap(attempt, bytes, length);
    if (verdict === ScanVerdict.malformed) {
      this.#counters.increment(Counter.upstreamMismatches);
      flight.timeline.end(attempt.number, AttemptEnd.malformed, 0, this.#clock.nowMs);
      this.#forward.proceed(flight, attempt, Outcome.malformed);
      return false;
    }
    const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    const outcome = outcomeOf(scanned);
    this.#measure(attempt, slot);
    this.#loopGuard.onReply(attempt);
    if (!flight.opaque) this.#lessons.learn(attempt, slot, outcome, scanned, bytes);
    const end = scanned.truncated ? AttemptEnd.truncated : AttemptEnd.replied;
    flight.timeline.end(attempt.number, end, scanned.rcode, this.#clock.nowMs);
    this.#forward.dropAttempt(attempt);
    if (flight.isAnswered) {
      this.#forward.settle(flight);
      return true;
    }
    if (scanned.truncated && !attempt.isTrialAlongside) this.#noteTruncated(flight, attempt, bytes, length);
    if (outcome === Outcome.negative || scanned.rcode === Rcode.REFUSED)
      flight.noteNegative(attempt.upstreamIndex, scanned.rcode);

    // Over a stream TC changes nothing about an error.
    const isCut = scanned.truncated && !(attempt.overStream && isError(outcome));
    const step = this.#forward.decide(flight, attempt, isCut ? Outcome.truncated : outcome);
    if (step.action === Action.accept) {
      flight.timeline.answeredBy = attempt.upstreamIndex;
      if (attempt.isHedge && flight.raced === 0) this.#counters.increment(Counter.hedgesWon);
      this.#complete(flight, bytes, length, verdict === ScanVerdict.tooManyRecords);
      return true;
    }
    // A server that may have rejected the tags of earlier hops has not answered the question yet.
    const asksWithoutTags = step.action === Action.send && step.withoutTags;
    const isFailure = isCut ? attempt.overStream : isError(outcome) && !asksWithoutTags;
    if (isFailure && !attempt.isTrialAlongside) this.#noteError(flight, attempt, slot, bytes);
    this.#forward.carryOut(flight, step);
    return true;
  }

  #tellTap(attempt: Attempt<Flight>, bytes: Uint8Array, length: number): void {
    const upstream = attempt.flight!.zone!.upstreams[attempt.upstreamIndex]!;
    const tookMs = this.#clock.nowMs - attempt.sentAtMs;
    this.tap!.forwarderResponse(upstream, bytes, length, tookMs, attempt.overStream);
  }

  /** A matching reply is a sign of life, and a measurement of the round trip. */
  #measure(attempt: Attempt<Flight>, slot: number): void {
    const { nowMs } = this.#clock;
    const rttMs = nowMs - attempt.sentAtMs;
    this.#counters.upstreamDuration(slot, rttMs);
    this.#state.measured(slot, rttMs, nowMs);
    if (!attempt.isSlow) this.#state.took(slot, rttMs);
    this.#state.answered(slot);
  }

  /**
   * TC. The answer is kept in case no stream brings the whole one: then it is used, but never
   * stored.
   */
  #noteTruncated(flight: Flight, attempt: Attempt<Flight>, bytes: Uint8Array, length: number): void {
    if (!attempt.overStream) flight.sawTruncation = true;
    const scanned = this.#scanned;
    if (scanned.rcode !== Rcode.NOERROR && scanned.rcode !== Rcode.NXDOMAIN) return;
    // A reply without a question cannot be restored; one longer than a datagram is not worth its
    // memory.
    if (scanned.questionEnd !== flight.questionEnd || length > MAX_TRUNCATED_BYTES) return;
    const keptLength = flight.opaque ? length : trimReply(bytes, length, scanned, true);
    if (!flight.opaque && this.rebindGuard?.blocks(flight, bytes, keptLength) === true) return;
    flight.truncatedReply = bytes.slice(0, keptLength);
    flight.timeline.answeredBy = attempt.upstreamIndex;
  }

  /** SERVFAIL, REFUSED and the like, or an answer that is truncated over a stream. */
  #noteError(flight: Flight, attempt: Attempt<Flight>, slot: number, bytes: Uint8Array): void {
    const scanned = this.#scanned;
    const { upstreamIndex } = attempt;
    const { zone, failure } = flight;
    const routeSlot = zone!.routeSlots[upstreamIndex]!;
    const rcode = scanned.truncated ? Rcode.SERVFAIL : scanned.rcode;
    this.#counters.upstreamFailure(slot, FailureReason.rcode);
    this.#state.erred(slot, rcode);
    this.#countTop(flight, slot);
    if (this.#state.isQuarantined(routeSlot)) {
      // What another worker was told about the loop has come back to us: it says nothing about the
      // name.
      failure.noteLoop(zone!.loopTexts[upstreamIndex]!);
      return;
    }
    if (saysThatWeLoop(bytes, scanned)) {
      // A probe finds out which route it is.
      failure.isAboutRoute = true;
      this.#loopGuard.onToldOfLoop(routeSlot);
    }
    failure.noteRcode(rcode, edeOf(bytes, scanned));
    if (outcomeOf(scanned) === Outcome.rejected) flight.rejectedBy = upstreamIndex;
  }

  #countTop(flight: Flight, slot: number): void {
    if (this.#top.failures.isDue())
      this.#top.noteFailure(slot, flight.query, flight.qnameLength, flight.nameHash);
  }

  /** Gives the answer to all waiters, and stores it. */
  #complete(flight: Flight, bytes: Uint8Array, length: number, uncacheable: boolean): void {
    const scanned = this.#scanned;
    // A name that one server has other types of exists (RFC 2308 §2.2).
    if (flight.sawNodata && scanned.rcode === Rcode.NXDOMAIN) sayNodata(bytes, scanned);
    // A signed reply is relayed unchanged, whatever it says (RFC 5625 §4.5).
    if (flight.opaque) this.#answers.verbatim(flight, bytes, length, scanned.rcode);
    else this.#completeTrimmed(flight, bytes, length, uncacheable);
    this.#forward.settle(flight);
  }

  #completeTrimmed(flight: Flight, bytes: Uint8Array, length: number, uncacheable: boolean): void {
    const scanned = this.#scanned;
    const reason = edeOf(bytes, scanned);
    const bareLength = trimReply(bytes, length, scanned, !uncacheable);
    if (this.rebindGuard?.blocks(flight, bytes, bareLength) === true) {
      this.#counters.increment(Counter.rebindBlocked);
      this.#answers.withoutRecords(flight, Rcode.NOERROR, REBIND_BLOCKED);
      return;
    }
    if (!uncacheable) {
      this.#cache.store(flight, flight.zone!.partition, bytes, scanned, this.#clock.nowMs);
    }
    if (scanned.rcode === Rcode.NOERROR) this.#noteExisting(flight);
    this.#answers.reply(flight, bytes, bareLength, scanned.rcode, reason);
  }

  /** It exists, and so do the names above it, whatever was said of them before. */
  #noteExisting(flight: Flight): void {
    const zone = flight.zone!;
    if (zone.nxdomainCut) this.#cache.forgetDenialsAbove(flight, zone);
    if (zone.search !== 'off') this.searchFirst!.noteExisting(flight);
  }

  /** The transport gave up the attempt. */
  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    const attempt = query as Attempt<Flight>;
    const flight = attempt.flight!;
    const lacksRoom = reason === FailureReason.overload;
    // A late one has been counted as timed out, and nobody waits for it.
    const isOver = this.#forward.closing || (attempt.late && lacksRoom);
    if (!isOver) this.#noteFailure(flight, attempt, reason);
    flight.timeline.end(attempt.number, AttemptEnd.failed, reason, this.#clock.nowMs);
    this.#forward.dropAttempt(attempt);
    this.#forward.proceed(flight, attempt, lacksRoom ? Outcome.noRoom : Outcome.failed);
  }

  #noteFailure(flight: Flight, attempt: Attempt<Flight>, reason: FailureReason): void {
    const { slot, transport } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    const lacksRoom = reason === FailureReason.overload;
    this.#counters.upstreamFailure(slot, reason);
    if (!lacksRoom) this.#countTop(flight, slot);
    // TCP was used in place of datagrams: a UDP server that does not offer it can still be reached.
    const replacedUdp = attempt.overStream && transport === 'udp';
    if (!replacedUdp && !flight.opaque) this.#judge(slot, reason);
    if (attempt.isTrialAlongside) return;
    flight.failure.noteTransport(lacksRoom);
    // Nothing was sent if there was no room for it, or no connection.
    if (lacksRoom || (attempt.overStream && isConnectFailure(reason))) flight.messages--;
  }

  /**
   * What a single question causes says nothing about the server: a closed connection, a reset
   * stream and an invalid answer may all be due to the question. At most they are a reason to
   * check. Only an unreachable server is suspect.
   */
  #judge(slot: number, reason: FailureReason): void {
    if (reason === FailureReason.overload) return;
    if (isConnectFailure(reason)) this.#state.suspect(slot);
    this.#state.doubt(slot);
  }

  makeRoom(query: UpstreamQuery): boolean {
    const flight = (query as Attempt<Flight>).flight!;
    return flight.state === FlightState.active && this.#forward.displacement.makeRoomUpstream(flight);
  }

  /** A connection was lost during a query: sending it again counts as one more message. */
  mayRepeat(query: UpstreamQuery): boolean {
    const { flight: ours, upstreamIndex } = query as Attempt<Flight>;
    const flight = ours!;
    const { transport } = flight.zone!.upstreams[upstreamIndex]!;
    const hasUntried = flight.zone!.selection.pick(flight.triedMask) >= 0;
    const replacesUdp = transport === 'udp' && !flight.sawTruncation;
    if (!mayRepeat(flight.messagesLeft, hasUntried, replacesUdp)) return false;
    flight.messages++;
    return true;
  }

  /** Replies that do not match this query keep coming. */
  onSuspicious(query: UpstreamQuery): void {
    const attempt = query as Attempt<Flight>;
    const flight = attempt.flight!;
    const { upstreamIndex } = attempt;
    if (query.miscased && !flight.opaque && !attempt.isTrialAlongside) {
      flight.miscasedMask |= 1 << upstreamIndex;
      this.#lessons.miscased(flight, flight.zone!.upstreams[upstreamIndex]!.slot);
    }
    const step = this.#forward.decide(flight, attempt, Outcome.mismatched);
    if (step.action === Action.send) {
      flight.timeline.end(attempt.number, AttemptEnd.mismatched, 0, this.#clock.nowMs);
      this.#forward.dropAttempt(attempt);
    }
    this.#forward.carryOut(flight, step);
  }
}
