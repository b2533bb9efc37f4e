// Reads what the retry policy decides on (situation.ts): from the flight, from what all threads
// know of the upstreams, and from what this one has learned about their domains. Belongs to
// forward-path. It decides nothing and changes nothing.
import { type DomainLessons, lessonKey } from '../upstream/domain-lessons.ts';
import { UNSENT_ID } from '../upstream/exchange.ts';
import { type SharedUpstreamState, UpstreamState } from '../upstream/shared-state.ts';
import type { Trials } from '../upstream/trials.ts';
import { MAX_OPAQUE_DATAGRAM } from './forward-times.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import { Outcome, type ServerFacts, Situation } from './situation.ts';

/** The key for what is learned about an upstream and the domain of a flight's question. */
export function lessonKeyOf(flight: Flight, slot: number): number {
  return lessonKey(flight.domainHash, slot, flight.zone!.partition);
}

export class SituationReader {
  /** As of the last read(). */
  readonly situation = new Situation();
  readonly #state: SharedUpstreamState;
  readonly #domains: DomainLessons;
  readonly #trials: Trials;

  constructor(state: SharedUpstreamState, domains: DomainLessons, trials: Trials) {
    this.#state = state;
    this.#domains = domains;
    this.#trials = trials;
  }

  /**
   * Reads the situation of a flight.
   * @param attempt the message that the outcome is about; null: none in particular
   * @param lastMessageMs when the last message leaves if all are silent
   */
  read(
    flight: Flight,
    attempt: Attempt<Flight> | null,
    outcome: Outcome,
    nowMs: number,
    lastMessageMs: number,
  ): void {
    const s = this.situation;
    s.outcome = outcome;
    // No more is needed to accept it.
    if (outcome === Outcome.answered) return;
    s.nowMs = nowMs;
    s.lastMessageMs = lastMessageMs;
    s.isOpaque = flight.opaque;
    s.isLong = flight.opaque && flight.queryLength > MAX_OPAQUE_DATAGRAM;
    s.isWaitedFor = flight.state === FlightState.active;
    s.messagesLeft = flight.messagesLeft;
    s.mayAsk = flight.mayAsk;
    s.outstanding = flight.outstanding;
    s.sawTruncation = flight.sawTruncation;
    s.streamRefused = flight.streamRefused;
    s.wasHedged = flight.wasHedged;
    s.sawSilence = flight.failure.sawSilence;
    s.lacksRoom = flight.failure.lacksRoom;
    this.#readUntried(flight);
    if (attempt !== null) this.#readMessage(flight, attempt, nowMs);
    if (s.sawSilence) this.#readSilence(flight, nowMs);
  }

  /** One that is up, or, if all are down, one that may be back. */
  #readUntried(flight: Flight): void {
    const s = this.situation;
    const { selection, upstreams } = flight.zone!;
    s.untried = selection.pick(flight.triedMask);
    s.isUntriedDown = s.untried < 0;
    if (s.untried < 0) s.untried = selection.pickTrial(flight.triedMask, this.#trials, flight.clientHash);
    s.isUntriedUp = s.untried >= 0 && this.#state.stateOf(upstreams[s.untried]!.slot) === UpstreamState.up;
  }

  #readMessage(flight: Flight, attempt: Attempt<Flight>, nowMs: number): void {
    const s = this.situation;
    const { marks, lessonKey: key } = attempt;
    s.marks = marks;
    s.overStream = attempt.overStream;
    s.carriesTags = attempt.carriesTags;
    s.isTrialAlongside = attempt.isTrialAlongside;
    // In a race the first message is beside the others, until one has had its time.
    s.isHedge = flight.raced > 0 ? !flight.failure.sawSilence : attempt.isHedge;
    s.wasMissed = attempt.missed;
    s.mayKnowMore = flight.mayOthersKnow(attempt.upstreamIndex);
    this.#readServer(s.server, flight, attempt.upstreamIndex, key, nowMs);
    const hasDoubt = (marks & ~s.server.provenMarks) !== 0;
    s.mayCheck = hasDoubt && this.#domains.mayCheck(key, flight.clientHash, nowMs);
  }

  #readServer(facts: ServerFacts, flight: Flight, index: number, key: number, nowMs: number): void {
    const { slot, transport } = flight.zone!.upstreams[index]!;
    const bit = 1 << index;
    facts.index = index;
    facts.isUdp = transport === 'udp';
    facts.isLooping = this.#state.isQuarantined(flight.zone!.routeSlots[index]!);
    facts.provenMarks = this.#domains.proven(key, nowMs);
    facts.knowsEdns = this.#state.hasAnsweredEdns(slot);
    facts.wasAskedOverTcp = (flight.streamMask & bit) !== 0;
    facts.owesOverStream = flight.owesOverStream(index);
    facts.isMiscased = (flight.miscasedMask & bit) !== 0;
    facts.hasRejected = flight.rejectedBy === index;
  }

  #readSilence(flight: Flight, nowMs: number): void {
    const s = this.situation;
    s.isLastUnsent = flight.attempts[flight.attemptCount - 1]?.id === UNSENT_ID;
    s.sawMismatch = flight.miscasedMask !== 0;
    s.othersAnswered = false;
    s.answersPlain = false;
    s.again.index = -1;
    let alive = -1;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      const isAlive = this.#hasAnsweredSince(flight, attempt);
      if (isAlive && alive < 0) alive = attempt.upstreamIndex;
      // A connection loses no message while others arrive: a third one would only be one more for
      // others to wait behind.
      if (isAlive && !attempt.overStream) s.othersAnswered = true;
      if (attempt.missed) s.sawMismatch = true;
      if (this.#domains.isPlainAnswered(attempt.lessonKey)) s.answersPlain = true;
    }
    if (s.untried < 0) this.#readAgain(flight, alive, nowMs);
  }

  /**
   * The upstream to ask again when all were silent.
   * @param alive one that answers other questions; −1: none does
   */
  #readAgain(flight: Flight, alive: number, nowMs: number): void {
    const { selection, upstreams } = flight.zone!;
    let index = alive >= 0 ? alive : selection.pick(0);
    if (index < 0) index = selection.pickTrial(0, this.#trials, flight.clientHash);
    if (index < 0) return;
    const facts = this.situation.again;
    const { slot } = upstreams[index]!;
    const key = lessonKeyOf(flight, slot);
    this.#readServer(facts, flight, index, key, nowMs);
    facts.answersPlain = this.#domains.isPlainAnswered(key);
    facts.marksAfterSilence = this.#domains.marksAfterSilence(key, facts.knowsEdns, flight.dnssecOk, nowMs);
    facts.lastMarks = -1;
    facts.lastCause = Outcome.none;
    facts.hasMismatch = false;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.upstreamIndex !== index) continue;
      facts.lastMarks = attempt.marks;
      facts.lastCause = attempt.cause;
      if (attempt.missed) facts.hasMismatch = true;
    }
  }

  /** Whether the upstream has answered others since this was sent to it. */
  #hasAnsweredSince(flight: Flight, attempt: Attempt<Flight>): boolean {
    const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
    return this.#state.answers(slot) !== attempt.answersBefore;
  }
}
