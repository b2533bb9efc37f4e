// The way out: starts flights, sends what the retry policy says, and gives up in time. Replies are
// handled by response-path.
//
//   something has happened ─▶ situation-reader (facts) ─▶ retry-policy (decides) ─▶ carryOut()
import type { Clock } from '../base/clock.ts';
import type { TimerWheel } from '../base/timer-wheel.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import type { Counters } from '../metrics/counters.ts';
import type { DomainLessons } from '../upstream/domain-lessons.ts';
import { FailureReason, type ReplyOwner, UNSENT_ID } from '../upstream/exchange.ts';
import { ALL_MARKS } from '../upstream/marks.ts';
import { attemptTimeoutMs } from '../upstream/retry-timeout.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { Trials } from '../upstream/trials.ts';
import type { Answers } from './answers.ts';
import type { ClientQuery } from './client-query.ts';
import { Displacement } from './displacement.ts';
import { FlightFailures } from './flight-failures.ts';
import {
  type ForwardTimes,
  LAST_ROUND_MS,
  LAST_ROUND_SHARE,
  LATE_REPLY_MS,
  MAX_AWAITING_LATE_REPLY,
  MAX_OPAQUE_BYTES,
  STREAM_ROUND_TRIPS,
} from './forward-times.ts';
import type { OutgoingQuery } from './outgoing-query.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import { FlightPool } from './pending/flight-pool.ts';
import { FlightTable } from './pending/flight-table.ts';
import { decide } from './retry-policy.ts';
import { Action, Outcome, Step } from './situation.ts';
import { lessonKeyOf, SituationReader } from './situation-reader.ts';
import type { Zone } from './zone.ts';

/** What the way out works with. */
export interface ForwardPathParts {
  /** Questions in flight at a time. */
  readonly maxFlights: number;
  readonly times: ForwardTimes;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly cache: MessageCache;
  readonly counters: Counters;
  readonly state: SharedUpstreamState;
  readonly answers: Answers;
  readonly outgoing: OutgoingQuery;
}

export class ForwardPath {
  readonly table = new FlightTable();
  readonly pool: FlightPool;
  readonly displacement: Displacement;
  /** Questions to upstreams that are down. */
  readonly trials = new Trials();
  /** Receives replies and failures; set once, by Pipeline's constructor. */
  replyOwner: ReplyOwner | null = null;
  times: ForwardTimes;
  /**
   * Set when the thread is about to exit: nothing more is asked, and failures say nothing about a
   * server.
   */
  closing = false;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #answers: Answers;
  readonly #failures: FlightFailures;
  readonly #outgoing: OutgoingQuery;
  readonly #reader: SituationReader;
  /** The next step, as of the last decide(). */
  readonly #step = new Step();
  readonly #trialStep = new Step();

  constructor(parts: ForwardPathParts) {
    const { clock, cache, counters, state, answers, outgoing } = parts;
    this.pool = new FlightPool(parts.maxFlights, this);
    this.times = parts.times;
    this.#clock = clock;
    this.#wheel = parts.wheel;
    this.#counters = counters;
    this.#state = state;
    this.#answers = answers;
    this.#failures = new FlightFailures(clock, cache, answers);
    this.#outgoing = outgoing;
    this.#reader = new SituationReader(state, outgoing.domains, this.trials);
    this.displacement = new Displacement(this, counters, answers);
  }

  /** Whether a zone may have one more flight. */
  mayBegin({ load }: Zone): boolean {
    return load.mayTake(load.flights, this.pool.live, this.pool.limit);
  }

  /** Whether there is room for a query of this many bytes that is kept whole. */
  mayKeepWhole(length: number): boolean {
    return this.pool.opaqueBytes + length <= MAX_OPAQUE_BYTES;
  }

  /**
   * Starts a flight for a question; the caller has checked that it may, adds the waiter, then calls
   * sendFirst().
   * @param hasStale stale data is available in case the upstreams are slow
   */
  begin(query: ClientQuery, zone: Zone, hasStale: boolean): Flight {
    const flight = this.pool.take()!;
    const nowMs = this.#clock.nowMs;
    flight.begin(query, zone);
    if (flight.opaque) this.pool.opaqueBytes += query.length;
    flight.retryMs = Number.POSITIVE_INFINITY;
    flight.staleMs = hasStale ? nowMs + this.#staleAfterMs(zone) : Number.POSITIVE_INFINITY;
    flight.deadlineMs = nowMs + this.times.deadlineMs;
    zone.load.flights++;
    this.table.add(flight);
    return flight;
  }

  /** If all upstreams are down and there is stale data, nobody waits for an upstream. */
  #staleAfterMs(zone: Zone): number {
    return zone.selection.allDown() ? 0 : this.times.staleAfterMs;
  }

  /** What this thread has learned about the upstreams, domain by domain. */
  get domains(): DomainLessons {
    return this.#outgoing.domains;
  }

  /** Sends the first message of a flight, or fails it if there is nobody to ask. */
  sendFirst(flight: Flight): void {
    this.proceed(flight, null, Outcome.none);
  }

  /**
   * Asks the retry policy what to do about a flight, and does it.
   * @param attempt the message that the outcome is about; it has been taken off the flight unless
   * its reply is still awaited. Null: it is about none in particular
   */
  proceed(flight: Flight, attempt: Attempt<Flight> | null, outcome: Outcome): void {
    this.carryOut(flight, this.decide(flight, attempt, outcome));
  }

  /** The same without doing it. The step is valid until the next call. */
  decide(flight: Flight, attempt: Attempt<Flight> | null, outcome: Outcome): Step {
    const { situation } = this.#reader;
    this.#reader.read(flight, attempt, outcome, this.#clock.nowMs, this.#lastMessageMs(flight));
    if (this.closing) situation.isWaitedFor = false;
    decide(situation, this.#step);
    return this.#step;
  }

  carryOut(flight: Flight, step: Step): void {
    switch (step.action) {
      case Action.send:
        this.#sendStep(flight, step);
        break;
      case Action.waitUntil:
        flight.retryMs = step.untilMs;
        this.#arm(flight);
        break;
      case Action.awaitReplies:
        flight.retryMs = Number.POSITIVE_INFINITY;
        this.#arm(flight);
        break;
      case Action.makeRoom:
        this.#makeRoom(flight);
        break;
      case Action.fail:
        this.#fail(flight);
        break;
    }
  }

  /** When the last message leaves if everybody is silent: late enough to outlive a short outage. */
  #lastMessageMs(flight: Flight): number {
    const { deadlineMs } = this.times;
    return flight.deadlineMs - deadlineMs + Math.min(LAST_ROUND_MS, deadlineMs * LAST_ROUND_SHARE);
  }

  #sendStep(flight: Flight, step: Step): void {
    const { upstream: index } = step;
    if (step.beginsRound) this.#beginRound(flight, step);
    if (step.givesUpTcp) flight.streamRefused = true;
    if (step.leftOff !== 0) this.#counters.fallback(step.leftOff);
    if (step.isCheck) {
      const { slot } = flight.zone!.upstreams[index]!;
      this.domains.spendCheck(lessonKeyOf(flight, slot), flight.clientHash, this.#clock.nowMs);
    }
    flight.triedMask |= 1 << index;
    if (flight.attemptCount === 0) this.#sendTrialAlongside(flight, index);
    this.#send(flight, step);
  }

  /** All upstreams were silent: one of them is asked again. */
  #beginRound(flight: Flight, step: Step): void {
    flight.round++;
    flight.triedMask = 0;
    if (flight.opaque) return;
    const { again } = this.#reader.situation;
    const key = lessonKeyOf(flight, flight.zone!.upstreams[again.index]!.slot);
    if (again.lastCause === Outcome.silent) this.domains.silentAgain(key, again.lastMarks);
    if (step.overStream || !again.isUdp || again.hasRejected) return;
    this.domains.sentAfterSilence(key, again.knowsEdns, this.#clock.nowMs);
  }

  /**
   * Also asks an upstream that is out of favor if it is its turn: its answer brings it back, and no
   * client waits for it.
   */
  #sendTrialAlongside(flight: Flight, index: number): void {
    if (flight.opaque) return;
    const { selection } = flight.zone!;
    const trial = selection.pickTrialAlongside(index, this.trials, flight.clientHash, this.#clock.nowMs);
    if (trial < 0) return;
    this.#trialStep.send(trial, ALL_MARKS, false);
    this.#send(flight, this.#trialStep).isTrialAlongside = true;
  }

  /** Sends one message. */
  #send(flight: Flight, step: Step): Attempt<Flight> {
    const { upstream: index, overStream } = step;
    const upstream = flight.zone!.upstreams[index]!;
    const nowMs = this.#clock.nowMs;
    const attempt = this.pool.takeAttempt();
    attempt.begin(flight, index, nowMs, step.cause, step.marksBefore);
    attempt.owner = this.replyOwner;
    attempt.overStream = overStream || upstream.transport !== 'udp';
    attempt.lessonKey = lessonKeyOf(flight, upstream.slot);
    if (!this.#state.isUp(upstream.slot)) {
      attempt.trialSlot = upstream.slot;
      attempt.trialClient = flight.clientHash;
      this.trials.begin(upstream.slot, attempt.trialClient);
    }
    attempt.answersBefore = this.#state.answers(upstream.slot);
    this.#outgoing.write(attempt, flight, upstream, step.marks);
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
    this.#arm(flight);
    return attempt;
  }

  /** The upstreams take no more messages of ours: another client may have to give up one. */
  #makeRoom(flight: Flight): void {
    if (!this.displacement.makeRoomUpstream(flight)) {
      this.#fail(flight);
      return;
    }
    flight.failure.lacksRoom = false;
    flight.triedMask = 0;
    this.proceed(flight, null, Outcome.none);
  }

  #fail(flight: Flight): void {
    if (flight.state === FlightState.active) this.#failures.fail(flight);
    this.release(flight);
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

  /** Sets the flight's timer to the next due time. */
  #arm(flight: Flight): void {
    const isActive = flight.state === FlightState.active;
    let dueMs = isActive ? flight.deadlineMs : flight.deadlineMs + LATE_REPLY_MS;
    if (flight.retryMs < dueMs) dueMs = flight.retryMs;
    if (flight.staleMs < dueMs) dueMs = flight.staleMs;
    if (flight.nextTimer === null || flight.dueMs !== dueMs) this.#wheel.arm(flight, dueMs);
  }

  onFlightTimer(flight: Flight, nowMs: number): void {
    if (flight.state === FlightState.awaitingLateReply) {
      // Its timer is set to the end of that wait only.
      this.release(flight);
    } else if (nowMs >= flight.deadlineMs) {
      this.#onDeadline(flight);
    } else if (nowMs >= flight.retryMs) {
      this.#countTimeouts(flight, false);
      this.proceed(flight, null, Outcome.silent);
    } else {
      if (nowMs >= flight.staleMs) {
        flight.staleMs = Number.POSITIVE_INFINITY;
        this.#answers.stale(flight);
      }
      this.#arm(flight);
    }
  }

  /**
   * All waiters are answered, new clients start a new flight, and this one waits for a late reply
   * if one may come.
   */
  #onDeadline(flight: Flight): void {
    this.#countTimeouts(flight, true);
    this.#failures.fail(flight);
    const most = Math.min(this.pool.limit, MAX_AWAITING_LATE_REPLY);
    if (flight.outstanding === 0 || this.pool.awaitingLateReply >= most) {
      this.release(flight);
      return;
    }
    this.#leaveTable(flight);
    this.pool.awaitLateReply(flight);
    this.#arm(flight);
  }

  /** Nobody joins it any more, and it takes no slot of its zone. */
  #leaveTable(flight: Flight): void {
    this.table.remove(flight);
    flight.zone!.load.flights--;
  }

  /**
   * Every attempt that times out is counted once. It is a reason to check its upstream and no more:
   * the owner of the name may be the silent one. A message that was not sent by then found no room.
   */
  #countTimeouts(flight: Flight, isOver: boolean): void {
    flight.failure.noteSilence(flight.zone!.selection.isOutage());
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.timedOut) continue;
      const hasLeft = attempt.id !== UNSENT_ID;
      if (!hasLeft && !isOver) continue;
      attempt.timedOut = true;
      const slot = flight.zone!.upstreams[attempt.upstreamIndex]!.slot;
      this.#counters.upstreamFailure(slot, hasLeft ? FailureReason.timeout : FailureReason.overload);
      if (hasLeft && !flight.opaque) this.#state.doubt(slot);
    }
  }

  /**
   * A route of the flight's zone loops: what was sent by it will not be answered, so the next
   * upstream is asked at once.
   */
  leaveRoute(flight: Flight, routeSlot: number): void {
    const upstreamIndex = flight.zone!.routeSlots.indexOf(routeSlot);
    let left = false;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null || attempt.upstreamIndex !== upstreamIndex) continue;
      this.dropAttempt(attempt);
      left = true;
    }
    if (!left) return;
    flight.failure.noteLoop(flight.zone!.loopTexts[upstreamIndex]!);
    this.proceed(flight, null, Outcome.routeLeft);
  }

  /** Takes an attempt off its flight and returns it to the pool; its exchange forgets it. */
  dropAttempt(attempt: Attempt<Flight>): void {
    const flight = attempt.flight!;
    attempt.exchange?.cancel(attempt);
    for (let i = 0; i < flight.attemptCount; i++) {
      if (flight.attempts[i] === attempt) flight.attempts[i] = null;
    }
    flight.outstanding--;
    this.#releaseAttempt(attempt);
  }

  #releaseAttempt(attempt: Attempt<Flight>): void {
    if (attempt.trialSlot >= 0) this.trials.end(attempt.trialSlot, attempt.trialClient);
    this.pool.releaseAttempt(attempt);
  }

  /** Ends a flight: its other attempts are forgotten, and its slot is free. */
  release(flight: Flight): void {
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      attempt.exchange?.cancel(attempt);
      flight.attempts[i] = null;
      this.#releaseAttempt(attempt);
    }
    this.#wheel.cancel(flight);
    if (flight.state === FlightState.active) this.#leaveTable(flight);
    this.pool.release(flight);
  }
}
