// What replies teach about the marks of queries (upstream/marks.ts), and whether a question is
// worth asking again without some. Called by response-path for every reply.
import type { Clock } from '../base/clock.ts';
import type { DomainLessons } from '../upstream/domain-lessons.ts';
import { Mark, withoutMarks } from '../upstream/marks.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { equalBytes } from '../wire/bytes.ts';
import { Rcode } from '../wire/codes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { ScannedResponse } from '../wire/response.ts';
import { nameToText } from '../wire/text.ts';
import { NO_STEP, Outcome, stepDown } from './fallback.ts';
import type { Attempt, Flight } from './pending/flight.ts';

/**
 * Failures with marks that the main thread is told of per second: it needs few, and there may be
 * thousands.
 */
const MAX_REPORTS_PER_SECOND = 5;

/** Told that a server, or the owner of `domain`, does not accept some marks. */
export type StumbleReporter = (slot: number, marks: number, domain: string) => void;

export class MarkLessons {
  readonly #clock: Clock;
  readonly #state: SharedUpstreamState;
  readonly #domains: DomainLessons;
  readonly #tell: StumbleReporter;
  #reportSecond = 0;
  #reports = 0;

  constructor(clock: Clock, state: SharedUpstreamState, domains: DomainLessons, tell: StumbleReporter) {
    this.#clock = clock;
    this.#state = state;
    this.#domains = domains;
    this.#tell = tell;
  }

  /**
   * The marks of one more message to the same upstream, which may succeed with fewer; NO_STEP: its
   * reply counts as it is.
   */
  stepAfter(attempt: Attempt, outcome: Outcome, scanned: ScannedResponse): number {
    if (outcome === Outcome.none || scanned.truncated) return NO_STEP;
    // A server that gives a reason (RFC 8914) does not fail because of an option; and "forwarding
    // loop" is what the tag is for.
    if (outcome === Outcome.refused && scanned.edeOffset !== 0) return NO_STEP;
    return this.#step(attempt, outcome);
  }

  /** The same after a reply that cannot be parsed: some servers answer EDNS that way. */
  stepAfterMalformed(attempt: Attempt): number {
    return this.#step(attempt, Outcome.malformed);
  }

  #step(attempt: Attempt, outcome: Outcome): number {
    const flight = attempt.flight!;
    if (flight.opaque || attempt.isBeside || !flight.mayAsk) return NO_STEP;
    // It was just found to loop: its replies come from the loop.
    if (this.#state.isQuarantined(flight.zone!.routeSlots[attempt.upstreamIndex]!)) return NO_STEP;
    const { nowMs } = this.#clock;
    const proven = this.#domains.proven(attempt.lessonKey, nowMs);
    const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    const hasOther = flight.zone!.selection.pick(flight.triedMask) >= 0;
    // The last message is kept for an upstream that was not asked: this one may be broken.
    if (hasOther && flight.messagesLeft === 1 && outcome !== Outcome.negative) return NO_STEP;
    const fewer = stepDown(attempt.marks, outcome, proven, this.#state.hasAnsweredEdns(slot));
    if (fewer === NO_STEP) return NO_STEP;
    // Then there is one step only, the one that always helps.
    if (outcome === Outcome.disliked) return hasOther ? withoutMarks(fewer, Mark.edns) : fewer;
    // What is usually a correct answer is checked only this often.
    return this.#domains.mayCheck(attempt.lessonKey, flight.clientHash, nowMs) ? fewer : NO_STEP;
  }

  /**
   * Remembers for the domain which marks the server accepts, and which ones failed once it has
   * answered without them.
   */
  learn(attempt: Attempt, slot: number, outcome: Outcome, scanned: ScannedResponse, bytes: Uint8Array): void {
    const { marks, marksBefore, cause, lessonKey } = attempt;
    const { nowMs } = this.#clock;
    const domains = this.#domains;
    if (isCaseLost(attempt, scanned, bytes)) {
      this.#stumbled(attempt, slot, Mark.case);
      return;
    }
    const isAnswer = outcome === Outcome.none && !scanned.truncated;
    if (isAnswer) {
      domains.prove(lessonKey, marks, nowMs);
      if ((marks & Mark.edns) !== 0) this.#state.setAnsweredEdns(slot);
    }
    // Only records disprove a negative answer; after an error or silence, a negative answer is
    // enough.
    if (!isAnswer && (cause === Outcome.negative || outcome !== Outcome.negative)) return;
    if (cause === Outcome.silent) {
      const shown = domains.answeredAfterSilence(lessonKey, marks, marksBefore);
      if (shown !== 0) this.#stumbled(attempt, slot, shown);
    } else if (cause !== Outcome.none) {
      this.#stumbled(attempt, slot, marksBefore & ~marks);
    }
  }

  /**
   * A reply came with another letter case. It is not believed, so nothing is learned from it;
   * whether the server always does so is checked separately.
   */
  miscased(flight: Flight, slot: number): void {
    this.#report(flight, slot, Mark.case);
  }

  /**
   * The server, or the owner of the name, does not accept these marks: for a while the domain is
   * asked without them.
   */
  #stumbled(attempt: Attempt, slot: number, marks: number): void {
    if (!this.#domains.learn(attempt.lessonKey, firstToGive(marks), this.#clock.nowMs)) return;
    this.#report(attempt.flight!, slot, marks);
  }

  #report(flight: Flight, slot: number, marks: number): void {
    const second = Math.floor(this.#clock.nowMs / 1000);
    if (second !== this.#reportSecond) {
      this.#reportSecond = second;
      this.#reports = 0;
    }
    if (this.#reports++ >= MAX_REPORTS_PER_SECOND) return;
    const domain = nameToText(flight.query, flight.domainOffset, flight.questionEnd).toLowerCase();
    this.#tell(slot, marks, domain);
  }
}

/**
 * Of an option and letters given up in one step, the option alone: if it was the letters, the next
 * question shows it.
 */
function firstToGive(marks: number): number {
  return (marks & Mark.options) === 0 ? marks : marks & ~Mark.case;
}

/**
 * Whether a reply over a stream, where forgery is not possible, repeats the question in another
 * case.
 */
function isCaseLost(attempt: Attempt, scanned: ScannedResponse, bytes: Uint8Array): boolean {
  const { marks, overStream, questionEnd, buffer } = attempt;
  if (!overStream || (marks & Mark.case) === 0 || scanned.questionEnd !== questionEnd) return false;
  return !equalBytes(bytes, HEADER_LENGTH, buffer, HEADER_LENGTH, questionEnd - HEADER_LENGTH);
}

/** What a reply says, as far as the marks of the query may be the cause. */
export function outcomeOf(scanned: ScannedResponse): Outcome {
  switch (scanned.rcode) {
    case Rcode.NOERROR:
      return scanned.hasAskedType || scanned.hasAlias || scanned.truncated ? Outcome.none : Outcome.negative;
    case Rcode.NXDOMAIN:
      return scanned.hasAlias ? Outcome.none : Outcome.negative;
    case Rcode.FORMERR:
    case Rcode.BADVERS:
      return Outcome.disliked;
    case Rcode.NOTIMP:
      return scanned.hasOpt ? Outcome.refused : Outcome.disliked;
    default:
      return Outcome.refused;
  }
}
