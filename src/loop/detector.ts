// Checks each incoming query for evidence that we sent it ourselves, and adds that evidence to
// outgoing queries. One per worker; the pipeline calls check() right after parsing and markSent()
// for each query to an upstream.
import type { Clock } from '../base/clock.ts';
import { readUint16 } from '../wire/bytes.ts';
import { OPTION_HEADER_LENGTH } from '../wire/edns.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { ParsedQuery } from '../wire/query.ts';
import { CasePattern } from './case-pattern.ts';
import { Evidence } from './evidence.ts';
import { KeyRing, type LoopKeyMaterial } from './keys.ts';
import { PROBE_QTYPE, ProbeReader, ProbeVerdict } from './probe.ts';
import type { SentQuestions } from './sent-questions.ts';
import { TAG_LENGTH, TAG_OPTION, TagReader, TagVerdict } from './tag.ts';

// What else the pipeline needs.
export { Evidence } from './evidence.ts';
export { FILLED_TAG_OFFSET, MAX_FILLER_LENGTH, TAG_LENGTH, TAG_OPTION } from './tag.ts';

/** What to do with a query. */
export const LoopVerdict = {
  /** There is no evidence of a loop. */
  pass: 0,
  /** Handle it like any other, and have `routeSlot` probed (−1: every route of its zone). */
  suspect: 1,
  /**
   * It is ours: SERVFAIL with EDE 14, neither cached nor coalesced. `certain` says whether this is
   * enough to quarantine the route.
   */
  loop: 2,
  /** It passed too many hops: the same answer; no route of ours is known to be the cause. */
  tooManyHops: 3,
} as const;
export type LoopVerdict = (typeof LoopVerdict)[keyof typeof LoopVerdict];

/**
 * With fewer letters than this, our pattern proves no more than the question itself: if a client
 * draws case at random, every 1024th query has ten of them right.
 */
export const SUSPECT_LETTERS = 16;
/**
 * Tags of others that are forwarded after our own. If there are more, the last ones, which came
 * furthest, are dropped. A client may write as many as it likes: their number never counts against
 * the query, and one more hop finds room for its own.
 */
export const MAX_CARRIED_TAGS = 3;

/**
 * Own tags of one batch that are compared with what was sent: a few prove the loop. The rest of a
 * storm needs only its answer, which must cost less than one from the cache.
 */
const MAX_TIED_PER_INSTANT = 8;

export interface DetectorOptions {
  readonly material: LoopKeyMaterial;
  readonly clock: Clock;
  /** The table of all workers; the main thread creates it. */
  readonly sentQuestions: SentQuestions;
  /** config.loop.maxHops. */
  readonly maxHops: number;
  readonly wallNowMs?: () => number;
}

export class LoopDetector {
  // Results of the last check(). Valid until the next.
  /**
   * How the query was recognized; meaningful with the verdicts suspect, loop and tooManyHops.
   */
  evidence: Evidence = Evidence.edns;
  /** Our route by which the query left; −1 if unknown or another replica's. */
  routeSlot = -1;
  /** Proof: authentic, ours, by one of our routes, and sent moments ago. */
  certain = false;
  /**
   * The query is another replica's probe: the answer is writeProbeProof()'s instead of SERVFAIL.
   */
  wantsProof = false;
  /** With evidence probe: which. */
  probeNonce = 0;
  /** HOPS for the tag of the query that we send for this one. */
  hops = 0;
  /**
   * Tags of others to append to that query: `carriedCount` of TAG_LENGTH bytes each, at
   * carriedOffsets in the incoming query.
   */
  carriedCount = 0;
  readonly carriedOffsets = new Int32Array(MAX_CARRIED_TAGS);

  /** Own tags that were compared with what was sent, at this reading of the clock. */
  #tied = 0;
  #tiedAtMs = -1;

  readonly keys: KeyRing;
  readonly tags: TagReader;
  readonly probes: ProbeReader;
  readonly sent: SentQuestions;
  readonly #clock: Clock;
  readonly #pattern: CasePattern;
  readonly #maxHops: number;

  constructor(options: DetectorOptions) {
    const nowMs = options.clock.nowMs;
    this.#clock = options.clock;
    this.sent = options.sentQuestions;
    this.#maxHops = options.maxHops;
    this.keys = new KeyRing(options.material, nowMs, options.wallNowMs);
    this.tags = new TagReader(this.keys, nowMs);
    this.probes = new ProbeReader(this.keys, nowMs);
    this.#pattern = new CasePattern(this.keys);
  }

  /**
   * The option data of the tag for a query that leaves by a route, to TAG_OPTION: see
   * TagReader.tagFor().
   */
  tagFor(routeSlot: number, hops: number): Uint8Array {
    this.keys.advance(this.#clock.nowMs);
    return this.tags.tagFor(routeSlot, hops);
  }

  /**
   * Notes that a query leaves by a route, and (withCase) gives its QNAME at byte 12 our case
   * pattern. Every query to an upstream passes here, tagged or not: a query that was not noted
   * cannot be proof when it comes back. `sent` then says whether the question was already in
   * flight.
   */
  markSent(
    message: Uint8Array,
    qnameLength: number,
    qtype: number,
    routeSlot: number,
    withCase: boolean,
  ): void {
    const nowMs = this.#clock.nowMs;
    this.keys.advance(nowMs);
    if (withCase) this.#pattern.apply(message, HEADER_LENGTH, qnameLength, qtype);
    else this.#pattern.identify(message, HEADER_LENGTH, qnameLength, qtype);
    this.sent.add(this.#pattern.hash, routeSlot, nowMs);
  }

  /**
   * For the question that markSent() noted last: the key for setAnswered() and isUnanswered() in
   * `sent`.
   */
  get sentMark(): number {
    return this.#pattern.hash[0]!;
  }

  /**
   * Judges a query. One without options, without upper-case letters and not of type HINFO can carry
   * no evidence and costs three comparisons.
   */
  check(bytes: Uint8Array, q: ParsedQuery): LoopVerdict {
    this.hops = 0;
    this.carriedCount = 0;
    if (q.optionsLength === 0 && !q.hasUpperCase && q.qtype !== PROBE_QTYPE) return LoopVerdict.pass;
    return this.#examine(bytes, q);
  }

  #examine(bytes: Uint8Array, q: ParsedQuery): LoopVerdict {
    const nowMs = this.#clock.nowMs;
    this.keys.advance(nowMs);
    this.routeSlot = -1;
    this.certain = false;
    this.wantsProof = false;
    let verdict: LoopVerdict = LoopVerdict.pass;
    if (q.optionsLength !== 0) verdict = this.#checkOptions(bytes, q, nowMs);
    if (verdict === LoopVerdict.pass && q.qtype === PROBE_QTYPE) verdict = this.#checkProbe(bytes, q, nowMs);
    if (verdict === LoopVerdict.pass && q.hasUpperCase) verdict = this.#checkCase(bytes, q, nowMs);
    return verdict;
  }

  /**
   * Walks the options: bytes of code, length and data one after the other; an invalid one ends the
   * walk.
   */
  #checkOptions(bytes: Uint8Array, q: ParsedQuery, nowMs: number): LoopVerdict {
    const end = q.optionsOffset + q.optionsLength;
    let hops = 0;
    let others = 0;
    let ringSeen = false;
    for (let at = q.optionsOffset; at + OPTION_HEADER_LENGTH <= end; ) {
      const code = readUint16(bytes, at);
      const length = readUint16(bytes, at + 2);
      const dataOffset = at + OPTION_HEADER_LENGTH;
      at = dataOffset + length;
      if (code !== TAG_OPTION || at > end) continue;
      const tag = this.tags.read(bytes, dataOffset, length, nowMs);
      if (tag === TagVerdict.none) continue;
      if (tag === TagVerdict.own) return this.#ownTagSeen(bytes, q, nowMs);
      if (tag === TagVerdict.ring) ringSeen = true;
      if (tag === TagVerdict.hop && this.tags.hops + 1 > hops) hops = this.tags.hops + 1;
      if (others < MAX_CARRIED_TAGS) this.carriedOffsets[others] = at - TAG_LENGTH;
      others++;
    }
    if (others === 0) return LoopVerdict.pass;
    this.evidence = Evidence.edns;
    if (ringSeen) return LoopVerdict.loop;
    this.hops = hops;
    this.carriedCount = Math.min(others, MAX_CARRIED_TAGS);
    if (hops <= this.#maxHops) return LoopVerdict.pass;
    this.evidence = Evidence.hops;
    return LoopVerdict.tooManyHops;
  }

  /**
   * The tag is ours. If the question left by the tag's route moments ago, it is a loop and not a
   * tag that somebody copied.
   */
  #ownTagSeen(bytes: Uint8Array, q: ParsedQuery, nowMs: number): LoopVerdict {
    this.evidence = Evidence.edns;
    this.routeSlot = this.tags.routeSlot;
    if (nowMs !== this.#tiedAtMs) {
      this.#tiedAtMs = nowMs;
      this.#tied = 0;
    }
    if (this.#tied++ >= MAX_TIED_PER_INSTANT) return LoopVerdict.loop;
    this.#pattern.identify(bytes, HEADER_LENGTH, q.qnameLength, q.qtype);
    this.certain = this.sent.has(this.#pattern.hash, this.routeSlot, nowMs);
    return LoopVerdict.loop;
  }

  #checkProbe(bytes: Uint8Array, q: ParsedQuery, nowMs: number): LoopVerdict {
    const probe = this.probes.read(bytes, q, nowMs);
    if (probe === ProbeVerdict.none) return LoopVerdict.pass;
    this.evidence = Evidence.probe;
    this.probeNonce = this.probes.nonce;
    if (probe === ProbeVerdict.own) {
      this.routeSlot = this.probes.routeSlot;
      this.certain = true;
    } else {
      this.wantsProof = true;
    }
    return LoopVerdict.loop;
  }

  /**
   * Never proof: somebody may have seen the pattern in an answer. A probe finds out.
   */
  #checkCase(bytes: Uint8Array, q: ParsedQuery, nowMs: number): LoopVerdict {
    const letters = this.#pattern.match(bytes, HEADER_LENGTH, q.qnameLength, q.qtype);
    if (letters < SUSPECT_LETTERS) return LoopVerdict.pass;
    this.evidence = Evidence.case;
    this.routeSlot = Math.max(-1, this.sent.findRoute(this.#pattern.hash, nowMs));
    return LoopVerdict.suspect;
  }
}
