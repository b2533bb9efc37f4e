// Which query waits behind which 16-bit ID toward one upstream, and the question its reply must repeat. Called by
// udp-exchange for every query and every reply. IDs are random over 0–65535 (RFC 5452 §4.3, §9.2) and unique in flight.
//
//   ID ──slotOfId──▶ slot ──▶ query, question (12 … questionEnd−1 as sent), mismatching replies so far
import type { RandomPool } from '../base/random.ts';
import type { UpstreamQuery } from './exchange.ts';
import { compareQuestions, MAX_QUESTION_LENGTH, type QuestionMatch } from './question-match.ts';

/** Questions are kept in chunks of this many slots (66 KB), allocated when first needed. */
const CHUNK_SLOTS = 256;
/** Attempts at drawing a free ID. With a quarter of all IDs taken, eight fail once in 65,536 sends. */
const DRAWS = 8;
const HEADER_LENGTH = 12;
/** In place of a count of mismatches: the owner has been told. */
const REPORTED = 255;

/** IDs in flight toward one upstream. */
export class IdTable {
  /** Most IDs in flight at a time; far fewer than 65,536, so that a free one is found quickly and stays unpredictable. */
  readonly capacity: number;
  /** IDs taken now. */
  inFlight = 0;
  readonly #random: RandomPool;
  /** Slot + 1, 0 for a free ID. */
  readonly #slotOfId = new Uint16Array(0x1_0000);
  readonly #queries: (UpstreamQuery | null)[] = [];
  readonly #questionLengths: Uint16Array;
  readonly #mismatches: Uint8Array;
  readonly #questions: Uint8Array[] = [];
  /** A stack of released slots. */
  readonly #free: Uint16Array;
  #freeCount = 0;

  constructor(random: RandomPool, capacity = 16_384) {
    this.#random = random;
    this.capacity = Math.min(capacity, 0x8000);
    this.#questionLengths = new Uint16Array(this.capacity);
    this.#mismatches = new Uint8Array(this.capacity);
    this.#free = new Uint16Array(this.capacity);
  }

  /** Gives the query a random free ID, keeps its question, and returns the ID; −1 when there is none, or the question is too long. */
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
    this.#questionLengths[slot] = questionLength;
    const kept = this.#questions[slot >> 8]!;
    const at = (slot & (CHUNK_SLOTS - 1)) * MAX_QUESTION_LENGTH;
    const bytes = query.bytes;
    for (let i = 0; i < questionLength; i++) kept[at + i] = bytes[HEADER_LENGTH + i]!;
    query.id = id;
    this.inFlight++;
    return id;
  }

  /** The query that waits behind an ID, or null. */
  get(id: number): UpstreamQuery | null {
    const slot = this.#slotOfId[id]! - 1;
    return slot < 0 ? null : this.#queries[slot]!;
  }

  /** How the question of a reply compares with the one kept for this ID, which must be taken. */
  compareQuestion(id: number, bytes: Uint8Array, length: number): QuestionMatch {
    const slot = this.#slotOfId[id]! - 1;
    const kept = this.#questions[slot >> 8]!;
    const at = (slot & (CHUNK_SLOTS - 1)) * MAX_QUESTION_LENGTH;
    return compareQuestions(kept, at, this.#questionLengths[slot]!, bytes, length);
  }

  /**
   * Counts one more reply that came for this ID, which must be taken, and did not match. True once: when that makes `enough`.
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
    const slot = this.#queries.length;
    this.#queries.push(null);
    if ((slot & (CHUNK_SLOTS - 1)) === 0)
      this.#questions.push(new Uint8Array(CHUNK_SLOTS * MAX_QUESTION_LENGTH));
    return slot;
  }
}
