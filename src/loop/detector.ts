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
import { type LoopFinding, LoopVerdict, MAX_FORWARDED_TAGS } from './finding.ts';
import { KeyRing, type LoopKeyMaterial } from './keys.ts';
import { PROBE_QTYPE, ProbeReader, ProbeVerdict, ReadProbe } from './probe.ts';
import type { SentNote, SentQuestions } from './sent-questions.ts';
import { ReadTag, TAG_LENGTH, TAG_OPTION, TagReader, TagVerdict } from './tag.ts';

// What else the pipeline needs.
export { Evidence } from './evidence.ts';
export { LoopFinding, LoopVerdict, MAX_FORWARDED_TAGS } from './finding.ts';
export { FILLED_TAG_OFFSET, MAX_FILLER_LENGTH, TAG_LENGTH, TAG_OPTION } from './tag.ts';

/**
 * Letters that must be in our pattern before it counts as evidence: fewer can be so by accident. Of
 * clients that draw case at random, every 1024th query has ten of them right.
 */
export const SUSPECT_LETTERS = 16;
/** What identifies a question, beside its QNAME at byte 12 of the message. */
export interface QuestionShape {
  readonly qnameLength: number;
  readonly qtype: number;
}

/**
 * Own tags of one batch that are looked up in `sent`: a few prove the loop. The rest of a storm is
 * only answered, which must cost less than an answer from the cache.
 */
const MAX_LOOKED_UP = 8;

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
  /** Own tags that were looked up in `sent` at this reading of the clock: in this batch. */
  #lookedUp = 0;
  #lookedUpAtMs = -1;

  readonly keys: KeyRing;
  readonly tags: TagReader;
  readonly probes: ProbeReader;
  readonly sent: SentQuestions;
  readonly #clock: Clock;
  readonly #pattern: CasePattern;
  readonly #maxHops: number;
  readonly #tag = new ReadTag();
  readonly #probe = new ReadProbe();

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
   * cannot be proof when it comes back. `note` then says whether the question was already in
   * flight.
   */
  markSent(
    message: Uint8Array,
    { qnameLength, qtype }: QuestionShape,
    routeSlot: number,
    withCase: boolean,
    note: SentNote,
  ): void {
    const nowMs = this.#clock.nowMs;
    this.keys.advance(nowMs);
    if (withCase) this.#pattern.apply(message, HEADER_LENGTH, qnameLength, qtype);
    else this.#pattern.identify(message, HEADER_LENGTH, qnameLength, qtype);
    this.sent.add(this.#pattern.hash, routeSlot, nowMs, note);
  }

  /**
   * Judges a query. One without options, without upper-case letters and not of type HINFO can carry
   * no evidence and costs three comparisons.
   */
  check(bytes: Uint8Array, q: ParsedQuery, found: LoopFinding): LoopVerdict {
    found.hops = 0;
    found.forwardedCount = 0;
    if (q.optionsLength === 0 && !q.hasUpperCase && q.qtype !== PROBE_QTYPE) return LoopVerdict.pass;
    return this.#examine(bytes, q, found);
  }

  #examine(bytes: Uint8Array, q: ParsedQuery, found: LoopFinding): LoopVerdict {
    const nowMs = this.#clock.nowMs;
    this.keys.advance(nowMs);
    found.routeSlot = -1;
    found.certain = false;
    found.wantsProof = false;
    let verdict: LoopVerdict = LoopVerdict.pass;
    if (q.optionsLength !== 0) verdict = this.#checkOptions(bytes, q, nowMs, found);
    if (verdict === LoopVerdict.pass && q.qtype === PROBE_QTYPE)
      verdict = this.#checkProbe(bytes, q, nowMs, found);
    if (verdict === LoopVerdict.pass && q.hasUpperCase) verdict = this.#checkCase(bytes, q, nowMs, found);
    return verdict;
  }

  /**
   * Walks the options: bytes of code, length and data one after the other; an invalid one ends the
   * walk.
   */
  #checkOptions(bytes: Uint8Array, q: ParsedQuery, nowMs: number, found: LoopFinding): LoopVerdict {
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
      const tag = this.tags.read(bytes, dataOffset, length, nowMs, this.#tag);
      if (tag === TagVerdict.none) continue;
      if (tag === TagVerdict.own) return this.#ownTagSeen(bytes, q, nowMs, found);
      if (tag === TagVerdict.ring) ringSeen = true;
      if (tag === TagVerdict.hop && this.#tag.hops + 1 > hops) hops = this.#tag.hops + 1;
      if (others < MAX_FORWARDED_TAGS) found.forwardedOffsets[others] = at - TAG_LENGTH;
      others++;
    }
    if (others === 0) return LoopVerdict.pass;
    found.evidence = Evidence.edns;
    if (ringSeen) return LoopVerdict.loop;
    found.hops = hops;
    found.forwardedCount = Math.min(others, MAX_FORWARDED_TAGS);
    if (hops <= this.#maxHops) return LoopVerdict.pass;
    found.evidence = Evidence.hops;
    return LoopVerdict.tooManyHops;
  }

  /**
   * The tag is ours. If the question left by the tag's route moments ago, it is a loop and not a
   * tag that somebody copied.
   */
  #ownTagSeen(bytes: Uint8Array, q: ParsedQuery, nowMs: number, found: LoopFinding): LoopVerdict {
    found.evidence = Evidence.edns;
    found.routeSlot = this.#tag.routeSlot;
    if (nowMs !== this.#lookedUpAtMs) {
      this.#lookedUpAtMs = nowMs;
      this.#lookedUp = 0;
    }
    if (this.#lookedUp++ >= MAX_LOOKED_UP) return LoopVerdict.loop;
    this.#pattern.identify(bytes, HEADER_LENGTH, q.qnameLength, q.qtype);
    found.certain = this.sent.has(this.#pattern.hash, found.routeSlot, nowMs);
    return LoopVerdict.loop;
  }

  #checkProbe(bytes: Uint8Array, q: ParsedQuery, nowMs: number, found: LoopFinding): LoopVerdict {
    const probe = this.probes.read(bytes, q, nowMs, this.#probe);
    if (probe === ProbeVerdict.none) return LoopVerdict.pass;
    found.evidence = Evidence.probe;
    found.probeNonce = this.#probe.nonce;
    if (probe === ProbeVerdict.own) {
      found.routeSlot = this.#probe.routeSlot;
      found.certain = true;
    } else {
      found.wantsProof = true;
    }
    return LoopVerdict.loop;
  }

  /**
   * Never proof: somebody may have seen the pattern in an answer. A probe finds out.
   */
  #checkCase(bytes: Uint8Array, q: ParsedQuery, nowMs: number, found: LoopFinding): LoopVerdict {
    const letters = this.#pattern.match(bytes, HEADER_LENGTH, q.qnameLength, q.qtype);
    if (letters < SUSPECT_LETTERS) return LoopVerdict.pass;
    found.evidence = Evidence.case;
    found.routeSlot = Math.max(-1, this.sent.findRoute(this.#pattern.hash, nowMs));
    return LoopVerdict.suspect;
  }
}
