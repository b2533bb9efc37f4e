// Builds the message of an attempt: the client's question in our case pattern, our own OPT, our
// loop tag. EDNS is hop by hop (RFC 6891 §6.2.6): of the client's OPT only DO is forwarded.
import type { Clock } from '../base/clock.ts';
import { copyBytes } from '../base/word-bytes.ts';
import {
  FILLED_TAG_OFFSET,
  type LoopDetector,
  MAX_FILLER_LENGTH,
  TAG_LENGTH,
  TAG_OPTION,
} from '../loop/detector.ts';
import { DomainLessons } from '../upstream/domain-lessons.ts';
import { Mark, withoutMarks } from '../upstream/marks.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { writeUpstreamQuery } from '../wire/build-query.ts';
import { endOptions, OPTION_HEADER_LENGTH, SERVER_UDP_SIZE, startOption, writeOpt } from '../wire/edns.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { FOLD } from '../wire/name.ts';
import type { Attempt } from './pending/attempt.ts';
import type { Flight } from './pending/flight.ts';

/** Bytes of an option with a tag but no filler. */
const TAGGED_OPTION_LENGTH = OPTION_HEADER_LENGTH + TAG_LENGTH;

/** Which queries carry marks: the configuration's loop.tag and loop.case. */
export interface MarkPolicy {
  readonly tag: 'auto' | 'always' | 'never';
  readonly case: boolean;
}

export class OutgoingQuery {
  policy: MarkPolicy;
  /** What this thread has learned about the upstreams, domain by domain. */
  readonly domains = new DomainLessons();
  readonly #detector: LoopDetector;
  readonly #state: SharedUpstreamState;
  readonly #clock: Clock;

  constructor(policy: MarkPolicy, detector: LoopDetector, state: SharedUpstreamState, clock: Clock) {
    this.policy = policy;
    this.#detector = detector;
    this.#state = state;
    this.#clock = clock;
  }

  /**
   * Builds the attempt's message. `marks` are the most that may be used; those that the upstream is
   * known not to accept are left out.
   */
  write(attempt: Attempt, flight: Flight, upstream: Upstream, marks: number): void {
    const learned = this.#state.learned(upstream.slot, this.#clock.nowMs);
    attempt.questionEnd = flight.questionEnd;
    attempt.matchCase = !flight.opaque && (learned & Mark.case) === 0 && !attempt.overStream;
    attempt.marks = 0;
    if (flight.opaque) {
      // Signed as it is: not a byte except the ID may change (RFC 5625 §4.5).
      attempt.bytes = flight.query;
      attempt.length = flight.queryLength;
      attempt.sent.clear();
      attempt.carriesTags = false;
      return;
    }
    // Tags of others may be a client's invention: they are forwarded once, and every further
    // message is the plain question.
    if (flight.attemptCount > 0) flight.dropTags();
    const wanted = withoutMarks(marks, learned | this.domains.learned(attempt.lessonKey, this.#clock.nowMs));
    const out = attempt.buffer;
    attempt.bytes = out;
    let length = writeUpstreamQuery(out, flight.query, flight);
    const routeSlot = flight.zone!.routeSlots[attempt.upstreamIndex]!;
    const withCase = (wanted & Mark.case) !== 0;
    if (this.#writeCase(attempt, flight, routeSlot, withCase)) attempt.marks |= Mark.case;
    if ((wanted & Mark.edns) !== 0) {
      const optOffset = length;
      length = writeOpt(out, length, SERVER_UDP_SIZE, 0, flight.dnssecOk);
      attempt.marks |= Mark.edns;
      if ((wanted & Mark.options) !== 0 && this.#isTagged(upstream)) {
        attempt.marks |= Mark.options;
        length = this.#appendTags(out, optOffset, length, flight, routeSlot);
      }
    }
    attempt.carriesTags = (attempt.marks & Mark.options) !== 0 && flight.carriesTags;
    attempt.length = length;
  }

  /**
   * Spells the question in our case pattern, as the client did, or in lower case; returns whether
   * it has upper-case letters.
   */
  #writeCase(attempt: Attempt, flight: Flight, routeSlot: number, withCase: boolean): boolean {
    const { buffer: out, sent } = attempt;
    const { qnameLength, hasUpperCase } = flight;
    const inPattern = withCase && this.policy.case;
    if (!withCase && hasUpperCase) {
      const nameEnd = HEADER_LENGTH + qnameLength;
      for (let at = HEADER_LENGTH; at < nameEnd; at++) out[at] = FOLD[out[at]!]!;
    }
    this.#detector.markSent(out, flight, routeSlot, inPattern, sent);
    return inPattern ? isMixed(out, qnameLength) : withCase && hasUpperCase;
  }

  /** A public resolver learns nothing about us unless the configuration says so. */
  #isTagged(upstream: Upstream): boolean {
    if (this.policy.tag === 'never') return false;
    return this.policy.tag === 'always' || !upstream.isPublic;
  }

  /**
   * Our tag, and those of the hops before us, so that each of them recognizes the query. Padded, so
   * that queries have few different lengths: the kernel takes those of one length together
   * (docs/adr/0009-sends-cut-by-the-kernel.md).
   */
  #appendTags(out: Uint8Array, optOffset: number, length: number, flight: Flight, routeSlot: number): number {
    const tag = this.#detector.tagFor(routeSlot, flight.hops);
    const fillerLength = -(length + TAGGED_OPTION_LENGTH * (1 + flight.forwardedCount)) & MAX_FILLER_LENGTH;
    const dataLength = fillerLength + TAG_LENGTH;
    let at = startOption(out, length, TAG_OPTION, dataLength);
    copyBytes(tag, FILLED_TAG_OFFSET - fillerLength, out, at, dataLength);
    at += dataLength;
    for (let i = 0; i < flight.forwardedCount; i++) {
      at = startOption(out, at, TAG_OPTION, TAG_LENGTH);
      copyBytes(flight.forwardedTags!, i * TAG_LENGTH, out, at, TAG_LENGTH);
      at += TAG_LENGTH;
    }
    return endOptions(out, optOffset, at);
  }
}

/** Whether QNAME has an upper-case letter. */
function isMixed(message: Uint8Array, qnameLength: number): boolean {
  const end = HEADER_LENGTH + qnameLength;
  for (let at = HEADER_LENGTH; at < end; at++) if (message[at] !== FOLD[message[at]!]) return true;
  return false;
}
