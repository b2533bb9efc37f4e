// Which questions left by which route in the last seconds, and whether they were answered, in
// memory that all workers share: a query sent by one worker may come back to another. Written by
// detector.ts for each query sent and answered, read when evidence comes in. Lossy: a full bucket
// forgets its oldest entry. A forgotten entry turns proof into suspicion, never the reverse.

/** Entries of a bucket. */
const WAYS = 4;
const ENTRY_WORDS = 3;
const BUCKETS = 8192;
const BUCKET_WORDS = WAYS * ENTRY_WORDS;
const WORDS = BUCKETS * BUCKET_WORDS;

/**
 * How long a question that left can prove a loop. One that comes back later, as forward.deadline
 * may allow, proves nothing by itself: it has the route probed.
 */
export const SENT_WINDOW_MS = 4000;
const TICK_MS = 64;
const WINDOW_TICKS = Math.ceil(SENT_WINDOW_MS / TICK_MS);
/**
 * In an entry's second word: the upstream has answered. Not covered by the third word, so that one
 * store sets it.
 */
const ANSWERED = 0x80000000 | 0;
const ROUTE_BITS = 0x7fff;

/** In place of a route, in findRoute() and SentNote: none, and more than one. */
export const NO_ROUTE = -1;
export const SEVERAL_ROUTES = -2;

/** What add() has noted, and what was known before. The caller owns it and uses it again. */
export class SentNote {
  /** The slot of the entry; −1: the message was not noted. */
  slot = -1;
  /** The first word of the question's hash: with `slot`, the key of the entry. */
  mark = 0;
  /**
   * The route by which the question was already in flight, not answered yet. NO_ROUTE, or
   * SEVERAL_ROUTES if there was more than one.
   */
  earlierRoute = NO_ROUTE;
  /** The slot of the entry for earlierRoute. */
  earlierSlot = 0;

  /** The message carries no mark and is not noted. */
  clear(): void {
    this.slot = -1;
    this.earlierRoute = NO_ROUTE;
  }
}

/**
 * ```
 *  entry:  [ hash₀ | answered << 31, route << 16, tick | hash₁ ⊕ mix(route, tick) ]     tick: 64 ms, mod 2¹⁶ (70 minutes)
 * ```
 * Two workers may write one entry at the same time: then the third word, which links the other two,
 * matches neither, and the entry counts as empty.
 */
export class SentQuestions {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Wraps another thread's table, or creates a new one. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /**
   * Notes that the question with this hash (CasePattern.hash) leaves by a route now; `note` then
   * says where, and what was known about it.
   */
  add(hash: Int32Array, routeSlot: number, nowMs: number, note: SentNote): void {
    const words = this.#words;
    const tick = tickOf(nowMs);
    const bucket = bucketOf(hash);
    let slot = bucket;
    let oldest = -1;
    note.earlierRoute = NO_ROUTE;
    for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
      const stamp = words[at + 1]!;
      if (words[at] === hash[0]) {
        this.#noteEarlier(at, hash, nowMs, note);
        if (routeOf(stamp) === routeSlot) {
          // Its own slot first, whatever the age of the others.
          oldest = 0x10000;
          slot = at;
        }
      }
      const age = (tick - stamp) & 0xffff;
      if (age > oldest) {
        oldest = age;
        slot = at;
      }
    }
    const stamp = (routeSlot << 16) | tick;
    words[slot] = hash[0]!;
    words[slot + 1] = stamp;
    words[slot + 2] = hash[1]! ^ mix(stamp);
    note.slot = slot;
    note.mark = hash[0]!;
  }

  #noteEarlier(at: number, hash: Int32Array, nowMs: number, note: SentNote): void {
    const route = this.#routeAt(at, hash, nowMs);
    if (route === NO_ROUTE || this.#words[at + 1]! < 0) return;
    note.earlierRoute = note.earlierRoute === NO_ROUTE ? route : SEVERAL_ROUTES;
    note.earlierSlot = at;
  }

  /**
   * The upstream has answered the question that add() wrote to `slot`; `mark`: the first word of
   * its hash.
   */
  setAnswered(slot: number, mark: number): void {
    const words = this.#words;
    if (words[slot] === mark) words[slot + 1]! |= ANSWERED;
  }

  /** Whether the question that add() wrote to `slot` still waits for an answer by this route. */
  isUnanswered(slot: number, mark: number, routeSlot: number, nowMs: number): boolean {
    const words = this.#words;
    const stamp = words[slot + 1]!;
    return words[slot] === mark && stamp >= 0 && routeOf(stamp) === routeSlot && isRecent(stamp, nowMs);
  }

  /** Whether the question left by this route within SENT_WINDOW_MS. */
  has(hash: Int32Array, routeSlot: number, nowMs: number): boolean {
    const bucket = bucketOf(hash);
    for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
      if (this.#routeAt(at, hash, nowMs) === routeSlot) return true;
    }
    return false;
  }

  /**
   * The route by which the question left within SENT_WINDOW_MS; NO_ROUTE, or SEVERAL_ROUTES when it
   * left by more than one.
   */
  findRoute(hash: Int32Array, nowMs: number): number {
    const bucket = bucketOf(hash);
    let found = NO_ROUTE;
    for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
      const route = this.#routeAt(at, hash, nowMs);
      if (route === NO_ROUTE || route === found) continue;
      if (found !== NO_ROUTE) return SEVERAL_ROUTES;
      found = route;
    }
    return found;
  }

  #routeAt(at: number, hash: Int32Array, nowMs: number): number {
    const words = this.#words;
    const stamp = words[at + 1]!;
    if (words[at] !== hash[0] || (words[at + 2]! ^ mix(stamp)) !== hash[1]) return NO_ROUTE;
    return isRecent(stamp, nowMs) ? routeOf(stamp) : NO_ROUTE;
  }
}

function routeOf(stamp: number): number {
  return (stamp >>> 16) & ROUTE_BITS;
}

function isRecent(stamp: number, nowMs: number): boolean {
  return ((tickOf(nowMs) - stamp) & 0xffff) <= WINDOW_TICKS;
}

function tickOf(nowMs: number): number {
  return Math.floor(nowMs / TICK_MS) & 0xffff;
}

function bucketOf(hash: Int32Array): number {
  return (hash[2]! & (BUCKETS - 1)) * BUCKET_WORDS;
}

function mix(stamp: number): number {
  return Math.imul(stamp & ~ANSWERED, 0x9e3779b1);
}
