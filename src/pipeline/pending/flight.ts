// A flight: one question on its way to a zone's upstreams, all clients that wait for its answer,
// and the attempts made so far. (*Singleflight*: who asks what is already asked joins in; see the
// glossary of docs/architecture.md. unbound's word is serviced query.) Pooled; a fixed shape.
//
//           begin()                  awaitLateReply()                       free()
//   free ───────────▶ active ──────────────────────────▶ awaitingLateReply ───────▶ free
//                      │   the deadline has passed: the clients are answered, new ones start a
//                      │   flight of their own; a late reply is only stored
//                      └─── free(): answered, failed, or nobody waits any more ───▶ free
//
//   active: attempt 1, and when it fails or retryMs comes, what retry-policy says (attempt 1 may
//           still be answered). At staleMs the waiters get stale data, and the flight goes on
//           without them. At deadlineMs they get stale data or the failure.
//           At hedgeMs another upstream is asked too; when one has answered, the flight awaits
//           the late reply of the other, which is measured only.
//   awaitingLateReply: LATE_REPLY_MS, then later replies match nothing.
//
// forward-path makes the transitions. The booleans below are no states: they are facts about the
// question.
import type { WheelTimer } from '../../base/timer-wheel.ts';
import type { ReplyOwner } from '../../upstream/exchange.ts';
import { Rcode } from '../../wire/codes.ts';
import type { ClientQuery } from '../client-query.ts';
import type { Awaited, Waiter } from '../waiter.ts';
import type { Zone } from '../zone.ts';
import type { Attempt } from './attempt.ts';
import { Failure } from './failure.ts';
import { Question } from './question.ts';
import { MAX_ATTEMPTS, Timeline } from './timeline.ts';

/**
 * Limit of messages about one question, to all upstreams together, with any marks and over any
 * transport; a message that a stream repeats counts. RFC 9520 §3.1 allows three per server and
 * transport; with so many, one failing name would be a flood.
 */
export const MAX_MESSAGES = 3;
/** One more after TC, which is no failure but sends the question over TCP. */
export const MAX_MESSAGES_AFTER_TC = 4;
/** Upstreams that are asked in turn for a name that none of them knows: each may be asked twice. */
const MAX_UNKNOWN = 4;

export const FlightState = {
  /** In the pool. */
  free: 0,
  /** In the flight table: others may join. It counts against the zone's share. */
  active: 1,
  /** The waiters were answered, at the deadline or by a hedge; only late replies are awaited. */
  awaitingLateReply: 2,
} as const;
export type FlightState = (typeof FlightState)[keyof typeof FlightState];

/** What a flight's timer calls. */
export interface FlightTimerOwner {
  onFlightTimer(flight: Flight, nowMs: number): void;
}

export class Flight extends Question implements WheelTimer, Awaited {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  readonly #owner: FlightTimerOwner;

  /** Changed only by begin(), awaitLateReply() and free(). */
  state: FlightState = FlightState.free;

  zone: Zone | null = null;
  /** Takes the replies to its attempts, and their failures. */
  replyOwner: ReplyOwner | null = null;
  /** The question came again while this was in flight, and the loop guard has looked into it. */
  askedAgain = false;
  /** The waiters; changed only by addWaiter(), removeWaiter() and takeWaiters(). */
  waiters: Waiter | null = null;
  waiterCount = 0;

  /** When the next attempt is due. Infinity: none is. */
  retryMs = 0;
  /** When another upstream is asked too, because the first is slow. Infinity: it is not. */
  hedgeMs = 0;
  /** When waiters are given stale data. Infinity: there is none. */
  staleMs = 0;
  deadlineMs = 0;

  readonly attempts: (Attempt<Flight> | null)[] = [null];
  /**
   * Messages sent or about to be sent: never more than MAX_MESSAGES or MAX_MESSAGES_AFTER_TC, not
   * counting those of a race and those to upstreams that did not know the name.
   */
  messages = 0;
  /** Messages that left beside the first one, in a race. */
  raced = 0;
  /** Bit i: zone.upstreams[i] does not know the name, but the next one may (forward.next). */
  unknownMask = 0;
  /** How many of them. */
  unknownServers = 0;
  /** Answers that said so: they leave as many messages as there were. */
  unknowns = 0;
  /** One of them said NODATA: the name exists (RFC 2308 §2.2), whatever the others say. */
  sawNodata = false;
  /** Attempts made; `attempts` has null for those that are over. */
  attemptCount = 0;
  /** Attempts whose reply is still awaited. */
  outstanding = 0;
  /** It was asked of several upstreams at once. */
  wasHedged = false;
  /** The waiters have an answer of an upstream: later replies are measured and no more. */
  isAnswered = false;
  /** Rounds through the upstreams: each waits longer than the one before. */
  round = 0;
  /** Bit i: zone.upstreams[i] was tried in this round. See MAX_CANDIDATES. */
  triedMask = 0;
  /**
   * Bit i: zone.upstreams[i], a UDP server, was asked over TCP: once is enough, as TCP repeats what
   * is lost.
   */
  streamMask = 0;
  /** Bit i: zone.upstreams[i] has replied with another letter case. */
  miscasedMask = 0;
  /** Position in zone.upstreams of the last one that answered FORMERR or the like; −1: none. */
  rejectedBy = -1;
  /** A stream was tried instead of UDP and could not be opened: UDP is used again. */
  streamRefused = false;
  /** An upstream has answered TC: only a stream can bring the whole answer. */
  sawTruncation = false;
  /**
   * The truncated answer without OPT: used if the whole answer cannot be obtained. Null: there is
   * none.
   */
  truncatedReply: Uint8Array | null = null;
  /** Why there is no whole answer so far. */
  readonly failure = new Failure();
  /** The flight that asks for a shorter name and whose end this one waits for; null: for none. */
  leader: Flight | null = null;
  /** Those that wait for this one, and this one's neighbors among them (followers.ts). */
  followers: Flight | null = null;
  previousFollower: Flight | null = null;
  nextFollower: Flight | null = null;
  /** Shorter names that it has waited for, and where the last one starts in QNAME. */
  shorterAsked = 0;
  shorterOffset = 0;
  /** What became of each message. */
  readonly timeline = new Timeline();

  /** The next flight with the same hash in the table, or the next free one in the pool. */
  next: Flight | null = null;

  constructor(owner: FlightTimerOwner) {
    super();
    this.#owner = owner;
  }

  onTimer(nowMs: number): void {
    this.#owner.onFlightTimer(this, nowMs);
  }

  /** free → active. Copies the question. */
  begin(query: ClientQuery, zone: Zone): void {
    this.state = FlightState.active;
    this.setQuestion(query);
    this.zone = zone;
    this.askedAgain = false;
    this.waiters = null;
    this.waiterCount = 0;
    this.messages = 0;
    this.raced = 0;
    this.unknownMask = 0;
    this.unknownServers = 0;
    this.unknowns = 0;
    this.sawNodata = false;
    this.attemptCount = 0;
    this.outstanding = 0;
    this.wasHedged = false;
    this.isAnswered = false;
    this.round = 0;
    this.triedMask = 0;
    this.streamMask = 0;
    this.miscasedMask = 0;
    this.rejectedBy = -1;
    this.streamRefused = false;
    this.sawTruncation = false;
    this.truncatedReply = null;
    this.failure.reset();
    this.shorterAsked = 0;
    this.next = null;
  }

  /** active → awaitingLateReply. Nothing is due any more, and its attempts are in nobody's way. */
  awaitLateReply(): void {
    this.state = FlightState.awaitingLateReply;
    this.retryMs = Number.POSITIVE_INFINITY;
    this.hedgeMs = Number.POSITIVE_INFINITY;
    this.staleMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.attemptCount; i++) {
      const attempt = this.attempts[i]!;
      if (attempt !== null) attempt.late = true;
    }
  }

  /** To free, from any state; the caller has taken off all waiters and attempts. */
  free(): void {
    this.state = FlightState.free;
    this.zone = null;
    this.truncatedReply = null;
    this.releaseQuestion();
  }

  /** Slot of the upstream whose reply the clients get; −1: none. */
  get answererSlot(): number {
    return this.zone!.upstreams[this.timeline.answeredBy]?.slot ?? -1;
  }

  /** The last client to join; 0: none waits, the flight refreshes the cache. */
  get clientHash(): number {
    return this.waiters === null ? 0 : this.waiters.clientHash;
  }

  /** Messages that may still be sent. */
  get messagesLeft(): number {
    if (this.isAnswered) return 0;
    const most = this.sawTruncation ? MAX_MESSAGES_AFTER_TC : MAX_MESSAGES;
    return most + this.raced + this.unknowns - this.messages;
  }

  /** Whether one more message may be sent. */
  get mayAsk(): boolean {
    return this.messagesLeft > 0 && this.attemptCount < MAX_ATTEMPTS;
  }

  /** zone.upstreams[index] says that there is nothing: perhaps the next one knows more. */
  noteNegative(index: number, rcode: number): void {
    const { nextAfterNxdomain, nextAfterNodata } = this.zone!;
    const isNodata = rcode === Rcode.NOERROR;
    // A server that is not meant for the name refuses it: it does not know it, either.
    const mayNextKnow = isNodata
      ? nextAfterNodata
      : nextAfterNxdomain || (rcode !== Rcode.NXDOMAIN && nextAfterNodata);
    // What is signed is for one server (RFC 5625 §4.5).
    if (this.opaque || !mayNextKnow) return;
    const bit = 1 << index;
    if ((this.unknownMask & bit) === 0) this.unknownServers++;
    this.unknownMask |= bit;
    this.unknowns++;
    if (isNodata) this.sawNodata = true;
  }

  /** Whether zone.upstreams[index] has said so, and one of the others has not. */
  mayOthersKnow(index: number): boolean {
    const most = Math.min(this.zone!.upstreams.length, MAX_UNKNOWN);
    return (this.unknownMask & (1 << index)) !== 0 && this.unknownServers < most;
  }

  /** Whether zone.upstreams[index] was asked over a stream and has not answered yet. */
  owesOverStream(index: number): boolean {
    for (let i = 0; i < this.attemptCount; i++) {
      const attempt = this.attempts[i]!;
      if (attempt?.overStream && attempt.upstreamIndex === index) return true;
    }
    return false;
  }

  addWaiter(waiter: Waiter): void {
    waiter.flight = this;
    waiter.previous = null;
    waiter.next = this.waiters;
    if (this.waiters !== null) this.waiters.previous = waiter;
    this.waiters = waiter;
    this.waiterCount++;
    this.zone!.load.addWaiter(waiter);
  }

  /** Removes a waiter that waits no more: the caller answers and releases it. */
  removeWaiter(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === null) this.waiters = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    this.waiterCount--;
    this.zone!.load.removeWaiter(waiter);
    waiter.flight = null;
  }

  /**
   * Removes all waiters and returns the first of a list (`next`): the caller answers and releases
   * them.
   */
  takeWaiters(): Waiter | null {
    const first = this.waiters;
    const { load } = this.zone!;
    for (let waiter = first; waiter !== null; waiter = waiter.next) {
      load.removeWaiter(waiter);
      waiter.flight = null;
    }
    this.waiters = null;
    this.waiterCount = 0;
    return first;
  }
}
