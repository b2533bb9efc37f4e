// Which query waits behind which 16-bit ID toward one upstream. Called by udp-exchange for every
// query and every reply. IDs are random over 0–65535 (RFC 5452 §4.3, §9.2) and unique in flight.
//
//   ID ──slotOfId──▶ slot ──▶ query (its bytes 12 … questionEnd−1 are the question as sent), mismatching replies so far
import type { RandomPool } from '../base/random.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { UpstreamQuery } from './exchange.ts';
import { compareQuestions, MAX_QUESTION_LENGTH, QuestionMatch } from './question-match.ts';

/**
 * Attempts at drawing a free ID. With a quarter of all IDs taken, eight fail once in 65,536 sends.
 */
const DRAWS = 8;
/** Instead of a count of mismatches: the owner has been told. */
const REPORTED = 255;

/** IDs in flight toward one upstream. */
export class IdTable {
  /**
   * Most IDs in flight at a time; far fewer than 65,536, so that a free one is found quickly and
   * stays unpredictable.
   */
  readonly capacity: number;
  /** IDs taken now. */
  inFlight = 0;
  readonly #random: RandomPool;
  /** Slot + 1, 0 for a free ID. */
  readonly #slotOfId = new Uint16Array(0x1_0000);
  readonly #queries: (UpstreamQuery | null)[] = [];
  readonly #mismatches: Uint8Array;
  /** A stack of released slots. */
  readonly #free: Uint16Array;
  #freeCount = 0;

  constructor(random: RandomPool, capacity = 16_384) {
    this.#random = random;
    this.capacity = Math.min(capacity, 0x8000);
    this.#mismatches = new Uint8Array(this.capacity);
    this.#free = new Uint16Array(this.capacity);
  }

  /**
   * Gives the query a random free ID and returns the ID; −1 when there is none, or the question is
   * too long.
   */
  take(query: UpstreamQuery): number {
    const questionLength = query.questionEnd - HEADER_LENGTH;
    if (questionLength <= 0 || questionLength > MAX_QUESTION_LENGTH) return -1;
    if (this.inFlight === this.capacity) return -1;
    let id = this.#random.uint16();
    for (let draw = 1; this.#slotOfId[id] !== 0; draw++) {
      if (draw === DRAWS) return -1;
      id = this.#random.uint16();
    }
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#addSlot();
    this.#slotOfId[id] = slot + 1;
    this.#queries[slot] = query;
    this.#mismatches[slot] = 0;
    query.id = id;
    this.inFlight++;
    return id;
  }

  /** The query that waits behind an ID, or null. */
  get(id: number): UpstreamQuery | null {
    const slot = this.#slotOfId[id]! - 1;
    return slot < 0 ? null : this.#queries[slot]!;
  }

  /**
   * The query in flight by this channel whose question a reply repeats, in any letter case; null if
   * there is none.
   */
  findByQuestion(channel: number, bytes: Uint8Array, length: number): UpstreamQuery | null {
    for (let slot = 0; slot < this.#queries.length; slot++) {
      const query = this.#queries[slot]!;
      if (query === null || query.channel !== channel) continue;
      const questionLength = query.questionEnd - HEADER_LENGTH;
      const match = compareQuestions(query.bytes, HEADER_LENGTH, questionLength, bytes, length);
      if (match === QuestionMatch.exact || match === QuestionMatch.caseDiffers) return query;
    }
    return null;
  }

  /**
   * Counts one more reply that came for this ID, which must be taken, and did not match. True once:
   * when that makes `enough`.
   */
  addMismatch(id: number, enough: number): boolean {
    const slot = this.#slotOfId[id]! - 1;
    const count = this.#mismatches[slot]!;
    if (count === REPORTED) return false;
    this.#mismatches[slot] = count + 1 >= enough ? REPORTED : count + 1;
    return count + 1 >= enough;
  }

  /** Frees the query's ID; the query must hold one. */
  release(query: UpstreamQuery): void {
    const slot = this.#slotOfId[query.id]! - 1;
    this.#slotOfId[query.id] = 0;
    this.#queries[slot] = null;
    this.#free[this.#freeCount++] = slot;
    query.id = -1;
    this.inFlight--;
  }

  /** The queries in flight by one channel (−1: all), for the rare event that all of them fail. */
  inFlightOn(channel: number): UpstreamQuery[] {
    const found: UpstreamQuery[] = [];
    for (const query of this.#queries) {
      if (query !== null && (channel < 0 || query.channel === channel)) found.push(query);
    }
    return found;
  }

  #addSlot(): number {
    this.#queries.push(null);
    return this.#queries.length - 1;
  }
}
