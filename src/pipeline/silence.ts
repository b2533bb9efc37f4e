// What silence is worth: whether the last message about a question waits, which upstream it goes to, with which marks and over
// which transport a silent upstream is asked again. forward-path asks, and does it.
import { type DomainLessons, lessonKey } from '../upstream/domain-lessons.ts';
import { ALL_MARKS, Mark } from '../upstream/marks.ts';
import { type SharedUpstreamState, UpstreamState } from '../upstream/shared-state.ts';
import { Outcome } from './fallback.ts';
import type { Attempt, Flight } from './flight.ts';

/** A message, and what became of it. */
export interface Before {
  readonly outcome: Outcome;
  readonly marks: number;
}
/** The first message to an upstream. */
export const NOTHING: Before = { outcome: Outcome.none, marks: 0 };

/** The key of what is learnt of an upstream by the domain of a flight's question. */
export function lessonKeyOf(flight: Flight, slot: number): number {
  return lessonKey(flight.domainHash, slot, flight.zone!.partition);
}

export class Silence {
  // What consider() has found.
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
   * Whether the last message had better wait: all upstreams are silent to everybody, and it is the one that outlives an outage.
   * @param next the upstream it would go to; −1: all were tried
   */
  mayPass(flight: Flight, next: number): boolean {
    if (flight.messagesLeft !== 1 || flight.outstanding === 0 || flight.miscasedMask !== 0) return false;
    // One that was not tried and is not known to be silent is asked at once.
    const nextSlot = next < 0 ? -1 : flight.zone!.upstreams[next]!.slot;
    if (nextSlot >= 0 && this.#state.stateOf(nextSlot) === UpstreamState.up) return false;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      // Over a connection no message is lost while others arrive: a third one would only be one more that others wait behind.
      if (attempt.missed || (!attempt.overStream && this.#isAlive(flight, attempt))) return false;
      // It may be silent to what the attempt carried alone.
      if (this.#domains.isPlainAnswered(attempt.lessonKey)) return false;
    }
    return true;
  }

  /** Of upstreams that were all met with silence, one that answers others; −1: none does. */
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
      // It answers, though not what it was sent: a last message without any OPT is one that it can take.
      this.marks = Mark.case;
      if (last !== null) this.before = { outcome: Outcome.disliked, marks: last.marks };
      return;
    }
    this.overStream = this.#wantsStream(flight, index, key);
    if (this.overStream) return;
    if (transport === 'udp') {
      this.marks = domains.marksAfterSilence(key, this.#state.hasAnsweredEdns(slot), flight.dnssecOk, nowMs);
      // What was silent with EDNS, and not without, is not asked with EDNS twice.
      if (isRepeated && domains.isPlainAnswered(key)) this.marks &= Mark.case;
    } else {
      // Over a stream silence says nothing of EDNS, and an encrypted query without OPT could not be padded (RFC 8467).
      this.marks &= domains.proven(key, nowMs) | Mark.options | Mark.edns;
    }
    if ((flight.miscasedMask & (1 << index)) !== 0) {
      this.marks &= ~Mark.case;
      this.before = { outcome: Outcome.miscased, marks: Mark.case };
    } else if (last !== null) {
      this.before = { outcome: Outcome.silent, marks: last.marks };
    }
  }

  /** Whether the upstream has answered others since it was sent this. */
  #isAlive(flight: Flight, attempt: Attempt): boolean {
    const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    return this.#state.answers(slot) !== attempt.answersBefore;
  }

  /**
   * Whether datagrams are not good enough: they did not bring an answer twice, or brought what was none. Over TCP nothing is lost,
   * forged or too long.
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

/** The last attempt at an upstream that is still out. */
function lastTo(flight: Flight, index: number): Attempt | null {
  for (let i = flight.attemptCount - 1; i >= 0; i--) {
    const attempt = flight.attempts[i]!;
    if (attempt !== null && attempt.upstreamIndex === index) return attempt;
  }
  return null;
}
