// What to do about silence: whether the last message about a question is delayed, which upstream it
// goes to, and with which marks and over which transport a silent upstream is asked again.
// forward-path asks this module, and sends the message.
import { type DomainLessons, lessonKey } from '../upstream/domain-lessons.ts';
import { ALL_MARKS, Mark } from '../upstream/marks.ts';
import { type SharedUpstreamState, UpstreamState } from '../upstream/shared-state.ts';
import { Outcome } from './fallback.ts';
import type { Attempt, Flight } from './pending/flight.ts';

/** A message and its result. */
export interface Before {
  readonly outcome: Outcome;
  readonly marks: number;
}
/** The first message to an upstream. */
export const NOTHING: Before = { outcome: Outcome.none, marks: 0 };

/** The key for what is learned about an upstream and the domain of a flight's question. */
export function lessonKeyOf(flight: Flight, slot: number): number {
  return lessonKey(flight.domainHash, slot, flight.zone!.partition);
}

export class Silence {
  // The result of consider().
  marks = 0;
  overStream = false;
  before: Before = NOTHING;
  readonly #state: SharedUpstreamState;
  readonly #domains: DomainLessons;

  constructor(state: SharedUpstreamState, domains: DomainLessons) {
    this.#state = state;
    this.#domains = domains;
  }

  /**
   * Whether to delay the last message: all upstreams are silent to everybody, and this message is
   * to outlive the outage.
   * @param next the upstream it would go to; −1: all were tried
   */
  mayPass(flight: Flight, next: number): boolean {
    if (flight.messagesLeft !== 1 || flight.outstanding === 0 || flight.miscasedMask !== 0) return false;
    // An upstream that was not tried and is not known to be silent is asked at once.
    const nextSlot = next < 0 ? -1 : flight.zone!.upstreams[next]!.slot;
    if (nextSlot >= 0 && this.#state.stateOf(nextSlot) === UpstreamState.up) return false;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      // A connection loses no message while others arrive: a third one would only be one more for
      // others to wait behind.
      if (attempt.missed || (!attempt.overStream && this.#isAlive(flight, attempt))) return false;
      // It may be silent only because of what the attempt carried.
      if (this.#domains.isPlainAnswered(attempt.lessonKey)) return false;
    }
    return true;
  }

  /** Of the upstreams that were all silent, one that answers other questions; −1: none does. */
  pickAlive(flight: Flight): number {
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt !== null && this.#isAlive(flight, attempt)) return attempt.upstreamIndex;
    }
    return -1;
  }

  /** Finds out how to ask a silent upstream again. */
  consider(flight: Flight, index: number, nowMs: number): void {
    const { slot, transport } = flight.zone!.upstreams[index]!;
    const domains = this.#domains;
    const key = lessonKeyOf(flight, slot);
    const last = lastTo(flight, index);
    const isRepeated = last !== null && last.cause === Outcome.silent;
    if (isRepeated) domains.silentAgain(key, last.marks);
    this.marks = ALL_MARKS;
    this.before = NOTHING;
    this.overStream = false;
    if (flight.dislikedBy === index) {
      // It answers, but not what it was sent: the last message goes without any OPT, which every
      // server accepts.
      this.marks = Mark.case;
      if (last !== null) this.before = { outcome: Outcome.disliked, marks: last.marks };
      return;
    }
    this.overStream = this.#wantsStream(flight, index, key);
    if (this.overStream) return;
    if (transport === 'udp') {
      this.marks = domains.marksAfterSilence(key, this.#state.hasAnsweredEdns(slot), flight.dnssecOk, nowMs);
      // If it was silent with EDNS and not without, it is not asked with EDNS twice.
      if (isRepeated && domains.isPlainAnswered(key)) this.marks &= Mark.case;
    } else {
      // Over a stream silence says nothing about EDNS, and an encrypted query without OPT could not
      // be padded (RFC 8467).
      this.marks &= domains.proven(key, nowMs) | Mark.options | Mark.edns;
    }
    if ((flight.miscasedMask & (1 << index)) !== 0) {
      this.marks &= ~Mark.case;
      this.before = { outcome: Outcome.miscased, marks: Mark.case };
    } else if (last !== null) {
      this.before = { outcome: Outcome.silent, marks: last.marks };
    }
  }

  /** Whether the upstream has answered others since this was sent to it. */
  #isAlive(flight: Flight, attempt: Attempt): boolean {
    const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    return this.#state.answers(slot) !== attempt.answersBefore;
  }

  /**
   * Whether UDP is not good enough: twice it brought no answer, or an invalid one. Over TCP nothing
   * is lost, forged or too long.
   */
  #wantsStream(flight: Flight, index: number, key: number): boolean {
    if (flight.streamRefused || (flight.streamMask & (1 << index)) !== 0) return false;
    if (flight.messagesLeft === 1 && !this.#domains.isPlainAnswered(key)) return true;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt?.missed && attempt.upstreamIndex === index) return true;
    }
    return false;
  }
}

/** The last attempt at an upstream that is still outstanding. */
function lastTo(flight: Flight, index: number): Attempt | null {
  for (let i = flight.attemptCount - 1; i >= 0; i--) {
    const attempt = flight.attempts[i]!;
    if (attempt !== null && attempt.upstreamIndex === index) return attempt;
  }
  return null;
}
