// A flight: one question on its way to a zone's upstreams, everybody who waits for its answer, and the attempts that were
// made. Pooled; a fixed shape. forward-path starts and retries flights, response-path lands them.
//
//   start ──attempt 1──┬─ reply ───────────────────────────────▶ landed: stored, every waiter answered
//                      ├─ retry time ──▶ attempt 2 … (attempt 1 may still be answered)
//                      ├─ staleMs ─────▶ waiters get stale data; the flight goes on without them
//                      ├─ deadlineMs ──▶ waiters get stale data or SERVFAIL; failure cached; the flight lingers
//                      └─ expiryMs ────▶ given up: late replies find nobody
import type { WheelTimer } from '../base/timer-wheel.ts';
import { copyOctets, WordOctets } from '../base/word-octets.ts';
import { type LoopDetector, MAX_CARRIED_TAGS, MAX_FILLER_LENGTH, TAG_LENGTH } from '../loop/detector.ts';
import { UpstreamQuery } from '../upstream/exchange.ts';
import { domainHash, domainLabel } from '../wire/domain.ts';
import { MAX_NAME_LENGTH, type ParsedQuery } from '../wire/query.ts';
import { Outcome } from './fallback.ts';
import type { Waiter } from './waiter.ts';
import type { Zone } from './zone.ts';

/** Header, longest QNAME, QTYPE, QCLASS. */
const QUERY_BYTES = 12 + MAX_NAME_LENGTH + 4;
/** Tags of other tiers that a query brought along and that go on with it (loop/detector.ts). */
const MAX_CARRIED_BYTES = MAX_CARRIED_TAGS * TAG_LENGTH;
/** A query, our OPT, our tag and those carried, each with its option header. */
const ATTEMPT_BYTES = QUERY_BYTES + 11 + (MAX_CARRIED_TAGS + 1) * (TAG_LENGTH + 4) + MAX_FILLER_LENGTH;

/**
 * Messages about one question, to all upstreams together, in whatever marks and over whatever transport; what a stream repeats counts. RFC
 * 9520 §3.1 allows three for each server and transport: then one name that fails is a flood for somebody.
 */
export const MAX_MESSAGES = 3;
/** With TC, which is no failure but sends the question over TCP: one more. */
export const MAX_MESSAGES_AFTER_TC = 4;
/** Attempts, those included that no message came of: no connection, no room. */
export const MAX_ATTEMPTS = 8;

/** One message to one upstream, on behalf of a flight. */
export class Attempt extends UpstreamQuery {
  /** Memory of its message: question, OPT and tag. */
  readonly buffer = WordOctets.ofLength(ATTEMPT_BYTES);
  flight: Flight | null = null;
  /** What it carries (upstream/marks.ts). */
  marks = 0;
  /** Under which what is learnt of its upstream by its domain is found (upstream/domain-lessons.ts). */
  lessonKey = 0;
  overStream = false;
  /** Tags or hops of tiers before us are in it: a failure may be about those. */
  carriesTags = false;
  /** Where it stands in loop/sent-questions.ts, and the first word of its hash; −1: nowhere, as it is opaque. */
  sentSlot = -1;
  sentMark = 0;
  /** What became of the message before it to the same upstream, if it is sent because of that. */
  cause: Outcome = Outcome.none;
  /** That message's marks. */
  marksBefore = 0;
  /** SharedUpstreamState.answers() of its upstream when it was sent: whether others were answered since. */
  answersBefore = 0;
  /** Its time is over and was counted; a late reply is welcome all the same. */
  timedOut = false;
  /** Slot of the upstream, if it was down when it was asked: one of its trials (upstream/trials.ts); else −1. */
  trialSlot = -1;
  /** Whose trial it is. */
  trialClient = 0;
  /** Sent beside another attempt, to see whether the upstream is back: that it fails changes nothing for the flight. */
  isBeside = false;
  /** The next free one in the pool. */
  nextFree: Attempt | null = null;
}

/** What a flight's timer asks to be told. */
export interface FlightTimerOwner {
  onFlightTimer(flight: Flight, nowMs: number): void;
}

export class Flight implements WheelTimer {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  readonly #owner: FlightTimerOwner;

  /** Header and question as the first client sent them (an opaque query: the whole message, in a buffer of its own). */
  query: Uint8Array = WordOctets.ofLength(QUERY_BYTES);
  queryLength = 0;
  opaque = false;
  // The question's numbers, as in ParsedQuery: what cache and coalescing are keyed by.
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
  /** The part of QNAME that stands for its owner (wire/domain.ts): where it begins, and its hash. */
  domainOffset = 0;
  domainHash = 0;
  /** Tiers of our own kind that this query passed before us (loop/tag.ts). */
  hops = 0;
  /** Tags of such tiers, TAG_LENGTH octets each, to be carried on; null while there never were any. */
  carriedTags: Uint8Array | null = null;
  carriedCount = 0;

  zone: Zone | null = null;
  /** In the flight table: others may join. */
  joinable = false;
  /** The question came again while this was under way; that was looked into. */
  askedAgain = false;
  /** Who waits; changed by addWaiter(), removeWaiter() and takeWaiters() only. */
  waiters: Waiter | null = null;
  waiterCount = 0;

  /** When another attempt is due. Infinity: none is. */
  retryMs = 0;
  /** When waiters are given stale data. Infinity: there is none. */
  staleMs = 0;
  deadlineMs = 0;

  readonly attempts: (Attempt | null)[] = [null];
  /** Messages sent, or about to be: never more than MAX_MESSAGES or MAX_MESSAGES_AFTER_TC. */
  messages = 0;
  /** Attempts made; those in flight are not null in `attempts`. */
  attemptCount = 0;
  /** Attempts neither answered nor failed nor cancelled. */
  outstanding = 0;
  /** Bit i: zone.upstreams[i] was tried in this round. */
  triedMask = 0;
  /** Rounds through the upstreams: each is more patient than the one before. */
  round = 0;
  /** An attempt was met with silence: worth another round. An error is not. */
  timedOut = false;
  /** None of the zone's upstreams answered anybody when an attempt's time was over. */
  sawOutage = false;
  /** An upstream has answered TC: only a stream brings more. */
  truncated = false;
  /** The truncated answer, OPT taken off: given out when the whole is not to be had. Null: there is none. */
  truncatedReply: Uint8Array | null = null;
  /** Bit i: zone.upstreams[i], a server of datagrams, was asked over TCP: once is enough, TCP repeats what is lost. */
  streamMask = 0;
  /** A stream that was tried in place of datagrams could not be had: datagrams it is. */
  streamRefused = false;
  /** zone.upstreams[…] has said FORMERR or the like to a message of this flight; −1: none has. */
  dislikedBy = -1;
  /** Bit i: zone.upstreams[i] has replied in another letter case. */
  miscasedMask = 0;
  /** The waiters were answered at the deadline; only a late reply is still waited for. */
  settled = false;
  /** The last rcode that an upstream gave and that was not taken for an answer; −1: none. */
  failedRcode = -1;
  /** The EDE that came with failedRcode; −1: none. */
  failedEdeCode = -1;
  failedEdeText: Uint8Array | null = null;
  /** The last failure was "nobody there" rather than silence. */
  unreachable = false;
  /** The last failure was that an upstream takes no more of us at once. */
  crowdedOut = false;
  /** An upstream has answered in our own words that the query came back: that is about a route, and not about the name. */
  toldOfLoop = false;
  /** EDE text about the route that it was sent by and that turned out to loop; null: none did. */
  loopText: Uint8Array | null = null;

  /** The next flight with the same hash in the table, or the next free one in the pool. */
  next: Flight | null = null;

  constructor(owner: FlightTimerOwner) {
    this.#owner = owner;
  }

  onTimer(nowMs: number): void {
    this.#owner.onFlightTimer(this, nowMs);
  }

  /** Takes down the question. */
  begin(bytes: Uint8Array, length: number, q: ParsedQuery, zone: Zone): void {
    this.opaque = q.opaque;
    this.queryLength = q.opaque ? length : q.questionEnd;
    if (this.queryLength > this.query.length) this.query = WordOctets.ofLength(this.queryLength);
    copyOctets(bytes, 0, this.query, 0, this.queryLength);
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
    const firstLabel = domainLabel(bytes, q);
    this.domainOffset = q.labelOffsets[firstLabel]!;
    this.domainHash = domainHash(bytes, q, firstLabel);
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

  /** Takes down the tags of other tiers in the query that begins this flight. */
  carryTags(bytes: Uint8Array, detector: LoopDetector): void {
    this.hops = detector.hops;
    this.carriedCount = detector.carriedCount;
    if (this.carriedCount === 0) return;
    this.carriedTags ??= new Uint8Array(MAX_CARRIED_BYTES);
    for (let i = 0; i < this.carriedCount; i++) {
      copyOctets(bytes, detector.carriedOffsets[i]!, this.carriedTags, i * TAG_LENGTH, TAG_LENGTH);
    }
  }

  /** Whether what it fails by may be about tags of others, and so about who began it. */
  get carriesTags(): boolean {
    return this.carriedCount !== 0 || this.hops !== 0;
  }

  /** What is asked from now on is the plain question. */
  dropTags(): void {
    this.hops = 0;
    this.carriedCount = 0;
  }

  /** Who waits for it, the last to join; 0: nobody, it refreshes the cache. */
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

  /** Takes one off that waits no more: it is the caller's to answer and release. */
  removeWaiter(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === null) this.waiters = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    this.waiterCount--;
    this.zone!.load.removeWaiter(waiter);
    waiter.flight = null;
  }

  /** Those who waited, the first of a list (`next`): they are the caller's to answer and release. */
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

/** Flights are made as they are first needed and used again for ever: at most `limit` with waiters, and as many, but for a bound, that linger. */
export class FlightPool {
  readonly limit: number;
  inUse = 0;
  /** Those in use that are settled: nobody waits for them, so they take no place from others. */
  settled = 0;
  /** Octets of the opaque queries among those in use. */
  opaqueBytes = 0;
  readonly #owner: FlightTimerOwner;
  #free: Flight | null = null;
  #freeAttempts: Attempt | null = null;

  constructor(limit: number, owner: FlightTimerOwner) {
    this.limit = limit;
    this.#owner = owner;
  }

  /** Flights that somebody waits for, or that refresh the cache. */
  get live(): number {
    return this.inUse - this.settled;
  }

  /** A flight to begin() with; null when the limit is reached. */
  take(): Flight | null {
    if (this.live >= this.limit) return null;
    this.inUse++;
    const flight = this.#free;
    if (flight === null) return new Flight(this.#owner);
    this.#free = flight.next;
    return flight;
  }

  release(flight: Flight): void {
    if (flight.opaque) {
      this.opaqueBytes -= flight.queryLength;
      flight.query = WordOctets.ofLength(QUERY_BYTES);
    }
    if (flight.settled) this.settled--;
    flight.zone = null;
    flight.truncatedReply = null;
    flight.next = this.#free;
    this.#free = flight;
    this.inUse--;
  }

  /** An attempt for a flight; there are never more than MAX_ATTEMPTS per flight. */
  takeAttempt(): Attempt {
    const attempt = this.#freeAttempts;
    if (attempt === null) return new Attempt();
    this.#freeAttempts = attempt.nextFree;
    return attempt;
  }

  releaseAttempt(attempt: Attempt): void {
    attempt.flight = null;
    attempt.owner = null;
    attempt.nextFree = this.#freeAttempts;
    this.#freeAttempts = attempt;
  }
}
