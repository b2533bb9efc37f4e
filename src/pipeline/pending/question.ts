// The question of a flight, as the first client asked it: its bytes, its numbers, and the tags of
// earlier hops that go along with its first message.
import { copyBytes, WordBytes } from '../../base/word-bytes.ts';
import { type LoopFinding, MAX_FORWARDED_TAGS, TAG_LENGTH } from '../../loop/detector.ts';
import { domainHash, domainLabel } from '../../wire/domain.ts';
import { HEADER_LENGTH } from '../../wire/header.ts';
import { MAX_NAME_LENGTH } from '../../wire/query.ts';
import type { ClientQuery } from '../client-query.ts';

/** Header, longest QNAME, QTYPE, QCLASS. */
export const QUERY_BYTES = HEADER_LENGTH + MAX_NAME_LENGTH + 4;

/** Has the fields of ParsedQuery that cache, coalescing and wire/ need. */
export class Question {
  /**
   * Header and question as the first client sent them (an opaque query: the whole message, in a
   * buffer of its own).
   */
  query: Uint8Array = WordBytes.ofLength(QUERY_BYTES);
  queryLength = 0;
  opaque = false;
  // The question's numbers, as in ParsedQuery: the key for cache and coalescing.
  flags = 0;
  qnameLength = 0;
  questionEnd = 0;
  qtype = 0;
  qclass = 0;
  keyHash = 0;
  keyFlags = 0;
  nameHash = 0;
  dnssecOk = false;
  hasUpperCase = false;
  /** The part of QNAME that identifies its owner (wire/domain.ts): its start, and its hash. */
  domainOffset = 0;
  domainHash = 0;
  /** Hops of our own kind that this query passed before us (loop/tag.ts). */
  hops = 0;
  /**
   * Tags of those hops, TAG_LENGTH bytes each, which go along with the first message; null as long
   * as there were none.
   */
  forwardedTags: Uint8Array | null = null;
  forwardedCount = 0;

  /** Copies a query's question; an opaque query is copied whole. */
  protected setQuestion({ message, length, parsed: q }: ClientQuery): void {
    this.opaque = q.opaque;
    this.queryLength = q.opaque ? length : q.questionEnd;
    if (this.queryLength > this.query.length) this.query = WordBytes.ofLength(this.queryLength);
    copyBytes(message, 0, this.query, 0, this.queryLength);
    this.flags = q.flags;
    this.qnameLength = q.qnameLength;
    this.questionEnd = q.questionEnd;
    this.qtype = q.qtype;
    this.qclass = q.qclass;
    this.keyHash = q.keyHash;
    this.keyFlags = q.keyFlags;
    this.nameHash = q.nameHash;
    this.dnssecOk = q.dnssecOk;
    this.hasUpperCase = q.hasUpperCase;
    const firstLabel = domainLabel(message, q);
    this.domainOffset = q.labelOffsets[firstLabel]!;
    this.domainHash = domainHash(message, q, firstLabel);
    this.hops = 0;
    this.forwardedCount = 0;
  }

  /** A message that is kept whole may be 64 KiB long. */
  protected releaseQuestion(): void {
    if (this.opaque) this.query = WordBytes.ofLength(QUERY_BYTES);
  }

  /** Copies the tags of earlier hops from the query that starts this flight. */
  forwardTags({ message }: ClientQuery, finding: LoopFinding): void {
    this.hops = finding.hops;
    this.forwardedCount = finding.forwardedCount;
    if (this.forwardedCount === 0) return;
    this.forwardedTags ??= new Uint8Array(MAX_FORWARDED_TAGS * TAG_LENGTH);
    for (let i = 0; i < this.forwardedCount; i++) {
      copyBytes(message, finding.forwardedOffsets[i]!, this.forwardedTags, i * TAG_LENGTH, TAG_LENGTH);
    }
  }

  /** The tags of earlier hops go along with this question too. */
  takeTagsOf(other: Question): void {
    this.hops = other.hops;
    this.forwardedCount = other.forwardedCount;
    if (this.forwardedCount === 0) return;
    this.forwardedTags ??= new Uint8Array(MAX_FORWARDED_TAGS * TAG_LENGTH);
    this.forwardedTags.set(other.forwardedTags!);
  }

  /**
   * Whether a failure may be due to tags of earlier hops, and so to the client that started the
   * flight.
   */
  get carriesTags(): boolean {
    return this.forwardedCount !== 0 || this.hops !== 0;
  }

  /** From now on only the plain question is asked. */
  dropTags(): void {
    this.hops = 0;
    this.forwardedCount = 0;
  }
}
