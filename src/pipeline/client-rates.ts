// How much of its rate each client has used (limits.perClientQps), for all workers: names are dealt
// to workers, so one client's queries may all come to one of them, or to each. In shared memory,
// without locks. Called by client-gate.
import { randomInt } from 'node:crypto';
import { hashClient } from './client-hash.ts';
import type { ClientQuery } from './client-query.ts';

/** Clients whose rate is tracked at a time; a new client takes the slot of an idle one. */
const RATE_SLOTS = 16_384;
/** Separates the allowance of a client's streams from that of its datagrams. */
const STREAM_SALT = 0x5bd1e995;
/** Slots examined for one client. */
const RATE_PROBES = 4;
/** A client may send the queries of this time in a burst. */
const BURST_MS = 1000;

/** The hash seed takes the room of one number in front. */
const SEED_BYTES = 8;
const TIMES_BYTES = RATE_SLOTS * 8;

/**
 * Memory for all threads; nothing of it is touched where there is no limit. The seed in it sees to
 * it that nobody can choose which clients share a slot.
 */
export function createClientRates(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(SEED_BYTES + TIMES_BYTES + RATE_SLOTS * 4);
  new Int32Array(buffer)[0] = randomInt(2 ** 31);
  return buffer;
}

/**
 * Generic cell rate algorithm. Two workers that count a query of one client at the same instant may
 * count one for two: that costs nobody anything.
 */
export class ClientRates {
  readonly #seed: number;
  /** Per slot: the time up to which the client's queries have used its allowance (clock ms). */
  readonly #paidUntilMs: Float64Array;
  /** Per slot: the hash of the client's address. */
  readonly #clients: Int32Array;

  /** @param buffer of createClientRates() */
  constructor(buffer: SharedArrayBuffer) {
    this.#seed = new Int32Array(buffer)[0]!;
    this.#paidUntilMs = new Float64Array(buffer, SEED_BYTES, RATE_SLOTS);
    this.#clients = new Int32Array(buffer, SEED_BYTES + TIMES_BYTES, RATE_SLOTS);
  }

  /** Takes a query, which costs `intervalMs`, off a client's allowance; false: none is left. */
  spend({ peers, peerOffset, overStream }: ClientQuery, intervalMs: number, nowMs: number): boolean {
    // 0 marks a free slot.
    const hash = hashClient(peers, peerOffset, this.#seed) ^ (overStream ? STREAM_SALT : 0) || 1;
    let slot = -1;
    for (let probe = 0; probe < RATE_PROBES; probe++) {
      const candidate = (hash + probe) & (RATE_SLOTS - 1);
      if (this.#clients[candidate] === hash) {
        slot = candidate;
        break;
      }
      if (slot < 0 || this.#paidUntilMs[candidate]! < this.#paidUntilMs[slot]!) slot = candidate;
    }
    if (this.#clients[slot] !== hash) {
      this.#clients[slot] = hash;
      this.#paidUntilMs[slot] = nowMs;
    }
    const paidUntilMs = Math.max(this.#paidUntilMs[slot]!, nowMs);
    if (paidUntilMs - nowMs > BURST_MS) return false;
    this.#paidUntilMs[slot] = paidUntilMs + intervalMs;
    return true;
  }
}
