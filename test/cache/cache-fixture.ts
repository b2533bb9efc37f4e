// A cache with its own time and counters, asked by name: what the tests of MessageCache share.
// Every other query, reply and answer is in memory that is taken by words, the others byte by byte:
// it is to make no difference.
import dnsPacket from 'dns-packet';
import { expect } from 'vitest';
import { WordBytes } from '../../src/base/word-bytes.ts';
import { CacheHit, type CacheOptions, Lookup, MessageCache } from '../../src/cache/message-cache.ts';
import { type Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../src/wire/response.ts';
import { textToName } from '../../src/wire/text.ts';
import { asWords } from '../kit/as-words.ts';
import { answerTo, cacheOptions, queryFor, TYPE_A } from './messages.ts';

const LOOKUP_NAMES = Object.keys(Lookup) as (keyof typeof Lookup)[];

/** What a question is asked with, besides its name. */
export interface Asking {
  type?: number;
  partition?: number;
  /** Header flags; RD alone by default. */
  flags?: number;
  /** With an OPT that has DO. */
  dnssecOk?: boolean;
  /** Of a failure: why it was one, and whether no upstream could be asked. */
  ede?: number;
  isOutage?: boolean;
  /** Of an answer: which upstream gave it. */
  answererSlot?: number;
}

/** The query with an OPT record: 1232 bytes, DO. */
function withDo(query: Uint8Array): Uint8Array {
  const whole = Uint8Array.of(...query, 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0);
  whole[11] = 1;
  return whole;
}

/** A cache under test. Failures and answers are given and asked for by name. */
export class CacheFixture {
  /** The time, ms. Changed by hand alone. */
  nowMs = 1_000_000;
  readonly counters = new Counters(createCounterBlock());
  readonly cache: MessageCache;
  /** What the last look-up found. */
  readonly hit = new CacheHit();
  readonly #q = new ParsedQuery();
  readonly #scanned = new ScannedResponse();
  #turn = 0;

  constructor(changes: Partial<CacheOptions> = {}) {
    this.cache = new MessageCache(cacheOptions(changes), this.counters);
  }

  /** Stores a reply as the pipeline does: scanned, OPT stripped. */
  store(name: string, parts: Parameters<typeof answerTo>[1] = {}, asking: Asking = {}): void {
    this.storeReply(name, answerTo(queryFor(name, asking.type), parts), asking);
  }

  /** Stores these bytes as the reply to the question for a name. */
  storeReply(name: string, reply: Uint8Array, asking: Asking = {}): void {
    const query = this.#parse(name, asking);
    const taken = this.#takesWords() ? asWords(reply) : reply;
    expect(scanResponse(taken, taken.length, this.#scanned)).toBe(ScanVerdict.ok);
    stripOpt(taken, taken.length, this.#scanned);
    const { partition = 0, answererSlot } = asking;
    const question = { ...this.#q, query, ...(answererSlot === undefined ? {} : { answererSlot }) };
    this.cache.store(question, partition, taken, this.#scanned, this.nowMs);
    reply.set(taken);
  }

  storeFailure(name: string, rcode = 2, asking: Asking = {}): void {
    const query = this.#parse(name, asking);
    this.cache.storeFailure(
      { ...this.#q, query },
      asking.partition ?? 0,
      { rcode, ede: asking.ede ?? -1, isOutage: asking.isOutage ?? false },
      this.nowMs,
    );
  }

  /** What a look-up says, by its name. */
  lookup(name: string, asking: Asking = {}): keyof typeof Lookup {
    const query = this.#parse(name, asking);
    const outcome = this.cache.lookup(query, this.#q, asking.partition ?? 0, this.nowMs, this.hit);
    return LOOKUP_NAMES.find((key) => Lookup[key] === outcome)!;
  }

  /** The same in the zone example.com, where a denied name ends the names below it. */
  lookupCut(name: string, asking: Asking = {}): keyof typeof Lookup {
    const query = this.#parse(name, asking);
    const zone = { partition: asking.partition ?? 0, wireSuffix: textToName('example.com') };
    const outcome = this.cache.lookupCut(query, this.#q, zone, this.nowMs, this.hit);
    return LOOKUP_NAMES.find((key) => Lookup[key] === outcome)!;
  }

  forgetDenialsAbove(name: string): void {
    const query = this.#parse(name, {});
    this.cache.forgetDenialsAbove(
      { ...this.#q, query },
      { partition: 0, wireSuffix: textToName('example.com') },
    );
  }

  findUsable(name: string, asking: Asking = {}): keyof typeof Lookup {
    const query = this.#parse(name, asking);
    const outcome = this.cache.findUsable(query, this.#q, asking.partition ?? 0, this.nowMs, this.hit);
    return LOOKUP_NAMES.find((key) => Lookup[key] === outcome)!;
  }

  /** What the cache tells people of the names above one. */
  peekCut(name: string, asking: Asking = {}): ReturnType<MessageCache['peekCut']> {
    const query = this.#parse(name, asking);
    const zone = { partition: asking.partition ?? 0, wireSuffix: textToName('example.com') };
    return this.cache.peekCut(query, this.#q, zone, this.nowMs);
  }

  /** What the cache tells people of a question. */
  peek(name: string, asking: Asking = {}): ReturnType<MessageCache['peek']> {
    return this.cache.peek(this.#parse(name, asking), this.#q, asking.partition ?? 0, this.nowMs);
  }

  /** The message that the last look-up found. */
  copy(
    out: Uint8Array = this.#takesWords() ? WordBytes.ofLength(65_536) : new Uint8Array(65_536),
  ): Uint8Array {
    const length = this.cache.copy(this.hit, out, this.nowMs);
    expect(length).toBeGreaterThanOrEqual(12);
    return out.subarray(0, length);
  }

  /**
   * Looks up, expects that outcome, and returns the answer section's TTLs (the authority section's
   * where it is empty).
   */
  ttls(name: string, outcome: keyof typeof Lookup = 'fresh', asking: Asking = {}): number[] {
    expect(this.lookup(name, asking)).toBe(outcome);
    const message = dnsPacket.decode(Buffer.from(this.copy()));
    const records = message.answers?.length ? message.answers : (message.authorities ?? []);
    return records.map((record) => ('ttl' in record ? (record.ttl ?? -1) : -1));
  }

  advanceSeconds(seconds: number): void {
    this.nowMs += seconds * 1000;
  }

  count(counter: Counter): number {
    return this.counters.values[counter]!;
  }

  #parse(name: string, asking: Asking): Uint8Array {
    const bare = queryFor(name, asking.type ?? TYPE_A, asking.flags);
    const query = asking.dnssecOk === true ? withDo(bare) : bare;
    expect(parseQuery(query, query.length, this.#q)).toBe(QueryVerdict.ok);
    return this.#takesWords() ? asWords(query) : query;
  }

  /**
   * By a sequence without a short period, so that no order of calls has all its queries of one kind
   * and all replies of the other.
   */
  #takesWords(): boolean {
    this.#turn = (Math.imul(this.#turn, 1_103_515_245) + 12_345) | 0;
    return (this.#turn & 0x10000) !== 0;
  }
}
