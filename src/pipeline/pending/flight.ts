// A flight (singleflight): one question on its way to a zone's upstreams, all clients that wait for
// its answer, and the attempts made so far. Pooled; a fixed shape. forward-path starts and retries
// flights, response-path completes them.
//
//   start ──attempt 1──┬─ reply ───────────────────────────────▶ complete: stored, every waiter answered
//                      ├─ retry time ──▶ attempt 2 … (attempt 1 may still be answered)
//                      ├─ staleMs ─────▶ waiters get stale data; the flight goes on without them
//                      ├─ deadlineMs ──▶ waiters get stale data or SERVFAIL; failure cached; a late reply is awaited
//                      └─ LINGER_MS ───▶ given up: later replies match nothing
import type { WheelTimer } from '../../base/timer-wheel.ts';
import { copyBytes, WordBytes } from '../../base/word-bytes.ts';
import { type LoopFinding, MAX_CARRIED_TAGS, MAX_FILLER_LENGTH, TAG_LENGTH } from '../../loop/detector.ts';
import { UpstreamQuery } from '../../upstream/exchange.ts';
import { domainHash, domainLabel } from '../../wire/domain.ts';
import { MAX_NAME_LENGTH } from '../../wire/query.ts';
import type { ClientQuery } from '../client-query.ts';
import { Outcome } from '../fallback.ts';
import type { Zone } from '../zone.ts';
import type { Awaited, Waiter } from './waiter.ts';

/** Header, longest QNAME, QTYPE, QCLASS. */
export const QUERY_BYTES = 12 + MAX_NAME_LENGTH + 4;
/**
 * Tags of earlier hops that a query brought along and that are forwarded with it
 * (loop/detector.ts).
 */
const MAX_CARRIED_BYTES = MAX_CARRIED_TAGS * TAG_LENGTH;
/** A query, our OPT, our tag and the forwarded ones, each with its option header. */
const ATTEMPT_BYTES = QUERY_BYTES + 11 + (MAX_CARRIED_TAGS + 1) * (TAG_LENGTH + 4) + MAX_FILLER_LENGTH;

/**
 * Limit of messages about one question, to all upstreams together, with any marks and over any
 * transport; a message that a stream repeats counts. RFC 9520 §3.1 allows three per server and
 * transport; with so many, one failing name would be a flood.
 */
export const MAX_MESSAGES = 3;
/** One more after TC, which is no failure but sends the question over TCP. */
export const MAX_MESSAGES_AFTER_TC = 4;
/** Attempts, with those that sent no message because there was no connection or no room. */
export const MAX_ATTEMPTS = 8;

/** One message to one upstream, on behalf of a flight. */
export class Attempt extends UpstreamQuery {
  /** Memory for its message: question, OPT and tag. */
  readonly buffer = WordBytes.ofLength(ATTEMPT_BYTES);
  flight: Flight | null = null;
  /** What it carries (upstream/marks.ts). */
  marks = 0;
  /** The key for what is learned about its upstream and its domain (upstream/domain-lessons.ts). */
  lessonKey = 0;
  overStream = false;
  /** It carries tags or hops of earlier tiers: a failure may be about those. */
  carriesTags = false;
  /**
   * Its slot in loop/sent-questions.ts, and the first word of its hash; −1: none, as it is opaque.
   */
  sentSlot = -1;
  sentMark = 0;
  /** The result of the previous message to the same upstream, if that is why this one is sent. */
  cause: Outcome = Outcome.none;
  /** The previous message's marks. */
  marksBefore = 0;
  /**
   * SharedUpstreamState.answers() of its upstream when it was sent: shows whether others were
   * answered since.
   */
  answersBefore = 0;
  /** It timed out and was counted; a late reply is still accepted. */
  timedOut = false;
  /**
   * Slot of the upstream if it was down when it was asked: this is one of its trials
   * (upstream/trials.ts); else −1.
   */
  trialSlot = -1;
  /** Whose trial it is. */
  trialClient = 0;
  /**
   * Sent along with another attempt, to see whether the upstream is back: its failure changes
   * nothing for the flight.
   */
  isBeside = false;
  /** The next free one in the pool. */
  nextFree: Attempt | null = null;

  /**
   * Takes a new message: sent at `nowMs` to flight.zone.upstreams[index], after a message with
   * `cause`.
   */
  begin(flight: Flight, index: number, nowMs: number, cause: Outcome, marksBefore: number): void {
    this.flight = flight;
    this.upstreamIndex = index;
    this.sentAtMs = nowMs;
    this.cause = cause;
    this.marksBefore = marksBefore;
    this.timedOut = false;
    this.missed = false;
    this.miscased = false;
    this.late = false;
    this.isBeside = false;
    this.trialSlot = -1;
  }
}

/** What a flight's timer calls. */
export interface FlightTimerOwner {
  onFlightTimer(flight: Flight, nowMs: number): void;
}

export class Flight implements WheelTimer, Awaited {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  readonly #owner: FlightTimerOwner;

  /**
   * Header and question as the first client sent them (an opaque query: the whole message, in a
   * buffer of its own).
   */
  query: Uint8Array = WordBytes.ofLength(QUERY_BYTES);
  queryLength = 0;
  opaque = false;
  // The question's numbers, as in ParsedQuery: the key for cache and coalescing.
  flags = 0;
  qnameLength = 0;
  questionEnd = 0;
  qtype = 0;
  qclass = 0;
  keyHash = 0;
  keyFlags = 0;
  nameHash = 0;
  dnssecOk = false;
  hasUpperCase = false;
  /** The part of QNAME that identifies its owner (wire/domain.ts): its start, and its hash. */
  domainOffset = 0;
  domainHash = 0;
  /** Hops of our own kind that this query passed before us (loop/tag.ts). */
  hops = 0;
  /**
   * Tags of those hops, TAG_LENGTH bytes each, to be forwarded; null as long as there were none.
   */
  carriedTags: Uint8Array | null = null;
  carriedCount = 0;

  zone: Zone | null = null;
  /** It is in the flight table: others may join. */
  joinable = false;
  /** The question came again while this was in flight, and the loop guard has looked into it. */
  askedAgain = false;
  /** The waiters; changed only by addWaiter(), removeWaiter() and takeWaiters(). */
  waiters: Waiter | null = null;
  waiterCount = 0;

  /** When the next attempt is due. Infinity: none is. */
  retryMs = 0;
  /** When waiters are given stale data. Infinity: there is none. */
  staleMs = 0;
  deadlineMs = 0;

  readonly attempts: (Attempt | null)[] = [null];
  /** Messages sent or about to be sent: never more than MAX_MESSAGES or MAX_MESSAGES_AFTER_TC. */
  messages = 0;
  /** Attempts made; those still in flight are not null in `attempts`. */
  attemptCount = 0;
  /** Attempts that were not answered, did not fail and were not canceled. */
  outstanding = 0;
  /** Bit i: zone.upstreams[i] was tried in this round. */
  triedMask = 0;
  /** Rounds through the upstreams: each waits longer than the one before. */
  round = 0;
  /** An attempt got no reply: worth another round. An error is not. */
  timedOut = false;
  /** None of the zone's upstreams answered any query when an attempt timed out. */
  sawOutage = false;
  /** An upstream has answered TC: only a stream can bring the whole answer. */
  truncated = false;
  /**
   * The truncated answer without OPT: used if the whole answer cannot be obtained. Null: there is
   * none.
   */
  truncatedReply: Uint8Array | null = null;
  /**
   * Bit i: zone.upstreams[i], a UDP server, was asked over TCP: once is enough, as TCP repeats what
   * is lost.
   */
  streamMask = 0;
  /** A stream was tried instead of UDP and could not be opened: UDP is used again. */
  streamRefused = false;
  /**
   * zone.upstreams[…] has answered FORMERR or the like to a message of this flight; −1: none has.
   */
  dislikedBy = -1;
  /** Bit i: zone.upstreams[i] has replied with another letter case. */
  miscasedMask = 0;
  /** The waiters were answered at the deadline; only a late reply is still awaited. */
  settled = false;
  /** The last RCODE from an upstream that was not accepted as an answer; −1: none. */
  failedRcode = -1;
  /** The EDE that came with failedRcode; −1: none. */
  failedEdeCode = -1;
  failedEdeText: Uint8Array | null = null;
  /** The last failure was "unreachable" rather than silence. */
  unreachable = false;
  /** The last failure was that an upstream takes no more of our messages at a time. */
  crowdedOut = false;
  /**
   * An upstream has answered in our own words that the query came back: this is about a route, not
   * about the name.
   */
  toldOfLoop = false;
  /** EDE text about the route that it was sent by and that looped; null: none did. */
  loopText: Uint8Array | null = null;

  /** The next flight with the same hash in the table, or the next free one in the pool. */
  next: Flight | null = null;

  constructor(owner: FlightTimerOwner) {
    this.#owner = owner;
  }

  onTimer(nowMs: number): void {
    this.#owner.onFlightTimer(this, nowMs);
  }

  /** Copies the question. */
  begin({ message, length, parsed: q }: ClientQuery, zone: Zone): void {
    this.opaque = q.opaque;
    this.queryLength = q.opaque ? length : q.questionEnd;
    if (this.queryLength > this.query.length) this.query = WordBytes.ofLength(this.queryLength);
    copyBytes(message, 0, this.query, 0, this.queryLength);
    this.flags = q.flags;
    this.qnameLength = q.qnameLength;
    this.questionEnd = q.questionEnd;
    this.qtype = q.qtype;
    this.qclass = q.qclass;
    this.keyHash = q.keyHash;
    this.keyFlags = q.keyFlags;
    this.nameHash = q.nameHash;
    this.dnssecOk = q.dnssecOk;
    this.hasUpperCase = q.hasUpperCase;
    const firstLabel = domainLabel(message, q);
    this.domainOffset = q.labelOffsets[firstLabel]!;
    this.domainHash = domainHash(message, q, firstLabel);
    this.hops = 0;
    this.carriedCount = 0;
    this.zone = zone;
    this.joinable = false;
    this.askedAgain = false;
    this.waiters = null;
    this.waiterCount = 0;
    this.attemptCount = 0;
    this.outstanding = 0;
    this.messages = 0;
    this.triedMask = 0;
    this.streamMask = 0;
    this.miscasedMask = 0;
    this.dislikedBy = -1;
    this.round = 0;
    this.timedOut = false;
    this.sawOutage = false;
    this.truncated = false;
    this.truncatedReply = null;
    this.streamRefused = false;
    this.settled = false;
    this.failedRcode = -1;
    this.failedEdeCode = -1;
    this.failedEdeText = null;
    this.unreachable = false;
    this.crowdedOut = false;
    this.toldOfLoop = false;
    this.loopText = null;
    this.next = null;
  }

  /** Copies the tags of earlier hops from the query that starts this flight. */
  carryTags({ message }: ClientQuery, finding: LoopFinding): void {
    this.hops = finding.hops;
    this.carriedCount = finding.carriedCount;
    if (this.carriedCount === 0) return;
    this.carriedTags ??= new Uint8Array(MAX_CARRIED_BYTES);
    for (let i = 0; i < this.carriedCount; i++) {
      copyBytes(message, finding.carriedOffsets[i]!, this.carriedTags, i * TAG_LENGTH, TAG_LENGTH);
    }
  }

  /**
   * Whether a failure may be due to tags of earlier hops, and so to the client that started the
   * flight.
   */
  get carriesTags(): boolean {
    return this.carriedCount !== 0 || this.hops !== 0;
  }

  /** From now on only the plain question is asked. */
  dropTags(): void {
    this.hops = 0;
    this.carriedCount = 0;
  }

  /** The waiters, the last to join first; 0: none, the flight refreshes the cache. */
  get clientHash(): number {
    return this.waiters === null ? 0 : this.waiters.clientHash;
  }

  /** Messages that may still be sent. */
  get messagesLeft(): number {
    return (this.truncated ? MAX_MESSAGES_AFTER_TC : MAX_MESSAGES) - this.messages;
  }

  /** Whether one more message may be sent. */
  get mayAsk(): boolean {
    return this.messagesLeft > 0 && this.attemptCount < MAX_ATTEMPTS;
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
