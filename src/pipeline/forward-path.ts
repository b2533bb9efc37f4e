// The way out: starts flights, chooses an upstream for each attempt, retries, and gives up in time.
// Replies are handled by response-path.
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
  LINGER_MS,
  MAX_LINGERING,
  MAX_OPAQUE_BYTES,
  MAX_OPAQUE_DATAGRAM,
  ROOM_PATIENCE_MS,
  STREAM_ROUND_TRIPS,
} from './forward-times.ts';
import type { OutgoingQuery } from './outgoing-query.ts';
import type { Attempt, Flight } from './pending/flight.ts';
import { FlightPool } from './pending/flight-pool.ts';
import { FlightTable } from './pending/flight-table.ts';
import { type Before, lessonKeyOf, NOTHING, Silence } from './silence.ts';
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
  readonly #silence: Silence;

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
    this.#silence = new Silence(state, outgoing.domains);
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
   * tryNext().
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

  /**
   * Sends a message to the next upstream; ends the flight if no message may be sent and none is
   * outstanding.
   */
  tryNext(flight: Flight): void {
    if (flight.mayAsk && !flight.settled && !this.closing) {
      let index = this.#pick(flight);
      const allTried = index < 0;
      if (flight.timedOut && (this.#awaitsRoom(flight, index) || this.#awaitsLife(flight, index))) return;
      if (allTried && flight.timedOut) {
        flight.round++;
        flight.triedMask = 0;
        index = this.#silence.pickAlive(flight);
        if (index < 0) index = this.#pick(flight);
      }
      if (index >= 0) {
        flight.triedMask |= 1 << index;
        if (flight.attemptCount === 0) this.#askBeside(flight, index);
        if (allTried && !flight.opaque) this.#repeat(flight, index);
        else this.attempt(flight, index, ALL_MARKS, this.#isLongOpaque(flight));
        return;
      }
    }
    flight.retryMs = Number.POSITIVE_INFINITY;
    if (flight.outstanding > 0) {
      this.#arm(flight);
    } else if (flight.crowdedOut && flight.mayAsk && this.displacement.makeRoomUpstream(flight)) {
      flight.crowdedOut = false;
      flight.triedMask = 0;
      this.tryNext(flight);
    } else {
      if (!flight.settled) this.#failures.fail(flight);
      this.release(flight);
    }
  }

  /**
   * The upstream to ask next: one that is up, or, if all are down, one that may be back. −1: there
   * is none.
   */
  #pick(flight: Flight): number {
    const { triedMask } = flight;
    const { selection } = flight.zone!;
    const index = selection.pick(triedMask);
    return index >= 0 ? index : selection.pickTrial(triedMask, this.trials, flight.clientHash);
  }

  /**
   * Also asks an upstream that is out of favor if it is its turn: its answer brings it back, and no
   * client waits for it.
   */
  #askBeside(flight: Flight, index: number): void {
    if (flight.opaque) return;
    const { selection } = flight.zone!;
    const beside = selection.pickBeside(index, this.trials, flight.clientHash, this.#clock.nowMs);
    if (beside < 0) return;
    this.attempt(flight, beside, ALL_MARKS, false);
    const attempt = flight.attempts[flight.attemptCount - 1];
    if (attempt) attempt.isBeside = true;
  }

  /**
   * Waits for a message that has no room on the connections yet, if no other upstream is left to
   * ask.
   */
  #awaitsRoom(flight: Flight, next: number): boolean {
    if (next >= 0 || flight.attempts[flight.attemptCount - 1]?.id !== UNSENT_ID) return false;
    flight.retryMs = this.#clock.nowMs + ROOM_PATIENCE_MS;
    this.#arm(flight);
    return true;
  }

  /**
   * Delays the last message if that is worth it. `next`: the upstream it would go to; −1: all were
   * tried.
   */
  #awaitsLife(flight: Flight, next: number): boolean {
    const { deadlineMs } = this.times;
    const lastMs = flight.deadlineMs - deadlineMs + Math.min(LAST_ROUND_MS, deadlineMs * LAST_ROUND_SHARE);
    if (this.#clock.nowMs >= lastMs || !this.#silence.mayPass(flight, next)) return false;
    flight.retryMs = lastMs;
    this.#arm(flight);
    return true;
  }

  /** Asks a silent upstream again: with the marks it is known to accept, and finally over TCP. */
  #repeat(flight: Flight, index: number): void {
    const silence = this.#silence;
    silence.consider(flight, index, this.#clock.nowMs);
    this.attempt(flight, index, silence.marks, silence.overStream, silence.before);
  }

  #isLongOpaque(flight: Flight): boolean {
    return flight.opaque && flight.queryLength > MAX_OPAQUE_DATAGRAM;
  }

  /**
   * Sends one message to zone.upstreams[index]; if there were too many already, does what is
   * possible without one.
   * @param before the result of the previous message to the same upstream that is the reason for
   * this one
   */
  attempt(flight: Flight, index: number, marks: number, overStream: boolean, before: Before = NOTHING): void {
    if (!flight.mayAsk) {
      this.tryNext(flight);
      return;
    }
    const upstream = flight.zone!.upstreams[index]!;
    const nowMs = this.#clock.nowMs;
    const attempt = this.pool.takeAttempt();
    attempt.begin(flight, index, nowMs, before.outcome, before.marks);
    attempt.owner = this.replyOwner;
    attempt.overStream = overStream || upstream.transport !== 'udp';
    attempt.lessonKey = lessonKeyOf(flight, upstream.slot);
    if (!this.#state.isUp(upstream.slot)) {
      attempt.trialSlot = upstream.slot;
      attempt.trialClient = flight.clientHash;
      this.trials.begin(upstream.slot, attempt.trialClient);
    }
    attempt.answersBefore = this.#state.answers(upstream.slot);
    this.#outgoing.write(attempt, flight, upstream, marks);
    flight.attempts[flight.attemptCount++] = attempt;
    flight.outstanding++;
    flight.messages++;
    if (overStream) flight.streamMask |= 1 << index;
    // A settled flight is in no hurry: nobody waits for it.
    if (!flight.settled) flight.retryMs = nowMs + this.#patienceMs(flight, attempt, upstream.slot);
    this.#counters.upstreamRequest(upstream.slot);
    upstream.send(attempt, overStream);
    this.#arm(flight);
  }

  /** The answer is available over TCP only: asks there, unless that was done already. */
  askOverStream(flight: Flight, index: number, marks: number): void {
    if ((flight.streamMask & (1 << index)) === 0) this.attempt(flight, index, marks, true);
    else if (!this.#isOutOverStream(flight, index)) this.tryNext(flight);
  }

  #isOutOverStream(flight: Flight, index: number): boolean {
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt?.overStream && attempt.upstreamIndex === index) return true;
    }
    return false;
  }

  /** How long to wait for an attempt before the next one. */
  #patienceMs(flight: Flight, attempt: Attempt, slot: number): number {
    const roundTripMs = this.#state.rttMs(slot);
    return attemptTimeoutMs(
      attempt.overStream ? roundTripMs * STREAM_ROUND_TRIPS : roundTripMs,
      flight.round,
      flight.deadlineMs - attempt.sentAtMs,
    );
  }

  /** Sets the flight's timer to the next due time. */
  #arm(flight: Flight): void {
    let dueMs = flight.settled ? flight.deadlineMs + LINGER_MS : flight.deadlineMs;
    if (flight.retryMs < dueMs) dueMs = flight.retryMs;
    if (flight.staleMs < dueMs) dueMs = flight.staleMs;
    if (flight.nextTimer === null || flight.dueMs !== dueMs) this.#wheel.arm(flight, dueMs);
  }

  onFlightTimer(flight: Flight, nowMs: number): void {
    if (flight.settled) {
      // Its timer is set to the end of the wait for a late reply only.
      this.release(flight);
    } else if (nowMs >= flight.deadlineMs) {
      this.#settle(flight);
    } else if (nowMs >= flight.retryMs) {
      this.#countTimeouts(flight, false);
      this.tryNext(flight);
    } else {
      if (nowMs >= flight.staleMs) {
        flight.staleMs = Number.POSITIVE_INFINITY;
        this.#answers.stale(flight);
      }
      this.#arm(flight);
    }
  }

  /**
   * The deadline: all waiters are answered, new clients start a new flight, and this one waits for
   * a late reply.
   */
  #settle(flight: Flight): void {
    this.#countTimeouts(flight, true);
    this.#failures.fail(flight);
    const lingers = flight.outstanding > 0 && this.pool.settled < Math.min(this.pool.limit, MAX_LINGERING);
    flight.settled = true;
    this.pool.settled++;
    flight.zone!.load.flights--;
    flight.retryMs = Number.POSITIVE_INFINITY;
    flight.staleMs = Number.POSITIVE_INFINITY;
    this.table.remove(flight);
    if (!lingers) {
      this.release(flight);
      return;
    }
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt !== null) attempt.late = true;
    }
    this.#arm(flight);
  }

  /**
   * Every attempt that times out is counted once. It is a reason to check its upstream and no more:
   * the owner of the name may be the silent one. A message that was not sent by then found no room.
   */
  #countTimeouts(flight: Flight, isOver: boolean): void {
    flight.timedOut = true;
    flight.sawOutage ||= flight.zone!.selection.isOutage();
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
    flight.loopText = flight.zone!.loopTexts[upstreamIndex]!;
    if (flight.outstanding === 0) this.tryNext(flight);
  }

  /** Takes an attempt off its flight and returns it to the pool; its exchange forgets it. */
  dropAttempt(attempt: Attempt): void {
    const flight = attempt.flight!;
    attempt.exchange?.cancel(attempt);
    for (let i = 0; i < flight.attemptCount; i++) {
      if (flight.attempts[i] === attempt) flight.attempts[i] = null;
    }
    flight.outstanding--;
    this.#releaseAttempt(attempt);
  }

  #releaseAttempt(attempt: Attempt): void {
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
    this.table.remove(flight);
    if (!flight.settled) flight.zone!.load.flights--;
    this.pool.release(flight);
  }
}
