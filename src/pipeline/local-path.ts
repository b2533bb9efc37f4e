// What is answered here, without the cache and without an upstream: questions for the server
// itself, records of the configuration, special-use names, and type ANY. Called by the query path
// for each query; most end at a look at the class, two nulls and the last label.
import type { AnyAnswer } from '../local/any-answer.ts';
import type { IdentityAnswers } from '../local/identity-answers.ts';
import { isIdentityQuestion } from '../local/identity-question.ts';
import type { LocalRecords } from '../local/local-records.ts';
import { hasSpecialTop, SPECIAL_NAME_EDE, type SpecialNames } from '../local/special-names.ts';
import { Class, EdeCode, Rcode, Type } from '../wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../wire/ede.ts';
import type { Answers } from './answers.ts';
import type { ClientQuery } from './client-query.ts';
import type { Zone } from './zone.ts';

const NOT_TOLD = ede(EdeCode.notSupported);

/** What there is to answer from. Replaced as a whole when the configuration changes. */
export interface LocalData {
  /** null: questions for the server itself are refused. */
  readonly identity: IdentityAnswers | null;
  /** null: there are none. */
  readonly records: LocalRecords | null;
  /** null: special-use names are forwarded. */
  readonly special: SpecialNames | null;
  /** null: questions of type ANY are forwarded. */
  readonly any: AnyAnswer | null;
}

export class LocalPath {
  data: LocalData = { identity: null, records: null, special: null, any: null };
  readonly #answers: Answers;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  /**
   * Whether answer() has to look at a query at all: most end here. Called for each, so it is short
   * enough to be compiled into its caller.
   */
  looksAt({ message, parsed }: ClientQuery): boolean {
    const { records, any } = this.data;
    if (parsed.qclass !== Class.IN || records !== null || hasSpecialTop(message, parsed)) return true;
    return any !== null && parsed.qtype === Type.ANY;
  }

  /** Answers a query that is none of an upstream's business; false: it is one of an upstream's. */
  answer(query: ClientQuery, zone: Zone): boolean {
    const { message, parsed } = query;
    if (parsed.qclass !== Class.IN) return isIdentityQuestion(message, parsed) && this.#tellIdentity(query);
    if (parsed.opaque) return false;
    const { records, special } = this.data;
    if (records !== null) {
      const length = records.find(message, parsed);
      if (length > 0) return this.#made(query, records.message, length, NO_EDE);
    }
    if (special !== null && mayBeSpecial(query, zone)) {
      const length = special.find(message, parsed, zone.isPublic);
      if (length > 0) return this.#made(query, special.message, length, SPECIAL_NAME_EDE);
    }
    const { any } = this.data;
    return (
      any !== null && isPlainAny(query) && this.#made(query, any.message, any.make(message, parsed), NO_EDE)
    );
  }

  /** Whether it would answer a question of class IN: for the explanation of a query. */
  wouldAnswer(query: ClientQuery, zone: Zone): boolean {
    const { message, parsed } = query;
    const { records, special, any } = this.data;
    if (records?.has(message, parsed) || (any !== null && isPlainAny(query))) return true;
    return special !== null && mayBeSpecial(query, zone) && special.find(message, parsed, zone.isPublic) > 0;
  }

  /** A question about this server itself: never forwarded. REFUSED if it is not to be told. */
  #tellIdentity(query: ClientQuery): true {
    const answer = this.data.identity?.find(query.message, query.parsed) ?? null;
    if (answer !== null) return this.#made(query, answer, answer.length, NO_EDE);
    this.#answers.error(query, Rcode.REFUSED, NOT_TOLD);
    return true;
  }

  #made(query: ClientQuery, answer: Uint8Array, length: number, reason: Ede): true {
    this.#answers.prepared(query, answer, length, reason);
    return true;
  }
}

/** A configured zone takes its names back. */
function mayBeSpecial({ message, parsed }: ClientQuery, zone: Zone): boolean {
  return zone.suffix === '.' && hasSpecialTop(message, parsed);
}

/** With DO the record would have to be signed (RFC 8482 §4.2). */
function isPlainAny({ parsed }: ClientQuery): boolean {
  return parsed.qtype === Type.ANY && !parsed.dnssecOk;
}
