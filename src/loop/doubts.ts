// Questions that came a second time while they were in flight, kept for a moment each: a healthy
// upstream answers meanwhile. A question that is still unanswered after that, by an upstream that
// has answered nobody since, is worth a probe. Filled by pipeline/loop-guard.ts.
import type { Clock } from '../base/clock.ts';
import type { TimerWheel, WheelTimer } from '../base/timer-wheel.ts';
import type { SentQuestions } from './sent-questions.ts';

/**
 * Most servers answer within this time, and it leaves enough for a probe to come back within 100
 * ms.
 */
export const DOUBT_MS = 30;
/** Doubts at a time in a worker, a power of two; further ones are dropped. */
export const MAX_DOUBTS = 256;
/** sentSlot, sentMark, routeSlot, upstreamSlot, answers. */
const DOUBT_WORDS = 5;

/** A question in flight. */
export interface Doubted {
  /** Its slot in SentQuestions, and the first word of its hash. */
  readonly sentSlot: number;
  readonly sentMark: number;
  readonly routeSlot: number;
  /** Slot of the route's upstream. */
  readonly upstreamSlot: number;
}

/** What doubts need from their caller. */
export interface DoubtOwner {
  /** Changes with each answer of an upstream (SharedUpstreamState). */
  answers(upstreamSlot: number): number;
  /** The upstream was silent to everybody: the route is suspect. */
  onSilence(routeSlot: number): void;
}

/** First in, first out: all wait for the same time. Memory is fixed. */
export class Doubts implements WheelTimer {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #sent: SentQuestions;
  readonly #owner: DoubtOwner;
  readonly #words = new Int32Array(MAX_DOUBTS * DOUBT_WORDS);
  readonly #dueMs = new Float64Array(MAX_DOUBTS);
  /** Counts up without end; a doubt's slot is its number modulo MAX_DOUBTS. */
  #first = 0;
  #end = 0;

  constructor(clock: Clock, wheel: TimerWheel, sent: SentQuestions, owner: DoubtOwner) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#sent = sent;
    this.#owner = owner;
  }

  add({ sentSlot, sentMark, routeSlot, upstreamSlot }: Doubted): void {
    if (this.#end - this.#first === MAX_DOUBTS) return;
    const slot = this.#end++ % MAX_DOUBTS;
    const at = slot * DOUBT_WORDS;
    this.#words[at] = sentSlot;
    this.#words[at + 1] = sentMark;
    this.#words[at + 2] = routeSlot;
    this.#words[at + 3] = upstreamSlot;
    this.#words[at + 4] = this.#owner.answers(upstreamSlot);
    this.#dueMs[slot] = this.#clock.nowMs + DOUBT_MS;
    if (this.nextTimer === null) this.#wheel.arm(this, this.#dueMs[slot]!);
  }

  onTimer(nowMs: number): void {
    while (this.#first !== this.#end) {
      const slot = this.#first % MAX_DOUBTS;
      if (this.#dueMs[slot]! > nowMs) {
        this.#wheel.arm(this, this.#dueMs[slot]!);
        return;
      }
      this.#first++;
      this.#judge(slot * DOUBT_WORDS, nowMs);
    }
  }

  #judge(at: number, nowMs: number): void {
    const words = this.#words;
    const routeSlot = words[at + 2]!;
    if (this.#owner.answers(words[at + 3]!) !== words[at + 4]) return;
    if (this.#sent.isUnanswered(words[at]!, words[at + 1]!, routeSlot, nowMs))
      this.#owner.onSilence(routeSlot);
  }
}
