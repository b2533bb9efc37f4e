// Sends the messages of flights, and cancels them: builds the message, hands it to the upstream,
// counts it, and notes when the next one is due. retry-policy decides which message is sent.
// Belongs to forward-path.
import type { Clock } from '../base/clock.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import type { Counters } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import type { DomainLessons } from '../upstream/domain-lessons.ts';
import { FailureReason, UNSENT_ID } from '../upstream/exchange.ts';
import { ALL_MARKS } from '../upstream/marks.ts';
import { attemptTimeoutMs } from '../upstream/retry-timeout.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { Trials } from '../upstream/trials.ts';
import { STREAM_ROUND_TRIPS } from './forward-times.ts';
import type { OutgoingQuery } from './outgoing-query.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import type { FlightPool } from './pending/flight-pool.ts';
import { AttemptEnd } from './pending/timeline.ts';
import { Step } from './situation.ts';
import { lessonKeyOf } from './situation-reader.ts';

/** What the sender works with. */
export interface AttemptSenderParts {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly state: SharedUpstreamState;
  readonly outgoing: OutgoingQuery;
  readonly pool: FlightPool;
  readonly top: TopCounts;
}

export class AttemptSender {
  /** Questions to upstreams that are down. */
  readonly trials = new Trials();
  /** Set while dnstap is on. */
  tap: DnstapTap | null = null;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #outgoing: OutgoingQuery;
  readonly #pool: FlightPool;
  readonly #top: TopCounts;
  readonly #trialStep = new Step();

  constructor({ clock, counters, state, outgoing, pool, top }: AttemptSenderParts) {
    this.#clock = clock;
    this.#counters = counters;
    this.#state = state;
    this.#outgoing = outgoing;
    this.#pool = pool;
    this.#top = top;
  }

  /** What this thread has learned about the upstreams, domain by domain. */
  get domains(): DomainLessons {
    return this.#outgoing.domains;
  }

  /** Carries out a step that sends a message, and notes what it costs. */
  send(flight: Flight, step: Step): void {
    const { upstream: index } = step;
    if (step.givesUpTcp) flight.streamRefused = true;
    if (step.leftOff !== 0) this.#counters.fallback(step.leftOff);
    if (step.isCheck) {
      const { slot } = flight.zone!.upstreams[index]!;
      this.domains.spendCheck(lessonKeyOf(flight, slot), flight.clientHash, this.#clock.nowMs);
    }
    flight.triedMask |= 1 << index;
    if (flight.attemptCount === 0) {
      flight.zone!.selection.passTurn(index);
      this.#sendTrialAlongside(flight, index);
    }
    this.#sendOne(flight, step);
  }

  /**
   * Also asks an upstream that is out of favor if it is its turn: its answer brings it back, and no
   * client waits for it.
   */
  #sendTrialAlongside(flight: Flight, index: number): void {
    const { selection, race } = flight.zone!;
    // A race asks several in any case.
    if (flight.opaque || race > 1) return;
    const trial = selection.pickTrialAlongside(index, this.trials, flight.clientHash, this.#clock.nowMs);
    if (trial < 0) return;
    this.#trialStep.send(trial, ALL_MARKS, false);
    this.#sendOne(flight, this.#trialStep).isTrialAlongside = true;
  }

  /** Sends one message. */
  #sendOne(flight: Flight, step: Step): Attempt<Flight> {
    const { upstream: index, overStream } = step;
    const upstream = flight.zone!.upstreams[index]!;
    const nowMs = this.#clock.nowMs;
    const attempt = this.#pool.takeAttempt();
    attempt.begin(flight, index, nowMs, step.cause, step.marksBefore);
    attempt.owner = flight.replyOwner;
    attempt.isHedge = step.isHedge;
    if (step.isHedge) flight.wasHedged = true;
    attempt.overStream = overStream || upstream.transport !== 'udp';
    attempt.number = flight.timeline.begin(index, attempt.overStream, nowMs);
    attempt.lessonKey = lessonKeyOf(flight, upstream.slot);
    if (!this.#state.isUp(upstream.slot)) {
      attempt.trialSlot = upstream.slot;
      attempt.trialClient = flight.clientHash;
      this.trials.begin(upstream.slot, attempt.trialClient);
    }
    attempt.answersBefore = this.#state.answers(upstream.slot);
    this.#outgoing.write(attempt, flight, upstream, step.marks);
    flight.timeline.carries(attempt.number, attempt.marks);
    flight.attempts[flight.attemptCount++] = attempt;
    flight.outstanding++;
    flight.messages++;
    if (overStream) flight.streamMask |= 1 << index;
    // A flight that awaits a late reply is in no hurry: nobody waits for it.
    if (flight.state === FlightState.active) {
      flight.retryMs = nowMs + this.#patienceMs(flight, attempt, upstream.slot);
    }
    this.#counters.upstreamRequest(upstream.slot);
    upstream.send(attempt, overStream);
    if (this.tap !== null)
      this.tap.forwarderQuery(upstream, attempt.bytes, attempt.length, attempt.id, overStream);
    return attempt;
  }

  /** How long to wait for an attempt before the next one. */
  #patienceMs(flight: Flight, attempt: Attempt<Flight>, slot: number): number {
    const roundTripMs = this.#state.rttMs(slot);
    return attemptTimeoutMs(
      attempt.overStream ? roundTripMs * STREAM_ROUND_TRIPS : roundTripMs,
      flight.round,
      flight.deadlineMs - attempt.sentAtMs,
    );
  }

  /**
   * Every attempt that times out is counted once. It is a reason to check its upstream and no more:
   * the owner of the name may be the silent one. A message that was not sent by then found no room.
   */
  countTimeouts(flight: Flight, isOver: boolean): void {
    flight.failure.noteSilence(flight.zone!.selection.isOutage());
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.timedOut) continue;
      const hasLeft = attempt.id !== UNSENT_ID;
      if (!hasLeft && !isOver) continue;
      attempt.timedOut = true;
      if (hasLeft) flight.timeline.end(attempt.number, AttemptEnd.silent, 0, this.#clock.nowMs);
      const slot = flight.zone!.upstreams[attempt.upstreamIndex]!.slot;
      if (hasLeft && this.#top.failures.isDue())
        this.#top.noteFailure(slot, flight.query, flight.qnameLength, flight.nameHash);
      this.#counters.upstreamFailure(slot, hasLeft ? FailureReason.timeout : FailureReason.overload);
      if (hasLeft && !flight.opaque) this.#state.doubt(slot);
    }
  }

  /** The others of a race that were not heard of: nobody waited for them, but they may be dead. */
  doubtSilent(flight: Flight): void {
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.timedOut || attempt.id === UNSENT_ID) continue;
      const { slot } = flight.zone!.upstreams[attempt.upstreamIndex]!;
      if (this.#state.answers(slot) === attempt.answersBefore) this.#state.doubt(slot);
    }
  }

  /** Takes an attempt off its flight and returns it to the pool; its exchange forgets it. */
  drop(attempt: Attempt<Flight>): void {
    const flight = attempt.flight!;
    attempt.exchange?.cancel(attempt);
    for (let i = 0; i < flight.attemptCount; i++) {
      if (flight.attempts[i] === attempt) flight.attempts[i] = null;
    }
    flight.outstanding--;
    this.#release(attempt);
  }

  /** The same with those to zone.upstreams[index]; returns whether there were any. */
  dropAllTo(flight: Flight, index: number): boolean {
    let isAny = false;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.upstreamIndex !== index) continue;
      this.drop(attempt);
      isAny = true;
    }
    return isAny;
  }

  /** The same with all attempts of a flight that ends. */
  dropAll(flight: Flight): void {
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      attempt.exchange?.cancel(attempt);
      flight.attempts[i] = null;
      this.#release(attempt);
    }
  }

  #release(attempt: Attempt<Flight>): void {
    if (attempt.trialSlot >= 0) this.trials.end(attempt.trialSlot, attempt.trialClient);
    this.#pool.releaseAttempt(attempt);
  }
}
