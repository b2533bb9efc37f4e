// The slowest and the last failed queries, with what became of each message: what an operator looks
// at first. One per worker, bounded; fed by answers for each answer that somebody waited for, read
// when an operator asks (GET /queries/slow, /queries/failed).
//
//   answer ─▶ failed? ────────────────▶ failed: the last ones
//          └▶ slower than the least? ─▶ slowest: of this window, and of the one before
import type { Clock } from '../base/clock.ts';
import { formatPeer } from '../io/peer.ts';
import { Rcode, rcodeName } from '../wire/codes.ts';
import type { AnswerRecord } from './answer-record.ts';
import { cacheStateName, type EdeText, edesOf, questionOf } from './answer-text.ts';
import { type AttemptLine, attemptLines } from './attempt-text.ts';
import type { Recipient } from './reply-sink.ts';

/** Of each kind, per worker, … */
export const KEPT = 64;
/** … while there are few: many keep fewer, so that all together keep some 4 MiB. */
const KEPT_IN_ALL = 4 * KEPT;
/** How long a window lasts; then it becomes the previous one. */
const WINDOW_MS = 300_000;
/** Of each kind, described per second: in an outage, where all fail, this must cost little. */
const MAX_PER_SECOND = 50;
/** What is kept of an answer's Extended DNS Errors: an upstream may send more, and longer texts. */
const MAX_EDES = 4;
const MAX_EDE_BYTES = 256;

/** One query, as `GET /queries/slow` and `/queries/failed` show it. */
export interface KeptQuery {
  /** When the answer left. ISO 8601, wall clock. */
  readonly at: string;
  /** Address and port. */
  readonly client: string;
  /** `namespace/pod`: added by the main thread, where pods are watched. */
  readonly pod?: string;
  readonly proto: 'udp' | 'tcp';
  /** Absolute: `www.example.` */
  readonly name: string;
  readonly type: string;
  readonly zone: string;
  readonly rcode: string;
  readonly durationMs: number;
  /** fresh, stale, negative, failure; none: it is an upstream's answer. */
  readonly cache: string;
  /** Whose answer it is; null: none's. */
  readonly upstream: string | null;
  readonly ede: readonly EdeText[];
  readonly attempts: readonly AttemptLine[];
}

/** What one worker has kept. */
export interface KeptReport {
  /** The slowest first. */
  readonly slow: readonly KeptQuery[];
  /** The latest first. */
  readonly failed: readonly KeptQuery[];
}

export class KeptQueries {
  readonly #clock: Clock;
  readonly #most: number;
  /** The slowest first, of this window and of the one before. */
  #slow: KeptQuery[] = [];
  #slowBefore: KeptQuery[] = [];
  /** A ring. */
  readonly #failed: KeptQuery[] = [];
  #nextFailed = 0;
  /** The least of #slow, ms; what takes no longer is not kept. Below 0: there is room. */
  #leastMs = -1;
  #windowEndsMs: number;
  /** Left of this second's budget, one for each kind. */
  #slowLeft = MAX_PER_SECOND;
  #failedLeft = MAX_PER_SECOND;

  /** @param workers in all */
  constructor(clock: Clock, workers: number) {
    this.#clock = clock;
    this.#most = Math.min(KEPT, Math.ceil(KEPT_IN_ALL / workers));
    this.#windowEndsMs = clock.nowMs + WINDOW_MS;
  }

  /** Looks at an answer of `length` bytes that is about to be sent to a client that waited. */
  note(to: Recipient, answer: Uint8Array, length: number, record: AnswerRecord): void {
    const isFailed = record.rcode !== Rcode.NOERROR && record.rcode !== Rcode.NXDOMAIN;
    const isSlow = record.durationMs > this.#leastMs;
    if (!isFailed && !isSlow) return;
    const keepFailed = isFailed && this.#failedLeft > 0;
    const keepSlow = isSlow && this.#slowLeft > 0;
    if (!keepFailed && !keepSlow) return;
    const query = this.#describe(to, answer, length, record);
    if (query === null) return;
    if (keepFailed) {
      this.#failedLeft--;
      this.#failed[this.#nextFailed] = query;
      this.#nextFailed = (this.#nextFailed + 1) % this.#most;
    }
    if (keepSlow) {
      this.#slowLeft--;
      const place = this.#slow.findIndex(({ durationMs }) => durationMs < query.durationMs);
      this.#slow.splice(place < 0 ? this.#slow.length : place, 0, query);
      if (this.#slow.length > this.#most) this.#slow.length = this.#most;
      if (this.#slow.length === this.#most) this.#leastMs = this.#slow[this.#most - 1]!.durationMs;
    }
  }

  /** Null: the answer has no question, or nobody was asked. */
  #describe(to: Recipient, answer: Uint8Array, length: number, record: AnswerRecord): KeptQuery | null {
    const { flight, upstream } = record;
    const question = questionOf(answer, length);
    if (flight === null || question === null) return null;
    return {
      at: new Date().toISOString(),
      client: formatPeer(to.peers, to.peerOffset),
      proto: to.replyTo.stream ? 'tcp' : 'udp',
      name: question.name.toLowerCase(),
      type: question.type,
      zone: flight.zone!.suffix,
      rcode: rcodeName(record.rcode),
      durationMs: Math.round(record.durationMs * 100) / 100,
      cache: cacheStateName(record, answer),
      upstream: upstream?.text ?? null,
      // Cut before it becomes a string: a part of a string keeps the whole of it in memory.
      ede: edesOf(answer, length, MAX_EDE_BYTES).slice(0, MAX_EDES),
      attempts: attemptLines(flight, this.#clock.nowMs),
    };
  }

  /** Once a second. */
  tick(): void {
    this.#slowLeft = MAX_PER_SECOND;
    this.#failedLeft = MAX_PER_SECOND;
    if (this.#clock.nowMs < this.#windowEndsMs) return;
    this.#windowEndsMs = this.#clock.nowMs + WINDOW_MS;
    this.#slowBefore = this.#slow;
    this.#slow = [];
    this.#leastMs = -1;
  }

  report(): KeptReport {
    const slow = [...this.#slow, ...this.#slowBefore].sort((a, b) => b.durationMs - a.durationMs);
    const failed = [...this.#failed.slice(this.#nextFailed), ...this.#failed.slice(0, this.#nextFailed)];
    return { slow: slow.slice(0, this.#most), failed: failed.reverse() };
  }
}
