// The way back: checks each reply from an upstream, asks again if that helps (TC, EDNS refused,
// SERVFAIL), stores what is worth keeping, and completes the flight: every waiter gets its answer.
import type { Clock } from '../base/clock.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import {
  FailureReason,
  isConnectFailure,
  type ReplyOwner,
  type UpstreamQuery,
} from '../upstream/exchange.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { equalBytes, readUint16 } from '../wire/bytes.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../wire/ede.ts';
import { cutForeignRecords } from '../wire/foreign-records.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { hideOurLetters, hideOurLettersInText } from '../wire/question-names.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../wire/response.ts';
import { mendTtls } from '../wire/rrset-ttl.ts';
import type { Answers } from './answers.ts';
import { NO_STEP, Outcome, stepDown } from './fallback.ts';
import type { ForwardPath } from './forward-path.ts';
import { LOOP_TEXT, type LoopGuard } from './loop-guard.ts';
import { type MarkLessons, outcomeOf } from './mark-lessons.ts';
import type { Attempt, Flight } from './pending/flight.ts';
import type { RebindGuard } from './rebind-guard.ts';

/** Bytes of an upstream's EDE text that are relayed: a short hint is enough (RFC 8914 §3). */
const MAX_EDE_TEXT = 96;
const MAX_LABEL_LENGTH = 63;
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
}

export class ResponsePath implements ReplyOwner {
  /** Null: private addresses pass. Swapped when the configuration changes. */
  rebindGuard: RebindGuard | null = null;
  readonly #forward: ForwardPath;
  readonly #clock: Clock;
  readonly #cache: MessageCache;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #answers: Answers;
  readonly #lessons: MarkLessons;
  /** Told when an upstream says that it loops. */
  readonly #loopGuard: LoopGuard;
  readonly #scanned = new ScannedResponse();

  constructor(parts: ResponsePathParts) {
    const { forward, clock, cache, counters, state, answers, lessons, loopGuard } = parts;
    this.#forward = forward;
    this.#clock = clock;
    this.#cache = cache;
    this.#counters = counters;
    this.#state = state;
    this.#answers = answers;
    this.#lessons = lessons;
    this.#loopGuard = loopGuard;
  }

  /**
   * A reply that matched. Not accepted if it cannot be parsed to its end: a better one may follow.
   */
  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean {
    const scanned = this.#scanned;
    const verdict = scanResponse(bytes, length, scanned);
    const attempt = query as Attempt;
    if (verdict === ScanVerdict.malformed) {
      this.#counters.increment(Counter.upstreamMismatches);
      this.#askPlainer(attempt);
      return false;
    }
    const flight = attempt.flight!;
    const { upstreamIndex, marks, overStream, carriesTags, isBeside } = attempt;
    const slot = flight.zone!.upstreams[upstreamIndex]!.slot;
    const outcome = outcomeOf(scanned);
    this.#measure(attempt, slot);
    this.#loopGuard.onReply(attempt);
    if (!flight.opaque) this.#lessons.learn(attempt, slot, outcome, scanned, bytes);
    const fewer = this.#lessons.stepAfter(attempt, outcome, scanned);
    this.#forward.dropAttempt(attempt);

    // It was asked to see whether it is back, and it is. Apart from that only a good answer is of
    // use.
    if (isBeside && !isWholeAnswer(scanned)) {
      if (flight.outstanding === 0) this.#forward.tryNext(flight);
      return true;
    }
    if (scanned.truncated) this.#keepTruncated(flight, bytes, length);
    if (scanned.truncated && !overStream) {
      flight.truncated = true;
      this.#forward.askOverStream(flight, upstreamIndex, marks);
      return true;
    }
    // Perhaps it rejected tags that the first client sent: that is no answer to the question
    // (attempt() leaves them out).
    const isError = scanned.rcode !== Rcode.NOERROR && scanned.rcode !== Rcode.NXDOMAIN;
    if (carriesTags && isError && flight.mayAsk) {
      this.#forward.attempt(flight, upstreamIndex, marks, overStream);
      return true;
    }
    if (fewer !== NO_STEP) {
      if (isError) this.#noteRefusal(flight, upstreamIndex, slot, bytes);
      if (outcome === Outcome.disliked) flight.dislikedBy = upstreamIndex;
      this.#counters.fallback(marks & ~fewer);
      this.#forward.attempt(flight, upstreamIndex, fewer, overStream, { outcome, marks });
      return true;
    }
    // A signed reply is relayed unchanged, whatever it says (RFC 5625 §4.5).
    if (flight.opaque) {
      this.#answers.verbatim(flight, bytes, length, scanned.rcode);
      this.#forward.release(flight);
      return true;
    }
    if (!isWholeAnswer(scanned)) {
      this.#refused(flight, upstreamIndex, slot, bytes);
      return true;
    }
    this.#land(flight, bytes, length, verdict === ScanVerdict.tooManyRecords);
    return true;
  }

  /**
   * Keeps a truncated answer in case no stream brings the whole one: then it is used, but never
   * stored.
   */
  #keepTruncated(flight: Flight, bytes: Uint8Array, length: number): void {
    const scanned = this.#scanned;
    if (scanned.rcode !== Rcode.NOERROR && scanned.rcode !== Rcode.NXDOMAIN) return;
    // A reply without a question cannot be restored; one longer than a datagram is not worth its
    // memory.
    if (scanned.questionEnd !== flight.questionEnd || length > MAX_TRUNCATED_BYTES) return;
    const kept = flight.opaque ? length : this.#trim(bytes, length, true);
    if (!flight.opaque && this.rebindGuard?.blocks(flight, bytes, kept) === true) return;
    flight.truncatedReply = bytes.slice(0, kept);
  }

  /**
   * Removes from the scanned reply what clients must not get, makes its TTLs equal per RRset, and
   * returns its length without OPT.
   */
  #trim(bytes: Uint8Array, length: number, knowsAllRecords: boolean): number {
    const scanned = this.#scanned;
    let end = length;
    if (!scanned.signed) {
      if (knowsAllRecords) end = hideOurLetters(bytes, length, scanned);
      cutForeignRecords(bytes, end, scanned);
      mendTtls(bytes, scanned);
    }
    return stripOpt(bytes, end, scanned);
  }

  /**
   * A datagram that cannot be parsed, the first one for its query. The query also waits for a
   * better one.
   */
  #askPlainer(attempt: Attempt): void {
    if (attempt.missed || attempt.overStream) return;
    const flight = attempt.flight!;
    const { marks, upstreamIndex } = attempt;
    const fewer = this.#lessons.stepAfterMalformed(attempt);
    if (fewer === NO_STEP) return;
    this.#counters.fallback(marks & ~fewer);
    this.#forward.attempt(flight, upstreamIndex, fewer, false, { outcome: Outcome.malformed, marks });
  }

  /** A matching reply is a sign of life, and a measurement of the round trip. */
  #measure(attempt: Attempt, slot: number): void {
    const { nowMs } = this.#clock;
    const rttMs = nowMs - attempt.sentAtMs;
    this.#counters.upstreamDuration(slot, rttMs);
    this.#state.measured(slot, rttMs, nowMs);
    this.#state.answered(slot);
  }

  /** SERVFAIL, REFUSED and the like: the next upstream may know better. */
  #refused(flight: Flight, upstreamIndex: number, slot: number, bytes: Uint8Array): void {
    this.#noteRefusal(flight, upstreamIndex, slot, bytes);
    this.#forward.tryNext(flight);
  }

  #noteRefusal(flight: Flight, upstreamIndex: number, slot: number, bytes: Uint8Array): void {
    const scanned = this.#scanned;
    this.#counters.upstreamFailure(slot, FailureReason.rcode);
    if (this.#state.isQuarantined(flight.zone!.routeSlots[upstreamIndex]!)) {
      // What another worker was told about the loop has come back to us: it says nothing about the
      // name.
      flight.loopText = flight.zone!.loopTexts[upstreamIndex]!;
      return;
    }
    flight.failedRcode = scanned.truncated ? Rcode.SERVFAIL : scanned.rcode;
    flight.failedEdeCode = NO_EDE.code;
    flight.failedEdeText = null;
    if (scanned.edeOffset !== 0) {
      this.#hearOfLoop(flight, upstreamIndex, bytes);
      flight.failedEdeCode = readUint16(bytes, scanned.edeOffset);
      flight.failedEdeText = edeTextOf(bytes, scanned);
    }
  }

  /**
   * Our own words, from an upstream: the loop was cut at another worker or replica, or further up.
   * A probe finds out which.
   */
  #hearOfLoop(flight: Flight, upstreamIndex: number, bytes: Uint8Array): void {
    const { edeOffset, edeLength, rcode } = this.#scanned;
    if (rcode !== Rcode.SERVFAIL || edeLength < 2 + LOOP_TEXT.length) return;
    if (readUint16(bytes, edeOffset) !== EdeCode.notReady) return;
    if (!equalBytes(bytes, edeOffset + 2, LOOP_TEXT, 0, LOOP_TEXT.length)) return;
    flight.toldOfLoop = true;
    this.#loopGuard.onToldOfLoop(flight.zone!.routeSlots[upstreamIndex]!);
  }

  /** Stores the answer and gives it to all waiters. */
  #land(flight: Flight, bytes: Uint8Array, length: number, uncacheable: boolean): void {
    const scanned = this.#scanned;
    let reason: Ede = NO_EDE;
    if (scanned.edeOffset !== 0) {
      reason = ede(readUint16(bytes, scanned.edeOffset), edeTextOf(bytes, scanned));
    }
    const bareLength = this.#trim(bytes, length, !uncacheable);
    if (this.rebindGuard?.blocks(flight, bytes, bareLength) === true) {
      this.#counters.increment(Counter.rebindBlocked);
      this.#answers.withoutRecords(flight, Rcode.NOERROR, REBIND_BLOCKED);
      this.#forward.release(flight);
      return;
    }
    if (!uncacheable) {
      this.#cache.store(flight, flight.zone!.partition, bytes, scanned, this.#clock.nowMs);
    }
    this.#answers.reply(flight, bytes, bareLength, scanned.rcode, reason);
    this.#forward.release(flight);
  }

  /** The transport gave up the attempt. */
  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    const attempt = query as Attempt;
    const flight = attempt.flight!;
    const { upstreamIndex, marks } = attempt;
    const { slot, transport } = flight.zone!.upstreams[upstreamIndex]!;
    if (this.#forward.closing) {
      this.#forward.dropAttempt(attempt);
      this.#forward.tryNext(flight);
      return;
    }
    if (attempt.late && reason === FailureReason.overload) {
      // It has been counted as timed out, and nobody waits for it.
      this.#forward.dropAttempt(attempt);
      if (flight.outstanding === 0) this.#forward.tryNext(flight);
      return;
    }
    this.#counters.upstreamFailure(slot, reason);
    // A UDP server without TCP is not unreachable.
    const isAside = attempt.overStream && transport === 'udp';
    if (!isAside && !flight.opaque) this.#judge(slot, reason);
    if (attempt.isBeside) {
      this.#forward.dropAttempt(attempt);
      if (flight.outstanding === 0) this.#forward.tryNext(flight);
      return;
    }
    flight.crowdedOut = reason === FailureReason.overload;
    if (!flight.crowdedOut) flight.unreachable = true;
    const { overStream } = attempt;
    // Nothing was sent if there was no room for it, or no connection.
    if (flight.crowdedOut || (overStream && isConnectFailure(reason))) flight.messages--;
    this.#forward.dropAttempt(attempt);
    const mayGoOn = !flight.truncated && !flight.streamRefused && !flight.opaque && !flight.settled;
    if (overStream && transport === 'udp' && mayGoOn) {
      flight.streamRefused = true;
      this.#askWithoutStream(flight, upstreamIndex, marks);
      return;
    }
    this.#forward.tryNext(flight);
  }

  /**
   * TCP was to replace UDP, as datagrams were lost or not believed, and it does not answer either.
   */
  #askWithoutStream(flight: Flight, upstreamIndex: number, marks: number): void {
    const isMiscased = (flight.miscasedMask & (1 << upstreamIndex)) !== 0;
    const fewer = isMiscased ? stepDown(marks, Outcome.miscased, 0, false) : NO_STEP;
    if (fewer === NO_STEP) {
      this.#forward.attempt(flight, upstreamIndex, marks, false);
      return;
    }
    // A server that lower-cases all letters repeats this exactly; ID and port are new.
    this.#counters.fallback(marks & ~fewer);
    this.#forward.attempt(flight, upstreamIndex, fewer, false, { outcome: Outcome.miscased, marks });
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
    const flight = (query as Attempt).flight!;
    return !flight.settled && this.#forward.displacement.makeRoomUpstream(flight);
  }

  /** A connection was lost during a query: sending it again counts as one more message. */
  mayRepeat(query: UpstreamQuery): boolean {
    const { flight: ours, upstreamIndex } = query as Attempt;
    const flight = ours!;
    // The last message is kept for an upstream that was not asked, or for UDP if TCP was tried
    // instead.
    const { transport } = flight.zone!.upstreams[upstreamIndex]!;
    const hasOther = flight.zone!.selection.pick(flight.triedMask) >= 0;
    const reserved = hasOther || (transport === 'udp' && !flight.truncated) ? 1 : 0;
    if (flight.messagesLeft <= reserved) return false;
    flight.messages++;
    return true;
  }

  /**
   * Replies that do not match this query keep coming: somebody guesses, or the server changes the
   * case of QNAME. Over TCP nobody can guess, so the question is asked there.
   */
  onSuspicious(query: UpstreamQuery): void {
    const attempt = query as Attempt;
    if (attempt.overStream || attempt.isBeside) return;
    const flight = attempt.flight!;
    const { upstreamIndex, marks } = attempt;
    if (query.miscased && !flight.opaque) {
      flight.miscasedMask |= 1 << upstreamIndex;
      this.#lessons.miscased(flight, flight.zone!.upstreams[upstreamIndex]!.slot);
    }
    const wasAsked = (flight.streamMask & (1 << upstreamIndex)) !== 0;
    if (flight.streamRefused || wasAsked || !flight.mayAsk) return;
    this.#forward.dropAttempt(attempt);
    this.#forward.askOverStream(flight, upstreamIndex, marks);
  }
}

function isWholeAnswer({ rcode, truncated }: ScannedResponse): boolean {
  return (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && !truncated;
}

/** What an upstream's EDE says besides its code; null if nothing. */
function edeTextOf(bytes: Uint8Array, scanned: ScannedResponse): Uint8Array | null {
  const textOffset = scanned.edeOffset + 2;
  const textLength = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT);
  // Some texts name the question, in the letter case they got; the end may be cut off within a
  // label.
  const whole = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT + MAX_LABEL_LENGTH);
  if (scanned.questionEnd > HEADER_LENGTH) hideOurLettersInText(bytes, textOffset, textOffset + whole);
  return textLength > 0 ? bytes.slice(textOffset, textOffset + textLength) : null;
}
