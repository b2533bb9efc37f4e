// What becomes of a message that is no valid query, by parseQuery()'s verdict: how it is counted,
// and whether it gets an error or no answer. Called by QueryPath.
import { Drop } from '../metrics/counters.ts';
import { Rcode } from '../wire/codes.ts';
import { QueryVerdict } from '../wire/query.ts';

/** Why it is no valid query. */
export type Malformed = Exclude<QueryVerdict, typeof QueryVerdict.ok>;

export interface MalformedRule {
  /** How it is counted. */
  readonly drop: number;
  /** The error it gets; −1: no answer. */
  readonly rcode: number;
}

const RULES: Readonly<Record<Malformed, MalformedRule>> = {
  [QueryVerdict.tooShort]: { drop: Drop.too_short, rcode: -1 },
  [QueryVerdict.response]: { drop: Drop.response, rcode: -1 },
  [QueryVerdict.opcode]: { drop: Drop.opcode, rcode: Rcode.NOTIMP },
  [QueryVerdict.questionCount]: { drop: Drop.question_count, rcode: Rcode.FORMERR },
  [QueryVerdict.badQuestion]: { drop: Drop.bad_question, rcode: Rcode.FORMERR },
  [QueryVerdict.badRecord]: { drop: Drop.bad_record, rcode: Rcode.FORMERR },
  [QueryVerdict.badOpt]: { drop: Drop.bad_opt, rcode: Rcode.FORMERR },
  [QueryVerdict.badVersion]: { drop: Drop.bad_version, rcode: Rcode.BADVERS },
  [QueryVerdict.badType]: { drop: Drop.bad_type, rcode: Rcode.NOTIMP },
};

export function ruleForMalformed(verdict: Malformed): MalformedRule {
  return RULES[verdict];
}
