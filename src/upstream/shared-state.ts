// What all threads know about each upstream and each route (a zone's use of an upstream): up, down,
// quarantined, its round-trip time. One Int32Array in shared memory; a thread that learns
// something writes it, and all others see it at once.
//
//   slot of an upstream:  [ state | doubts | RTT µs | RTT raised | answeredEdns | answers | slow µs |
//                           RCODE of the last error | without case until s | without options until s | without EDNS until s ]
//   slot of a route:      [ quarantined | – ]
import { MAX_ROUTES, MAX_UPSTREAMS } from '../base/slots.ts';
import { LESSON_SECONDS, MARK_COUNT } from './marks.ts';

/**
 * Whether an upstream may be asked. Any answer, to whatever question and thread, makes it up.
 * Workers make it suspect where it cannot be reached; silence and the way down are for the main
 * thread's checks to find (health.ts).
 */
export const UpstreamState = {
  up: 0,
  /** Asked by trials only: see selection.ts. */
  down: 1,
  /** Out of reach a moment ago, or silent to a check: asked where no other is plainly up. */
  suspect: 2,
} as const;
export type UpstreamState = (typeof UpstreamState)[keyof typeof UpstreamState];

const UPSTREAM_WORDS = 8 + MARK_COUNT;
const ROUTE_WORDS = 2;
const ROUTES_AT = MAX_UPSTREAMS * UPSTREAM_WORDS;
const WORDS = ROUTES_AT + MAX_ROUTES * ROUTE_WORDS;

const STATE = 0;
const DOUBTS = 1;
const RTT = 2;
/** When a slow answer last raised it, in RAISE_MS. */
const RTT_RAISED = 3;
const ANSWERED_EDNS = 4;
const ANSWERS = 5;
const SLOW = 6;
const ERROR_RCODE = 7;
/** One word for each mark, in the order of their bits. */
const LEARNED_UNTIL = 8;

/** A slow answer raises the round-trip time once in this time, ms. */
const RAISE_MS = 500;

/** Bounds of what counts as slow, µs: longer than 19 of 20 answers take (p95). */
const MIN_SLOW_US = 10_000;
const MAX_SLOW_US = 1_000_000;
/** Parts in 512 by which a slower answer raises the estimate; a quicker one lowers it by one. */
const SLOWER_PARTS = 19;

/** A view of the shared state; any thread may hold one. */
export class SharedUpstreamState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Wraps the buffer of another thread's state, or makes a new one. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Forgets all about an upstream slot that is about to be used for another server. */
  resetUpstream(slot: number): void {
    for (let i = 0; i < UPSTREAM_WORDS; i++) Atomics.store(this.#words, slot * UPSTREAM_WORDS + i, 0);
  }

  resetRoute(slot: number): void {
    Atomics.store(this.#words, ROUTES_AT + slot * ROUTE_WORDS, 0);
  }

  /** It may be asked: it is not down. */
  isUp(slot: number): boolean {
    return this.#words[slot * UPSTREAM_WORDS + STATE] !== UpstreamState.down;
  }

  stateOf(slot: number): UpstreamState {
    return this.#words[slot * UPSTREAM_WORDS + STATE] as UpstreamState;
  }

  setState(slot: number, state: UpstreamState): void {
    Atomics.store(this.#words, slot * UPSTREAM_WORDS + STATE, state);
  }

  /** A sign of life: an answer to whatever question. The server is up at once, for all threads. */
  answered(slot: number): void {
    const at = slot * UPSTREAM_WORDS;
    this.#words[at + ANSWERS]!++;
    if (this.#words[at + STATE] !== UpstreamState.up)
      Atomics.store(this.#words, at + STATE, UpstreamState.up);
  }

  /** It could not be reached: others are asked first until it answers. */
  suspect(slot: number): void {
    const at = slot * UPSTREAM_WORDS + STATE;
    Atomics.compareExchange(this.#words, at, UpstreamState.up, UpstreamState.suspect);
  }

  /** A question got no answer. That says nothing about the server; it is a reason to check it. */
  doubt(slot: number): void {
    this.#words[slot * UPSTREAM_WORDS + DOUBTS]!++;
  }

  /** Changes with every doubt; as a count it is not exact. */
  doubts(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + DOUBTS]!;
  }

  /**
   * Takes a measured round trip into the estimate. A quick answer is the server's merit alone, and
   * halves the difference. A slow one may be slow because of its name: all of them together raise
   * the estimate by a sixteenth, twice a second, however many they are. Threads may overwrite each
   * other: an estimate tolerates it.
   */
  measured(slot: number, rttMs: number, nowMs: number): void {
    const at = slot * UPSTREAM_WORDS;
    const words = this.#words;
    const rtt = Math.max(1, Math.min(60_000_000, Math.round(rttMs * 1000)));
    const known = words[at + RTT]!;
    if (known === 0) {
      words[at + RTT] = rtt;
    } else if (rtt <= known) {
      words[at + RTT] = known - ((known - rtt) >> 1);
    } else {
      const turn = Math.floor(nowMs / RAISE_MS) | 0;
      if (words[at + RTT_RAISED] === turn) return;
      words[at + RTT_RAISED] = turn;
      words[at + RTT] = known + Math.min((rtt - known) >> 1, Math.max(1, known >> 4));
    }
  }

  /**
   * Takes the time of an answer into the estimate of what is slow: each slower one raises it 19
   * times as much as a quicker one lowers it, so it comes to rest where one in 20 is slower.
   */
  took(slot: number, tookMs: number): void {
    const at = slot * UPSTREAM_WORDS + SLOW;
    const known = this.#words[at]!;
    const tookUs = Math.round(tookMs * 1000);
    if (known === 0) this.#setSlow(at, 2 * tookUs);
    else if (tookUs > known) this.#setSlow(at, known + ((known * SLOWER_PARTS) >> 9));
    else this.#setSlow(at, known - (known >> 9));
  }

  /** An answer is slow, however long it will take: counts like one that took longer. */
  tookLong(slot: number): void {
    const at = slot * UPSTREAM_WORDS + SLOW;
    const known = this.#words[at]!;
    if (known !== 0) this.#setSlow(at, known + ((known * SLOWER_PARTS) >> 9));
  }

  #setSlow(at: number, us: number): void {
    this.#words[at] = Math.max(MIN_SLOW_US, Math.min(MAX_SLOW_US, us));
  }

  /** How long an answer takes before it is slow (p95), ms; 0 while nothing was measured. */
  slowMs(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + SLOW]! / 1000;
  }

  /**
   * Changes with every answer; as a count it is not exact (threads overwrite each other, and it
   * wraps).
   */
  answers(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + ANSWERS]!;
  }

  /** It answered with an error: SERVFAIL, REFUSED or the like. */
  erred(slot: number, rcode: number): void {
    this.#words[slot * UPSTREAM_WORDS + ERROR_RCODE] = rcode;
  }

  /** The RCODE of its last error; 0 (NOERROR) for none. */
  errorRcode(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + ERROR_RCODE]!;
  }

  /** Round-trip time, ms; 0 while nothing was measured. */
  rttMs(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + RTT]! / 1000;
  }

  /**
   * The server has answered a question with EDNS: neither silence nor an error is for want of it.
   */
  hasAnsweredEdns(slot: number): boolean {
    return this.#words[slot * UPSTREAM_WORDS + ANSWERED_EDNS] !== 0;
  }

  setAnsweredEdns(slot: number): void {
    const at = slot * UPSTREAM_WORDS + ANSWERED_EDNS;
    if (this.#words[at] === 0) Atomics.store(this.#words, at, 1);
  }

  /**
   * The marks that the server as a whole is asked without, for now (marks.ts). The main thread
   * alone decides so.
   */
  learned(slot: number, nowMs: number): number {
    const at = slot * UPSTREAM_WORDS + LEARNED_UNTIL;
    let marks = 0;
    for (let i = 0; i < MARK_COUNT; i++) {
      const untilSeconds = this.#words[at + i]!;
      if (untilSeconds !== 0 && nowMs < untilSeconds * 1000) marks |= 1 << i;
    }
    return marks;
  }

  /** The server is asked without these marks for LESSON_SECONDS. */
  learn(slot: number, marks: number, nowMs: number): void {
    const at = slot * UPSTREAM_WORDS + LEARNED_UNTIL;
    const untilSeconds = Math.ceil(nowMs / 1000) + LESSON_SECONDS;
    for (let i = 0; i < MARK_COUNT; i++) {
      if ((marks & (1 << i)) !== 0) Atomics.store(this.#words, at + i, untilSeconds);
    }
  }

  isQuarantined(route: number): boolean {
    return this.#words[ROUTES_AT + route * ROUTE_WORDS] !== 0;
  }

  /** Takes a route out of use or back into it; returns whether that changed anything. */
  setQuarantined(route: number, quarantined: boolean): boolean {
    const value = quarantined ? 1 : 0;
    return Atomics.exchange(this.#words, ROUTES_AT + route * ROUTE_WORDS, value) !== value;
  }
}
