// The way out: starts flights, sends what the retry policy says, and gives up in time. Replies are
// handled by response-path.
//
//   something has happened ─▶ situation-reader (facts) ─▶ retry-policy (decides) ─▶ carryOut()
import type { Clock } from '../base/clock.ts';
import type { TimerWheel } from '../base/timer-wheel.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import type { Counters } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import type { ReplyOwner } from '../upstream/exchange.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import type { Answers } from './answers.ts';
import { AttemptSender } from './attempt-sender.ts';
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
} from './forward-times.ts';
import { Hedges } from './hedges.ts';
import type { OutgoingQuery } from './outgoing-query.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import { FlightPool } from './pending/flight-pool.ts';
import { FlightTable } from './pending/flight-table.ts';
import { leaveLeader } from './pending/followers.ts';
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
  readonly top: TopCounts;
}

/** Takes up a flight that waited for the answer to a shorter name. */
export interface LeaderWatch {
  onLeaderDone(flight: Flight, isAnswered: boolean): void;
  /** It has waited long enough. */
  onLeaderLate(flight: Flight): void;
}

export class ForwardPath {
  readonly table = new FlightTable();
  readonly pool: FlightPool;
  readonly displacement: Displacement;
  /** Set before the first query. */
  leaderWatch: LeaderWatch | null = null;
  /**
   * Set when the thread is about to exit: nothing more is asked, and failures say nothing about a
   * server.
   */
  closing = false;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #hedges: Hedges;
  #times: ForwardTimes;
  readonly #answers: Answers;
  readonly #failures: FlightFailures;
  readonly #sender: AttemptSender;
  readonly #reader: SituationReader;
  /** The next step, as of the last decide(). */
  readonly #step = new Step();

  constructor(parts: ForwardPathParts) {
    const { clock, cache, counters, state, answers, outgoing, top } = parts;
    this.pool = new FlightPool(parts.maxFlights, this);
    this.#hedges = new Hedges(state, counters, parts.times.hedge);
    this.#times = parts.times;
    this.#clock = clock;
    this.#wheel = parts.wheel;
    this.#answers = answers;
    this.#failures = new FlightFailures(clock, cache, answers);
    this.#sender = new AttemptSender({ clock, counters, state, outgoing, top, pool: this.pool });
    this.#reader = new SituationReader(state, outgoing.domains, this.#sender.trials);
    this.displacement = new Displacement(this, counters, answers);
  }

  /** Tells dnstap what is sent. */
  set tap(tap: DnstapTap | null) {
    this.#sender.tap = tap;
  }

  get times(): ForwardTimes {
    return this.#times;
  }

  set times(times: ForwardTimes) {
    this.#times = times;
    this.#hedges.isOn = times.hedge;
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
   * @param replyOwner takes its replies and failures
   */
  begin(query: ClientQuery, zone: Zone, hasStale: boolean, replyOwner: ReplyOwner): Flight {
    const flight = this.pool.take()!;
    const nowMs = this.#clock.nowMs;
    flight.begin(query, zone);
    flight.timeline.reset(nowMs);
    flight.replyOwner = replyOwner;
    if (flight.opaque) this.pool.opaqueBytes += query.length;
    flight.retryMs = Number.POSITIVE_INFINITY;
    this.#hedges.cancel(flight);
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

  /** Nothing is sent for a flight until then, unless sendFirst() comes before. */
  wakeAt(flight: Flight, untilMs: number): void {
    flight.retryMs = untilMs;
    this.#arm(flight);
  }

  /** Those that waited for the answer to this one's shorter name go on. */
  #resumeFollowers(leader: Flight): void {
    const isAnswered = leader.timeline.answeredBy >= 0;
    for (let flight = leader.followers; flight !== null; flight = leader.followers) {
      leaveLeader(flight);
      flight.retryMs = Number.POSITIVE_INFINITY;
      this.leaderWatch!.onLeaderDone(flight, isAnswered);
    }
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
        if (step.beginsRound) this.#beginRound(flight, step);
        this.#send(flight, step);
        this.#arm(flight);
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

  #send(flight: Flight, step: Step): void {
    const isFirst = flight.attemptCount === 0;
    this.#sender.send(flight, step);
    if (!isFirst) this.#hedges.cancel(flight);
    else if (flight.zone!.race > 1 && !flight.opaque) this.#race(flight);
    else this.#hedges.firstSent(flight, step.upstream, this.#clock.nowMs);
  }

  /** The first message has left: the other upstreams of the race are asked, too. */
  #race(flight: Flight): void {
    const { race } = flight.zone!;
    while (flight.raced < race - 1) {
      const step = this.decide(flight, null, Outcome.racing);
      if (step.action !== Action.send) return;
      this.#sender.send(flight, step);
      flight.raced++;
    }
  }

  /** The first message is slow: another upstream is asked too, if the budget allows. */
  #hedge(flight: Flight): void {
    this.#hedges.cancel(flight);
    const slow = flight.attempts[flight.attemptCount - 1] ?? null;
    // A refresh of the cache is in no hurry.
    if (slow === null || flight.waiters === null) return;
    const step = this.decide(flight, null, Outcome.slow);
    if (step.action === Action.send && this.#hedges.take(slow)) this.#send(flight, step);
  }

  /** When the last message leaves if everybody is silent: late enough to outlive a short outage. */
  #lastMessageMs(flight: Flight): number {
    const { deadlineMs } = this.times;
    return flight.deadlineMs - deadlineMs + Math.min(LAST_ROUND_MS, deadlineMs * LAST_ROUND_SHARE);
  }

  /** All upstreams were silent: one of them is asked again. */
  #beginRound(flight: Flight, step: Step): void {
    flight.round++;
    flight.triedMask = 0;
    if (flight.opaque) return;
    const { again } = this.#reader.situation;
    const key = lessonKeyOf(flight, flight.zone!.upstreams[again.index]!.slot);
    if (again.lastCause === Outcome.silent) this.#sender.domains.silentAgain(key, again.lastMarks);
    if (step.overStream || !again.isUdp || again.hasRejected) return;
    this.#sender.domains.sentAfterSilence(key, again.knowsEdns, this.#clock.nowMs);
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

  /** Sets the flight's timer to the next due time. */
  #arm(flight: Flight): void {
    const isActive = flight.state === FlightState.active;
    let dueMs = isActive ? flight.deadlineMs : flight.deadlineMs + LATE_REPLY_MS;
    if (flight.retryMs < dueMs) dueMs = flight.retryMs;
    if (flight.hedgeMs < dueMs) dueMs = flight.hedgeMs;
    if (flight.staleMs < dueMs) dueMs = flight.staleMs;
    if (flight.nextTimer === null || flight.dueMs !== dueMs) this.#wheel.arm(flight, dueMs);
  }

  onFlightTimer(flight: Flight, nowMs: number): void {
    if (flight.state === FlightState.awaitingLateReply) {
      // Its timer is set to the end of that wait only.
      this.release(flight);
    } else if (nowMs >= flight.deadlineMs) {
      this.#onDeadline(flight);
    } else if (nowMs >= flight.retryMs && flight.leader !== null) {
      leaveLeader(flight);
      flight.retryMs = Number.POSITIVE_INFINITY;
      this.leaderWatch!.onLeaderLate(flight);
    } else if (nowMs >= flight.retryMs) {
      this.#sender.countTimeouts(flight, false);
      this.proceed(flight, null, Outcome.silent);
    } else {
      if (nowMs >= flight.hedgeMs) this.#hedge(flight);
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
    this.#sender.countTimeouts(flight, true);
    this.#failures.fail(flight);
    this.#awaitLateReply(flight);
  }

  #awaitLateReply(flight: Flight): void {
    const most = Math.min(this.pool.limit, MAX_AWAITING_LATE_REPLY);
    if (flight.outstanding === 0 || this.pool.awaitingLateReply >= most) {
      this.release(flight);
      return;
    }
    this.#leaveTable(flight);
    this.pool.awaitLateReply(flight);
    this.#arm(flight);
    this.#resumeFollowers(flight);
  }

  /**
   * The waiters have their answer. After a hedge, the reply of the slower upstream is still taken:
   * as a sign of life and a measurement, and so that it does not count as a stray.
   */
  settle(flight: Flight): void {
    if (!flight.wasHedged || flight.state !== FlightState.active) {
      if (!flight.isAnswered || flight.outstanding === 0) this.release(flight);
      return;
    }
    flight.isAnswered = true;
    flight.deadlineMs = this.#clock.nowMs;
    this.#awaitLateReply(flight);
  }

  /** Nobody joins it any more, and it takes no slot of its zone. */
  #leaveTable(flight: Flight): void {
    this.table.remove(flight);
    flight.zone!.load.flights--;
  }

  /**
   * A route of the flight's zone loops: what was sent by it will not be answered, so the next
   * upstream is asked at once.
   */
  leaveRoute(flight: Flight, routeSlot: number): void {
    const upstreamIndex = flight.zone!.routeSlots.indexOf(routeSlot);
    if (!this.#sender.dropAllTo(flight, upstreamIndex)) return;
    flight.timeline.endLooped(upstreamIndex, this.#clock.nowMs);
    flight.failure.noteLoop(flight.zone!.loopTexts[upstreamIndex]!);
    this.proceed(flight, null, Outcome.routeLeft);
  }

  /** Takes an attempt off its flight; its exchange forgets it. */
  dropAttempt(attempt: Attempt<Flight>): void {
    this.#sender.drop(attempt);
  }

  /** Ends a flight: its other attempts are forgotten, and its slot is free. */
  release(flight: Flight): void {
    if (flight.raced > 0) this.#sender.doubtSilent(flight);
    this.#sender.dropAll(flight);
    this.#wheel.cancel(flight);
    if (flight.state === FlightState.active) this.#leaveTable(flight);
    leaveLeader(flight);
    this.#resumeFollowers(flight);
    this.pool.release(flight);
  }
}
