// The queries of one socket or connection that wait for their answers, by message ID. Called for
// every query and every answer. IDs go round and pass over those still in flight; a list in the
// order of sending finds what is too old.
//
//   list   size ⇄ oldest ⇄ … ⇄ newest ⇄ size        links between IDs; entry `size` is its beginning and its end
import { readUint32 } from '../wire/bytes.ts';

const FREE = 0;
const WAITING = 1;
/** Given up. An answer that comes all the same is late, until the ID is used again. */
const LOST = 2;

/** Nothing waits for this answer: a duplicate, or one to a question that was not asked. */
export const UNEXPECTED = 0;
/** In time. */
export const ANSWERED = 1;
/** After its query had been given up as lost. */
export const LATE = 2;

/**
 * The first bytes of a QNAME, its letters in lower case: with the ID they tell an answer from one
 * to an earlier query.
 */
export function fingerprint(bytes: Uint8Array, messageOffset: number): number {
  return (readUint32(bytes, messageOffset + 13) | 0x20202020) >>> 0;
}

/** Queries in flight. */
export class InFlightTable {
  /** IDs that wait for an answer. */
  inFlight = 0;
  readonly #size: number;
  readonly #states: Uint8Array;
  readonly #fingerprints: Uint32Array;
  readonly #intendedMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  #nextId = 0;

  /** `size`: IDs in use at the same time, at most 65,536. */
  constructor(size: number) {
    this.#size = size;
    this.#states = new Uint8Array(size);
    this.#fingerprints = new Uint32Array(size);
    this.#intendedMs = new Float64Array(size);
    this.#sentMs = new Float64Array(size);
    this.#older = new Int32Array(size + 1);
    this.#newer = new Int32Array(size + 1);
    this.clear();
  }

  /** Whether all IDs are in flight: no query can be sent. */
  get full(): boolean {
    return this.inFlight === this.#size;
  }

  /** Gives an ID; the table must not be full. Times of sending must not go back. */
  take(print: number, intendedMs: number, sentMs: number): number {
    const size = this.#size;
    let id = this.#nextId;
    while (this.#states[id] === WAITING) id = id + 1 < size ? id + 1 : 0;
    this.#nextId = id + 1 < size ? id + 1 : 0;
    this.#states[id] = WAITING;
    this.#fingerprints[id] = print;
    this.#intendedMs[id] = intendedMs;
    this.#sentMs[id] = sentMs;
    const newest = this.#older[size]!;
    this.#older[id] = newest;
    this.#newer[id] = size;
    this.#newer[newest] = id;
    this.#older[size] = id;
    this.inFlight++;
    return id;
  }

  /**
   * An answer came: UNEXPECTED, ANSWERED or LATE. `checkPrint` is false for answers without a
   * question.
   */
  settle(id: number, print: number, checkPrint: boolean): number {
    if (id >= this.#size) return UNEXPECTED;
    const state = this.#states[id]!;
    if (state === FREE || (checkPrint && this.#fingerprints[id] !== print)) return UNEXPECTED;
    this.#states[id] = FREE;
    if (state === LOST) return LATE;
    this.#unlink(id);
    return ANSWERED;
  }

  /** When the query that had this ID should have been sent, ms. */
  intendedMs(id: number): number {
    return this.#intendedMs[id]!;
  }

  /** Gives up what was sent at or before `sentMs`; returns how many. */
  expire(sentMs: number): number {
    let lost = 0;
    for (;;) {
      const id = this.#newer[this.#size]!;
      if (id === this.#size || this.#sentMs[id]! > sentMs) return lost;
      this.#states[id] = LOST;
      this.#unlink(id);
      lost++;
    }
  }

  /**
   * Gives up everything, and late answers too: the connection is gone. Returns how many were in
   * flight.
   */
  clear(): number {
    const lost = this.inFlight;
    this.#states.fill(FREE);
    this.#older[this.#size] = this.#size;
    this.#newer[this.#size] = this.#size;
    this.inFlight = 0;
    return lost;
  }

  #unlink(id: number): void {
    const older = this.#older[id]!;
    const newer = this.#newer[id]!;
    this.#newer[older] = newer;
    this.#older[newer] = older;
    this.inFlight--;
  }
}
