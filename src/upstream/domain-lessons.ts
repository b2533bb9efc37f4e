// What one thread knows of how a server treats the marks of queries for one domain: those it was
// seen to take, and those it stumbled over. A domain's owner decides what a resolver answers for
// it, so such a lesson never leaves that domain; for all names something is learned only in
// server-lessons.ts. Used for every query to an upstream, so it is a single table look-up.
//
// The table is direct-mapped: a domain that is replaced is learned again, which costs one more
// message for one question.
import { avalanche } from '../wire/name-hash.ts';
import { LESSON_SECONDS, Mark } from './marks.ts';

const ENTRIES = 4096;
const ENTRY_WORDS = 7;
const KEY = 0;
/** Marks given up, and until when, s. */
const LEARNED = 1;
const LEARNED_UNTIL = 2;
/** Marks that a good answer came with, and until when that counts, s. */
const PROVEN = 3;
const PROVEN_UNTIL = 4;
/** Answers in a row that came only without a mark, after silence with it. */
const AFTER_SILENCE = 5;
/** What may be sent after silence: Repeat. */
const REPEAT = 6;

/** This many show that the cause is not loss of datagrams. */
const ENOUGH_AFTER_SILENCE = 3;
/**
 * Checks of doubtful answers (NXDOMAIN, SERVFAIL …) that one client has for one domain; each second
 * adds one.
 */
const DOMAIN_CHECKS = 10;
/** Checks in a second, of all clients: a flood of bad names costs no more than this. */
const CHECKS_PER_SECOND = 100;
/** Counts of checks by client and domain, a power of two. Those that collide share their checks. */
const CHECK_ENTRIES = 4096;

/** What a question was last answered with after silence. */
const Repeat = { unknown: 0, plain: 1, trying: 2, edns: 3, plainOnly: 4 } as const;

export class DomainLessons {
  readonly #words = new Int32Array(ENTRIES * ENTRY_WORDS);
  /** By client and domain: checks spent in the low 8 bits, and the second of the last one. */
  readonly #spent = new Int32Array(CHECK_ENTRIES);
  /** By client: checks in this second, at most CHECKS_PER_SECOND entries. */
  readonly #byClient = new Map<number, number>();
  #checksLeft = CHECKS_PER_SECOND;
  #checkSecond = 0;

  /** The marks to leave off for a domain at a server. `key`: see keyOf(). */
  learned(key: number, nowMs: number): number {
    const at = offsetOf(key);
    const words = this.#words;
    if (words[at + KEY] !== key || nowMs >= words[at + LEARNED_UNTIL]! * 1000) return 0;
    return words[at + LEARNED]!;
  }

  /** The marks that the server was seen to take for a domain. */
  proven(key: number, nowMs: number): number {
    const at = offsetOf(key);
    const words = this.#words;
    if (words[at + KEY] !== key || nowMs >= words[at + PROVEN_UNTIL]! * 1000) return 0;
    return words[at + PROVEN]!;
  }

  /** A good answer came to a message with these marks. */
  prove(key: number, marks: number, nowMs: number): void {
    if (marks === 0) return;
    const at = this.#entry(key);
    const words = this.#words;
    if (nowMs >= words[at + PROVEN_UNTIL]! * 1000) words[at + PROVEN] = 0;
    words[at + PROVEN]! |= marks;
    words[at + PROVEN_UNTIL] = secondOf(nowMs) + LESSON_SECONDS;
    if ((marks & Mark.options) !== 0) {
      words[at + AFTER_SILENCE] = 0;
      words[at + REPEAT] = Repeat.unknown;
    }
  }

  /** The server stumbled over these marks, and not without them. Returns whether that is news. */
  learn(key: number, marks: number, nowMs: number): boolean {
    const at = this.#entry(key);
    const words = this.#words;
    if (nowMs >= words[at + LEARNED_UNTIL]! * 1000) words[at + LEARNED] = 0;
    const isNews = (marks & ~words[at + LEARNED]!) !== 0;
    if (!isNews) return false;
    words[at + LEARNED]! |= marks;
    words[at + LEARNED_UNTIL] = secondOf(nowMs) + LESSON_SECONDS;
    words[at + PROVEN]! &= ~marks;
    return true;
  }

  /**
   * The marks for a message after silence: those that the server is known to take, so that one
   * question finds out whether any is in the way. Which one, the next questions find out: they try
   * EDNS without options, one at a time, as only EDNS brings DNSSEC.
   */
  marksAfterSilence(key: number, knowsEdns: boolean, wantsDnssec: boolean, nowMs: number): number {
    const proven = this.proven(key, nowMs);
    if ((proven & Mark.options) !== 0) return proven | Mark.edns;
    const letters = proven & Mark.case;
    if (knowsEdns || (proven & Mark.edns) !== 0) return letters | Mark.edns;
    switch (this.#repeatOf(key)) {
      case Repeat.edns:
      case Repeat.plain:
        return letters | Mark.edns;
      case Repeat.trying:
      case Repeat.plainOnly:
        return letters;
      default:
        return wantsDnssec ? letters | Mark.edns : letters;
    }
  }

  /** A datagram leaves after silence: one at a time tries EDNS again. */
  sentAfterSilence(key: number, knowsEdns: boolean, nowMs: number): void {
    if (knowsEdns || (this.proven(key, nowMs) & (Mark.options | Mark.edns)) !== 0) return;
    if (this.#repeatOf(key) === Repeat.plain) this.#words[offsetOf(key) + REPEAT] = Repeat.trying;
  }

  /**
   * Whether a question without OPT was answered for this domain after silence: a last try goes that
   * way.
   */
  isPlainAnswered(key: number): boolean {
    const repeat = this.#repeatOf(key);
    return repeat !== Repeat.unknown && repeat !== Repeat.edns;
  }

  /** A message with these marks, after silence, met with silence too. */
  silentAgain(key: number, marks: number): void {
    const at = this.#entry(key);
    const words = this.#words;
    if ((marks & Mark.edns) !== 0 && words[at + REPEAT] === Repeat.trying)
      words[at + REPEAT] = Repeat.plainOnly;
  }

  /**
   * A message with these marks was answered after one with `silentMarks` was not. Once may be a
   * lost datagram: returns the marks to give up when it has happened often enough, 0 before.
   */
  answeredAfterSilence(key: number, marks: number, silentMarks: number): number {
    const at = this.#entry(key);
    const words = this.#words;
    if ((marks & Mark.edns) !== 0) words[at + REPEAT] = Repeat.edns;
    else if (words[at + REPEAT] === Repeat.unknown) words[at + REPEAT] = Repeat.plain;
    const missing = silentMarks & ~marks;
    if (missing === 0 || ++words[at + AFTER_SILENCE]! < ENOUGH_AFTER_SILENCE) return 0;
    words[at + AFTER_SILENCE] = 0;
    // One at a time: with the rest in force again, the next silence shows whether it was not this
    // one.
    if ((missing & Mark.options) !== 0) {
      return words[at + REPEAT] === Repeat.plainOnly ? Mark.options | Mark.edns : Mark.options;
    }
    return (missing & Mark.edns) !== 0 ? Mark.edns : Mark.case;
  }

  /**
   * Whether a doubtful answer may be checked by one more message for a client. Bounded by client
   * and domain, and by second: of a second no client gets more than it leaves to others, so that
   * bad names of one do not use up what another needs.
   */
  mayCheck(key: number, clientHash: number, nowMs: number): boolean {
    const second = this.#beginSecond(nowMs);
    if ((this.#byClient.get(clientHash) ?? 0) >= this.#checksLeft) return false;
    return this.#domainChecks(avalanche(clientHash, key), second) > 0;
  }

  /** Such a check is sent; mayCheck() has said that it may be. */
  spendCheck(key: number, clientHash: number, nowMs: number): void {
    const second = this.#beginSecond(nowMs);
    const hash = avalanche(clientHash, key);
    const left = this.#domainChecks(hash, second);
    this.#checksLeft--;
    this.#byClient.set(clientHash, (this.#byClient.get(clientHash) ?? 0) + 1);
    this.#spent[hash & (CHECK_ENTRIES - 1)] = (second << 8) | (DOMAIN_CHECKS - left + 1);
  }

  /** Checks that are left to a client for a domain; `hash` is that of both. */
  #domainChecks(hash: number, second: number): number {
    const word = this.#spent[hash & (CHECK_ENTRIES - 1)]!;
    const elapsed = (second - (word >> 8)) & 0x7f_ffff;
    return Math.min(DOMAIN_CHECKS, DOMAIN_CHECKS - (word & 0xff) + elapsed);
  }

  /** The second that it is; the checks in all begin again with each. */
  #beginSecond(nowMs: number): number {
    const second = secondOf(nowMs);
    if (second !== this.#checkSecond) {
      this.#checkSecond = second;
      this.#checksLeft = CHECKS_PER_SECOND;
      this.#byClient.clear();
    }
    return second;
  }

  #repeatOf(key: number): number {
    const at = offsetOf(key);
    return this.#words[at + KEY] === key ? this.#words[at + REPEAT]! : Repeat.unknown;
  }

  /** The entry of a key, cleared if another one had it. */
  #entry(key: number): number {
    const at = offsetOf(key);
    const words = this.#words;
    if (words[at + KEY] !== key) {
      words.fill(0, at, at + ENTRY_WORDS);
      words[at + KEY] = key;
    }
    return at;
  }
}

/**
 * The key of a domain at a server; `partition` changes when a zone's servers do, so that a new one
 * in a slot starts afresh.
 */
export function lessonKey(domainHash: number, slot: number, partition: number): number {
  // Never 0, the key of an empty entry.
  return avalanche(domainHash + Math.imul(partition, 0x9e3779b1), slot) | 1;
}

function offsetOf(key: number): number {
  return ((key >>> 1) & (ENTRIES - 1)) * ENTRY_WORDS;
}

function secondOf(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}
