// Which marks a question carries when it is asked again after an error, a doubtful answer or
// silence. Marks are dropped one step at a time, and only those that the server was not seen to
// accept. Pure; forward-path and response-path send what this module says.
import { Mark, withoutMarks } from '../upstream/marks.ts';

/** The result of a message. */
export const Outcome = {
  /** Nothing yet: the first message to an upstream. */
  none: 0,
  /** FORMERR, NOTIMP or BADVERS: how servers say that they do not know EDNS (RFC 6891 §7). */
  disliked: 1,
  /** SERVFAIL or REFUSED: usually about the name. */
  refused: 2,
  /**
   * NXDOMAIN, or no records of the type: a server that compares names case-sensitively also answers
   * so.
   */
  negative: 3,
  /** The reply had another letter case and was not believed, and the upstream has no TCP. */
  miscased: 4,
  /** A reply that cannot be parsed, such as one with OPT in the answer section. */
  malformed: 5,
  /** No reply in time. */
  silent: 6,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** There is no message with fewer marks that is worth sending. */
export const NO_STEP = -1;

/**
 * The marks of the next message to the same upstream after an answer, or NO_STEP.
 * @param proven marks that the server was seen to accept for this domain
 * @param knowsEdns the server has answered a question with EDNS, for any name
 */
export function stepDown(marks: number, outcome: Outcome, proven: number, knowsEdns: boolean): number {
  const unproven = marks & ~proven;
  switch (outcome) {
    case Outcome.disliked:
      // These codes are about the message itself, so they count whatever the server accepted
      // before.
      if ((marks & Mark.options) !== 0) return withoutMarks(marks, Mark.options);
      return (marks & Mark.edns) === 0 ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.refused:
      // A server that compares names case-sensitively finds no zone for them: the letters go along
      // with the first step, as there is at most one more.
      if ((unproven & Mark.options) !== 0) return withoutMarks(marks, Mark.options | (unproven & Mark.case));
      if ((unproven & Mark.case) !== 0) return withoutMarks(marks, Mark.case);
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.negative:
      if ((unproven & Mark.case) !== 0) return withoutMarks(marks, Mark.case);
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.miscased:
      return (marks & Mark.case) === 0 ? NO_STEP : withoutMarks(marks, Mark.case);
    case Outcome.malformed:
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    default:
      return NO_STEP;
  }
}
