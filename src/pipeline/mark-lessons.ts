// What replies teach about the marks of queries (upstream/marks.ts). Called by response-path for
// every reply.
import type { Clock } from '../base/clock.ts';
import type { DomainLessons } from '../upstream/domain-lessons.ts';
import { Mark } from '../upstream/marks.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { equalBytes } from '../wire/bytes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { ScannedResponse } from '../wire/response.ts';
import { nameToText } from '../wire/text.ts';
import type { Attempt } from './pending/attempt.ts';
import type { Flight } from './pending/flight.ts';
import { Outcome } from './situation.ts';

/**
 * The main thread is told of at most this many failures with marks per second: it needs few, and
 * there may be thousands.
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
   * Remembers for the domain which marks the server accepts, and which ones failed once it has
   * answered without them.
   */
  learn(
    attempt: Attempt<Flight>,
    slot: number,
    outcome: Outcome,
    scanned: ScannedResponse,
    bytes: Uint8Array,
  ): void {
    const { marks, marksBefore, cause, lessonKey } = attempt;
    const { nowMs } = this.#clock;
    const domains = this.#domains;
    if (isCaseLost(attempt, scanned, bytes)) {
      this.#stumbled(attempt, slot, Mark.case);
      return;
    }
    const isAnswer = outcome === Outcome.answered && !scanned.truncated;
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
  #stumbled(attempt: Attempt<Flight>, slot: number, marks: number): void {
    if (!this.#domains.learn(attempt.lessonKey, firstToGiveUp(marks), this.#clock.nowMs)) return;
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
 * The marks to learn. Where an option and the letter case were left off in one step, the option
 * alone: if it was the case, the next question shows it.
 */
function firstToGiveUp(marks: number): number {
  return (marks & Mark.options) === 0 ? marks : marks & ~Mark.case;
}

/**
 * Whether a reply over a stream, where forgery is not possible, repeats the question in another
 * case.
 */
function isCaseLost(attempt: Attempt<Flight>, scanned: ScannedResponse, bytes: Uint8Array): boolean {
  const { marks, overStream, questionEnd, buffer } = attempt;
  if (!overStream || (marks & Mark.case) === 0 || scanned.questionEnd !== questionEnd) return false;
  return !equalBytes(bytes, HEADER_LENGTH, buffer, HEADER_LENGTH, questionEnd - HEADER_LENGTH);
}
