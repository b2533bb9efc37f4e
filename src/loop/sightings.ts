// A worker's side of what follows evidence: it collects sightings and suspicions so that a
// storm of packets becomes a handful of messages to the main thread (episodes.ts), and it notices
// questions that repeat faster than clients ask.
import { MAX_ROUTES } from '../base/slots.ts';
import { EVIDENCE_NAMES, type Evidence } from './evidence.ts';

/**
 * Sightings of one kind on one route since the last message. Plain data: posted to the main thread.
 */
export interface LoopSighting {
  /** −1: not known which (a replica's query, too many hops). */
  readonly route: number;
  readonly evidence: Evidence;
  /** At least one was proof (LoopFinding.certain). */
  readonly certain: boolean;
  readonly count: number;
  /**
   * Address of the last sender, as text, with or without its port; empty if unknown.
   */
  readonly peer: string;
  /** Nonce of the last probe, with evidence probe. */
  readonly nonce: number;
}

const KINDS = EVIDENCE_NAMES.length;
/** The slot for evidence without a known route. */
const UNKNOWN_ROUTE = MAX_ROUTES;
/** Minimum interval between messages to the main thread, except the first. */
export const REPORT_INTERVAL_MS = 100;

/** Counts sightings until they are reported. One per worker; memory is fixed. */
export class SightingLog {
  readonly #counts = new Float64Array((MAX_ROUTES + 1) * KINDS);
  readonly #certain = new Uint8Array((MAX_ROUTES + 1) * KINDS);
  readonly #nonces = new Float64Array((MAX_ROUTES + 1) * KINDS);
  /** Slots with a count, in the order of their first sighting: each is listed at most once. */
  readonly #touched = new Int32Array((MAX_ROUTES + 1) * KINDS);
  #touchedCount = 0;
  #peer = '';
  #reportedMs = -Infinity;

  /**
   * Records one sighting. Returns whether a report is due at once: then call drain() and post its
   * result.
   */
  note(route: number, evidence: Evidence, certain: boolean, nonce: number, nowMs: number): boolean {
    const place = (route < 0 ? UNKNOWN_ROUTE : route) * KINDS + evidence;
    if (this.#counts[place]!++ === 0) this.#touched[this.#touchedCount++] = place;
    if (certain) this.#certain[place] = 1;
    this.#nonces[place] = nonce;
    return this.isDue(nowMs);
  }

  /**
   * Records the sender of the last sighting. Creates a string, so call it only if note() said that
   * a report is due.
   */
  notePeer(peer: string): void {
    this.#peer = peer;
  }

  /** Something is waiting to be reported. */
  get isPending(): boolean {
    return this.#touchedCount > 0;
  }

  /**
   * Something is waiting and the last report is long enough ago. Check regularly: the last
   * sightings of a storm wait too.
   */
  isDue(nowMs: number): boolean {
    return this.isPending && nowMs - this.#reportedMs >= REPORT_INTERVAL_MS;
  }

  /** The sightings since the last call. */
  drain(nowMs: number): LoopSighting[] {
    const sightings: LoopSighting[] = [];
    for (let i = 0; i < this.#touchedCount; i++) {
      const place = this.#touched[i]!;
      const slot = Math.floor(place / KINDS);
      sightings.push({
        route: slot === UNKNOWN_ROUTE ? -1 : slot,
        evidence: (place % KINDS) as Evidence,
        certain: this.#certain[place] === 1,
        count: this.#counts[place]!,
        peer: this.#peer,
        nonce: this.#nonces[place]!,
      });
      this.#counts[place] = 0;
      this.#certain[place] = 0;
    }
    this.#touchedCount = 0;
    this.#peer = '';
    this.#reportedMs = nowMs;
    return sightings;
  }
}

/** Why a route is suspected: a suspicion never takes it out of use, it only has it probed. */
export const Suspicion = {
  /** A query in our case pattern. */
  caseLetters: 0,
  /** The same question is in flight, and this one came from an upstream's own address. */
  upstreamAsks: 1,
  /** One question again and again, faster than any client retries. */
  repetition: 2,
  /** An upstream answered SERVFAIL with EDE 14 and our own words. */
  upstreamSaysSo: 3,
  /** A question came that is in flight, and the upstream has been silent to everybody since. */
  unanswered: 4,
  /**
   * A question came that is already in flight. Two clients with the same question do that too, so
   * it has little weight: few probes are spent on it (episodes.ts).
   */
  askedAgain: 5,
} as const;
export type Suspicion = (typeof Suspicion)[keyof typeof Suspicion];

/** The main thread decides when a probe is due: this limits the number of messages to it. */
const SUSPECT_INTERVAL_MS = 50;

/**
 * Per route, weight and interval, passes one suspicion on to the main thread. One per
 * worker.
 */
export class SuspicionGate {
  readonly #nextMs = new Float64Array(2 * (MAX_ROUTES + 1));

  /** Whether to tell the main thread now that the route (−1: all of them) is suspected. */
  suspect(route: number, reason: Suspicion, nowMs: number): boolean {
    const slot = (route < 0 ? UNKNOWN_ROUTE : route) * 2 + (reason === Suspicion.askedAgain ? 1 : 0);
    if (nowMs < this.#nextMs[slot]!) return false;
    this.#nextMs[slot] = nowMs + SUSPECT_INTERVAL_MS;
    return true;
  }
}

const REPETITION_PLACES = 4096;
const REPETITION_WINDOW_MS = 1000;
/**
 * A client asks again after a second or more; a host that does not coalesce may ask a few times
 * at a time.
 */
export const REPETITION_LIMIT = 16;

/**
 * Detects one question from one address again and again. Only for questions that join one in
 * flight: what the cache answers may be asked any number of times. One slot per hash, the newer
 * replaces the older; a collision can at most delay a probe or cause one.
 */
export class RepetitionDetector {
  readonly #hashes = new Int32Array(REPETITION_PLACES);
  readonly #counts = new Uint16Array(REPETITION_PLACES);
  readonly #sinceMs = new Float64Array(REPETITION_PLACES);

  /**
   * Counts a question (ParsedQuery.keyHash) from an address (any hash of it without the port); true
   * if it was one too many.
   */
  observe(keyHash: number, addressHash: number, nowMs: number): boolean {
    const hash = keyHash ^ Math.imul(addressHash, 0x9e3779b1);
    const place = (hash ^ (hash >>> 16)) & (REPETITION_PLACES - 1);
    if (this.#hashes[place] !== hash || nowMs - this.#sinceMs[place]! > REPETITION_WINDOW_MS) {
      this.#hashes[place] = hash;
      this.#counts[place] = 1;
      this.#sinceMs[place] = nowMs;
      return false;
    }
    const count = this.#counts[place]! + 1;
    if (count <= REPETITION_LIMIT) {
      this.#counts[place] = count;
      return false;
    }
    this.#counts[place] = 0;
    return true;
  }
}
