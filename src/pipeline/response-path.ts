// The way back: judges each reply from an upstream, asks again where that helps (TC, EDNS refused, SERVFAIL), stores what
// is worth keeping and lands the flight: every waiter gets its answer.
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
import { EdeCode, Rcode } from '../wire/codes.ts';
import { cutForeignRecords } from '../wire/foreign-records.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalBytes, readUint16 } from '../wire/octets.ts';
import { hideOurLetters, hideOurLettersInText } from '../wire/question-names.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../wire/response.ts';
import { mendTtls } from '../wire/rrset-ttl.ts';
import { type Answers, NO_EDE } from './answers.ts';
import { type Attempt, Dress, type Flight } from './flight.ts';
import type { ForwardPath } from './forward-path.ts';
import { LOOP_TEXT, type LoopGuard } from './loop-guard.ts';
import type { RebindGuard } from './rebind-guard.ts';

/** Octets of an upstream's EDE text that are relayed: a short hint, not a letter (RFC 8914 §3). */
const MAX_EDE_TEXT = 96;
const MAX_LABEL_LENGTH = 63;
/** Bytes of a truncated reply that are kept while the whole is asked for over a stream. */
const MAX_TRUNCATED_BYTES = 4096;

/** EDE text of an answer that was withheld. */
const REBIND_TEXT = new TextEncoder().encode('private address of a name from outside (rebind protection)');

export class ResponsePath implements ReplyOwner {
  /** Told of upstreams that say that they loop; set once, before the first reply. */
  loopGuard: LoopGuard | null = null;
  /** Null: private addresses pass. Swapped when the configuration changes. */
  rebindGuard: RebindGuard | null = null;
  readonly #forward: ForwardPath;
  readonly #clock: Clock;
  readonly #cache: MessageCache;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #answers: Answers;
  readonly #scanned = new ScannedResponse();

  constructor(
    forward: ForwardPath,
    clock: Clock,
    cache: MessageCache,
    counters: Counters,
    state: SharedUpstreamState,
    answers: Answers,
  ) {
    this.#forward = forward;
    this.#clock = clock;
    this.#cache = cache;
    this.#counters = counters;
    this.#state = state;
    this.#answers = answers;
    forward.replyOwner = this;
  }

  /** A reply that matched. Not taken when it cannot be read to its end: a better one may follow. */
  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean {
    const scanned = this.#scanned;
    const verdict = scanResponse(bytes, length, scanned);
    if (verdict === ScanVerdict.malformed) {
      this.#counters.increment(Counter.upstreamMismatches);
      return false;
    }
    const attempt = query as Attempt;
    const flight = attempt.flight!;
    const { upstreamIndex, dress, overStream, isRedressed, carriesTags, isBeside } = attempt;
    const slot = flight.zone!.upstreams[upstreamIndex]!.slot;
    this.#measure(attempt, slot, bytes);
    this.loopGuard?.onReply(attempt);
    this.#forward.dropAttempt(attempt);

    // It was asked whether it is back, and it is. Only a good answer is of use beside that.
    if (isBeside && !isWholeAnswer(scanned)) {
      if (flight.outstanding === 0) this.#forward.tryNext(flight);
      return true;
    }
    if (scanned.truncated) this.#keepTruncated(flight, bytes, length);
    if (scanned.truncated && !overStream) {
      flight.truncated = true;
      this.#forward.askOverStream(flight, upstreamIndex, dress);
      return true;
    }
    // Perhaps it disliked tags that the first client brought along: that is no answer to the question (attempt() leaves them off).
    if (carriesTags && scanned.rcode !== Rcode.NOERROR && scanned.rcode !== Rcode.NXDOMAIN) {
      this.#forward.attempt(flight, upstreamIndex, dress, overStream);
      return true;
    }
    if (dress !== Dress.plain && dislikesDress(scanned) && !flight.opaque) {
      this.#forward.attempt(flight, upstreamIndex, (dress + 1) as Dress, overStream, true);
      return true;
    }
    this.#learnDress(slot, dress, isRedressed, scanned, flight);
    // What is signed is relayed as it is, whatever it says (RFC 5625 §4.5).
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

  /** Takes a truncated answer down in case that no stream brings the whole: it is given out then, and never stored. */
  #keepTruncated(flight: Flight, bytes: Uint8Array, length: number): void {
    const scanned = this.#scanned;
    if (scanned.rcode !== Rcode.NOERROR && scanned.rcode !== Rcode.NXDOMAIN) return;
    // A reply without a question cannot be restored; one longer than a datagram is not worth its memory.
    if (scanned.questionEnd !== flight.questionEnd || length > MAX_TRUNCATED_BYTES) return;
    const kept = flight.opaque ? length : this.#trim(bytes, length, true);
    if (!flight.opaque && this.rebindGuard?.blocks(flight, bytes, kept) === true) return;
    flight.truncatedReply = bytes.slice(0, kept);
  }

  /** Takes off the reply that was scanned what clients do not get, evens its TTLs, and returns its length without OPT. */
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

  /** A matching reply is a sign of life, and a measure of the way. */
  #measure(attempt: Attempt, slot: number, bytes: Uint8Array): void {
    const rttMs = this.#clock.nowMs - attempt.sentAtMs;
    this.#counters.upstreamDuration(slot, rttMs);
    this.#state.measured(slot, rttMs);
    this.#state.answered(slot);
    // Over a stream nobody forges: if the case is lost there, the server loses it (see onSuspicious).
    const hasQuestion = this.#scanned.questionEnd === attempt.questionEnd;
    if (attempt.overStream && hasQuestion && this.#state.keepsCase(slot) && !attempt.flight!.opaque) {
      const nameLength = attempt.questionEnd - HEADER_LENGTH;
      if (!equalBytes(bytes, HEADER_LENGTH, attempt.buffer, HEADER_LENGTH, nameLength)) {
        this.#state.setCaseUnkept(slot);
      }
    }
  }

  /** Remembers what a server stumbled over, once it has answered without it. */
  #learnDress(
    slot: number,
    dress: Dress,
    isRedressed: boolean,
    scanned: ScannedResponse,
    flight: Flight,
  ): void {
    if (flight.opaque) return;
    const { nowMs } = this.#clock;
    const isGood = scanned.rcode === Rcode.NOERROR || scanned.rcode === Rcode.NXDOMAIN;
    if (scanned.hasOpt) {
      this.#state.setAnsweredEdns(slot);
    } else if (dress === Dress.plain && isGood && !this.#state.hasAnsweredEdns(slot)) {
      // Refused with OPT and answered without is plain enough. What was sent plain because the server is known for that shows nothing.
      if (isRedressed) this.#state.setPlainOnly(slot, nowMs);
      else if (!this.#state.isPlainOnly(slot, nowMs)) this.#state.answeredPlain(slot, nowMs);
    }
    if (isRedressed && dress === Dress.edns && scanned.rcode !== Rcode.FORMERR)
      this.#state.setTagsRefused(slot);
  }

  /** SERVFAIL, REFUSED and their like: the next upstream may know better. */
  #refused(flight: Flight, upstreamIndex: number, slot: number, bytes: Uint8Array): void {
    const scanned = this.#scanned;
    this.#counters.upstreamFailure(slot, FailureReason.rcode);
    if (this.#state.isQuarantined(flight.zone!.routeSlots[upstreamIndex]!)) {
      // What another worker was told about the loop has come round to us: it says nothing of the name.
      flight.loopText = flight.zone!.loopTexts[upstreamIndex]!;
      this.#forward.tryNext(flight);
      return;
    }
    flight.failedRcode = scanned.truncated ? Rcode.SERVFAIL : scanned.rcode;
    flight.failedEdeCode = NO_EDE;
    flight.failedEdeText = null;
    if (scanned.edeOffset !== 0) {
      this.#hearOfLoop(flight, upstreamIndex, bytes);
      flight.failedEdeCode = readUint16(bytes, scanned.edeOffset);
      flight.failedEdeText = edeTextOf(bytes, scanned);
    }
    this.#forward.tryNext(flight);
  }

  /** Our own words, from an upstream: the loop was cut at another worker or replica, or further up. A probe tells which. */
  #hearOfLoop(flight: Flight, upstreamIndex: number, bytes: Uint8Array): void {
    const { edeOffset, edeLength, rcode } = this.#scanned;
    if (rcode !== Rcode.SERVFAIL || edeLength < 2 + LOOP_TEXT.length) return;
    if (readUint16(bytes, edeOffset) !== EdeCode.notReady) return;
    if (!equalBytes(bytes, edeOffset + 2, LOOP_TEXT, 0, LOOP_TEXT.length)) return;
    flight.toldOfLoop = true;
    this.loopGuard?.onToldOfLoop(flight.zone!.routeSlots[upstreamIndex]!);
  }

  /** Stores the answer and gives it to everybody who waits. */
  #land(flight: Flight, bytes: Uint8Array, length: number, uncacheable: boolean): void {
    const scanned = this.#scanned;
    let edeCode = NO_EDE;
    let edeText: Uint8Array | null = null;
    if (scanned.edeOffset !== 0) {
      edeCode = readUint16(bytes, scanned.edeOffset);
      edeText = edeTextOf(bytes, scanned);
    }
    const bareLength = this.#trim(bytes, length, !uncacheable);
    if (this.rebindGuard?.blocks(flight, bytes, bareLength) === true) {
      this.#counters.increment(Counter.rebindBlocked);
      this.#answers.withoutRecords(flight, Rcode.NOERROR, EdeCode.blocked, REBIND_TEXT);
      this.#forward.release(flight);
      return;
    }
    if (!uncacheable) {
      const { partition } = flight.zone!;
      this.#cache.store(flight.query, flight, partition, bytes, bareLength, scanned, this.#clock.nowMs);
    }
    this.#answers.reply(flight, bytes, bareLength, scanned.rcode, edeCode, edeText);
    this.#forward.release(flight);
  }

  /** The transport gave the attempt up. */
  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    const attempt = query as Attempt;
    const flight = attempt.flight!;
    const { upstreamIndex, dress } = attempt;
    const { slot, transport } = flight.zone!.upstreams[upstreamIndex]!;
    if (this.#forward.closing) {
      this.#forward.dropAttempt(attempt);
      this.#forward.tryNext(flight);
      return;
    }
    this.#counters.upstreamFailure(slot, reason);
    // A server of datagrams that has no TCP is not out of reach.
    const isAside = attempt.overStream && transport === 'udp';
    if (!isAside && !flight.opaque) this.#judge(slot, reason);
    if (attempt.isBeside) {
      this.#forward.dropAttempt(attempt);
      if (flight.outstanding === 0) this.#forward.tryNext(flight);
      return;
    }
    flight.crowdedOut = reason === FailureReason.overload;
    if (!flight.crowdedOut) flight.unreachable = true;
    this.#forward.dropAttempt(attempt);
    const { overStream } = attempt;
    // Where a connection stood the question has left by it: that was its third try.
    const wantsDatagram = isConnectFailure(reason) && !flight.truncated && !flight.streamRefused;
    if (overStream && transport === 'udp' && wantsDatagram && !flight.opaque) {
      flight.streamRefused = true;
      this.#forward.attempt(flight, upstreamIndex, dress, false);
      return;
    }
    this.#forward.tryNext(flight);
  }

  /**
   * What one question provokes says nothing about the server: a connection that ends, a stream that is reset, an answer that is
   * none may all be the question's own doing. At most they are a reason to check. Only who cannot be reached is suspect.
   */
  #judge(slot: number, reason: FailureReason): void {
    if (reason === FailureReason.overload) return;
    if (isConnectFailure(reason)) this.#state.suspect(slot);
    this.#state.doubt(slot);
  }

  mayRepeat(query: UpstreamQuery): boolean {
    const { flight, upstreamIndex } = query as Attempt;
    return flight!.takeStreamTry(upstreamIndex);
  }

  /**
   * Replies keep coming for this query that do not match: somebody guesses, or the server loses QNAME's case. Over TCP
   * nobody can guess, so the question goes there.
   */
  onSuspicious(query: UpstreamQuery): void {
    const attempt = query as Attempt;
    if (attempt.overStream || attempt.isBeside) return;
    const flight = attempt.flight!;
    if (flight.streamRefused) return;
    const { upstreamIndex, dress } = attempt;
    this.#forward.dropAttempt(attempt);
    this.#forward.askOverStream(flight, upstreamIndex, dress);
  }
}

function isWholeAnswer({ rcode, truncated }: ScannedResponse): boolean {
  return (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && !truncated;
}

/** What an upstream's EDE says besides its code; null when that is nothing. */
function edeTextOf(bytes: Uint8Array, scanned: ScannedResponse): Uint8Array | null {
  const textOffset = scanned.edeOffset + 2;
  const textLength = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT);
  // Some name the question in it, spelled as they got it; what is cut off at the end may be half a label.
  const whole = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT + MAX_LABEL_LENGTH);
  if (scanned.questionEnd > HEADER_LENGTH) hideOurLettersInText(bytes, textOffset, textOffset + whole);
  return textLength > 0 ? bytes.slice(textOffset, textOffset + textLength) : null;
}

/** Answers that servers give to an OPT record, or to an option in it, that they do not know (RFC 6891 §7). */
function dislikesDress(scanned: ScannedResponse): boolean {
  return (
    scanned.rcode === Rcode.FORMERR ||
    (scanned.rcode === Rcode.NOTIMP && !scanned.hasOpt) ||
    scanned.rcode === Rcode.BADVERS
  );
}
