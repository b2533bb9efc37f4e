// What became of each message of a flight, in numbers: which upstream, over what, when, and the
// outcome. Part of a flight, so that noting costs no memory. Words are made of it only for the few
// who read them.

/** Attempts, with those that sent no message because there was no connection or no room. */
export const MAX_ATTEMPTS = 8;

/** What became of a message. The detail depends on it. */
export const AttemptEnd = {
  /** Its reply is still awaited. */
  pending: 0,
  /** A reply; detail: its RCODE. */
  replied: 1,
  /** A reply with TC; detail: its RCODE. */
  truncated: 2,
  /** A reply that cannot be parsed. */
  malformed: 3,
  /** Replies that do not match: none was believed. */
  mismatched: 4,
  /** No reply in time. */
  silent: 5,
  /** The transport gave up; detail: FailureReason. */
  failed: 6,
  /** The route loops: no reply will come. */
  looped: 7,
} as const;
export type AttemptEnd = (typeof AttemptEnd)[keyof typeof AttemptEnd];

const UPSTREAM_MASK = 0xff;
const STREAM_BIT = 0x100;
const END_SHIFT = 9;
const END_MASK = 0xf;
const DETAIL_SHIFT = 13;
const DETAIL_MASK = 0xfff;
const MARKS_SHIFT = 25;

export class Timeline {
  /** Messages noted. */
  count = 0;
  /** Position in zone.upstreams of the one whose reply the clients got; −1: none. */
  answeredBy = -1;
  /** Clock ms; the times below count from here. */
  #startMs = 0;
  /** Start and end of each, ms. Short enough to lie within V8's heap. */
  readonly #times = new Float32Array(2 * MAX_ATTEMPTS);
  readonly #words = new Int32Array(MAX_ATTEMPTS);

  reset(nowMs: number): void {
    this.count = 0;
    this.answeredBy = -1;
    this.#startMs = nowMs;
  }

  /** A message leaves for zone.upstreams[upstream]; returns its number. */
  begin(upstream: number, overStream: boolean, nowMs: number): number {
    const number = this.count++;
    this.#words[number] = (upstream & UPSTREAM_MASK) | (overStream ? STREAM_BIT : 0);
    this.#times[2 * number] = nowMs - this.#startMs;
    return number;
  }

  /** What became of message `number`. A later note replaces an earlier one: silence may end. */
  end(number: number, end: AttemptEnd, detail: number, nowMs: number): void {
    const kept = this.#words[number]! & ~((END_MASK << END_SHIFT) | (DETAIL_MASK << DETAIL_SHIFT));
    this.#words[number] = kept | (end << END_SHIFT) | (detail << DETAIL_SHIFT);
    this.#times[2 * number + 1] = nowMs - this.#startMs;
  }

  /** The route to zone.upstreams[upstream] loops: what still waits for it waits in vain. */
  endLooped(upstream: number, nowMs: number): void {
    for (let i = 0; i < this.count; i++) {
      const end = this.endOf(i);
      if (this.upstreamOf(i) !== upstream) continue;
      if (end === AttemptEnd.pending || end === AttemptEnd.silent) this.end(i, AttemptEnd.looped, 0, nowMs);
    }
  }

  /** What message `number` carries (upstream/marks.ts). */
  carries(number: number, marks: number): void {
    this.#words[number]! |= marks << MARKS_SHIFT;
  }

  marksOf(number: number): number {
    return this.#words[number]! >>> MARKS_SHIFT;
  }

  upstreamOf(number: number): number {
    return this.#words[number]! & UPSTREAM_MASK;
  }

  overStream(number: number): boolean {
    return (this.#words[number]! & STREAM_BIT) !== 0;
  }

  endOf(number: number): AttemptEnd {
    return ((this.#words[number]! >> END_SHIFT) & END_MASK) as AttemptEnd;
  }

  /** An RCODE or a FailureReason: see AttemptEnd. */
  detailOf(number: number): number {
    return (this.#words[number]! >> DETAIL_SHIFT) & DETAIL_MASK;
  }

  /** When it left, ms after the question came. */
  startOf(number: number): number {
    return this.#times[2 * number]!;
  }

  /** How long it took, ms; one without a reply has taken until now. */
  durationOf(number: number, nowMs: number): number {
    const end = this.endOf(number);
    const isOpen = end === AttemptEnd.pending || end === AttemptEnd.silent;
    const until = isOpen ? nowMs - this.#startMs : this.#times[2 * number + 1]!;
    return Math.max(0, until - this.startOf(number));
  }
}
