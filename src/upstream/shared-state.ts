// What all threads know about each upstream and each route (a zone's use of an upstream): up, down, quarantined, its
// round-trip time. One Int32Array in shared memory; whoever learns something writes it, everybody sees it at once.
//
//   slot of an upstream:  [ state | doubts | smoothed RTT µs | RTT variation µs | caseUnkept | plainUntil s | answeredEdns | tagsRefused | answers | plainAnswers ]
//   slot of a route:      [ quarantined | – ]
import { MAX_ROUTES, MAX_UPSTREAMS } from '../metrics/counters.ts';

/**
 * Whether an upstream may be asked. Any answer, to whatever question and thread, makes it up. Workers make it suspect where it
 * cannot be reached; silence and the way down are for the main thread's checks to find (health.ts).
 */
export const UpstreamState = {
  up: 0,
  /** Asked by trials only: see selection.ts. */
  down: 1,
  /** Out of reach a moment ago, or silent to a check: asked where no other is plainly up. */
  suspect: 2,
} as const;
export type UpstreamState = (typeof UpstreamState)[keyof typeof UpstreamState];

const UPSTREAM_WORDS = 10;
const ROUTE_WORDS = 2;
const ROUTES_AT = MAX_UPSTREAMS * UPSTREAM_WORDS;
const WORDS = ROUTES_AT + MAX_ROUTES * ROUTE_WORDS;

const STATE = 0;
const DOUBTS = 1;
const SRTT = 2;
const RTTVAR = 3;
const CASE_UNKEPT = 4;
const PLAIN_UNTIL = 5;
const ANSWERED_EDNS = 6;
const TAGS_REFUSED = 7;
const ANSWERS = 8;
const PLAIN_ANSWERS = 9;

/** A server that stumbled over EDNS is tried with it again after this long, as unbound does. */
const PLAIN_SECONDS = 900;
/** Plain answers after silence that make a server plain-only: one may come of a lost datagram. */
const ENOUGH_PLAIN_ANSWERS = 3;

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

  /** A question came to nothing. That says nothing of the server; it is a reason to check it. */
  doubt(slot: number): void {
    this.#words[slot * UPSTREAM_WORDS + DOUBTS]!++;
  }

  /** Changes with every doubt; as a count it is not exact. */
  doubts(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + DOUBTS]!;
  }

  /** Takes a measured round trip into the smoothed estimate (RFC 6298 §2). Threads may overwrite each other: an estimate bears it. */
  measured(slot: number, rttMs: number): void {
    const at = slot * UPSTREAM_WORDS;
    const rtt = Math.max(1, Math.min(60_000_000, Math.round(rttMs * 1000)));
    const srtt = this.#words[at + SRTT]!;
    if (srtt === 0) {
      this.#words[at + SRTT] = rtt;
      this.#words[at + RTTVAR] = rtt >> 1;
      return;
    }
    const deviation = Math.abs(srtt - rtt);
    this.#words[at + RTTVAR]! += (deviation - this.#words[at + RTTVAR]!) >> 2;
    this.#words[at + SRTT]! += (rtt - srtt) >> 3;
  }

  /** Changes with every answer; as a count it is not exact (threads overwrite each other, and it wraps). */
  answers(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + ANSWERS]!;
  }

  /** Smoothed round-trip time, ms; 0 while nothing was measured. */
  rttMs(slot: number): number {
    return this.#words[slot * UPSTREAM_WORDS + SRTT]! / 1000;
  }

  /** SRTT + 4 × RTTVAR (RFC 6298 §2.3), ms; 0 while nothing was measured. */
  retransmissionTimeoutMs(slot: number): number {
    const at = slot * UPSTREAM_WORDS;
    return (this.#words[at + SRTT]! + 4 * this.#words[at + RTTVAR]!) / 1000;
  }

  /** The server does not repeat QNAME's case (shown over TCP, where nobody can forge): 0x20 is off toward it. */
  keepsCase(slot: number): boolean {
    return this.#words[slot * UPSTREAM_WORDS + CASE_UNKEPT] === 0;
  }

  setCaseUnkept(slot: number): void {
    Atomics.store(this.#words, slot * UPSTREAM_WORDS + CASE_UNKEPT, 1);
  }

  /** The server has answered with an OPT record of its own: silence is not for want of EDNS. */
  hasAnsweredEdns(slot: number): boolean {
    return this.#words[slot * UPSTREAM_WORDS + ANSWERED_EDNS] !== 0;
  }

  setAnsweredEdns(slot: number): void {
    const at = slot * UPSTREAM_WORDS + ANSWERED_EDNS;
    if (this.#words[at] === 0) Atomics.store(this.#words, at, 1);
  }

  /** The server answers FORMERR, or not at all, to EDNS: for a while it is asked without OPT. */
  isPlainOnly(slot: number, nowMs: number): boolean {
    const untilSeconds = this.#words[slot * UPSTREAM_WORDS + PLAIN_UNTIL]!;
    return untilSeconds !== 0 && nowMs < untilSeconds * 1000;
  }

  setPlainOnly(slot: number, nowMs: number): void {
    const at = slot * UPSTREAM_WORDS;
    Atomics.store(this.#words, at + PLAIN_ANSWERS, 0);
    Atomics.store(this.#words, at + PLAIN_UNTIL, Math.ceil(nowMs / 1000) + PLAIN_SECONDS);
  }

  /** A question that was met with silence was answered without OPT: once more, and the server is taken for plain-only. */
  answeredPlain(slot: number, nowMs: number): void {
    const count = Atomics.add(this.#words, slot * UPSTREAM_WORDS + PLAIN_ANSWERS, 1) + 1;
    if (count >= ENOUGH_PLAIN_ANSWERS) this.setPlainOnly(slot, nowMs);
  }

  /** The server takes OPT, but not with our tag in it. */
  takesTags(slot: number): boolean {
    return this.#words[slot * UPSTREAM_WORDS + TAGS_REFUSED] === 0;
  }

  setTagsRefused(slot: number): void {
    Atomics.store(this.#words, slot * UPSTREAM_WORDS + TAGS_REFUSED, 1);
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
