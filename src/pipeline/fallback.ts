// Which marks a question is asked with again when its message met with an error, a doubtful answer or silence: one step at a
// time, and only where the server was not seen to take the mark. Pure; forward-path and response-path send what it says.
import { Mark, withoutMarks } from '../upstream/marks.ts';

/** What became of a message. */
export const Outcome = {
  /** Nothing yet: the first message to an upstream. */
  none: 0,
  /** FORMERR, NOTIMP or BADVERS: how servers say that they do not know EDNS (RFC 6891 §7). */
  disliked: 1,
  /** SERVFAIL or REFUSED: about the name, most of the time. */
  refused: 2,
  /** NXDOMAIN, or no records of the type: a server that compares names case-sensitively says so too. */
  negative: 3,
  /** The reply came in another letter case and was not believed, and there is no TCP to ask by. */
  miscased: 4,
  /** A reply that cannot be read, such as one with OPT in the answer section. */
  malformed: 5,
  /** No reply in time. */
  silent: 6,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** No message with fewer marks is worth sending. */
export const NO_STEP = -1;

/**
 * The marks of the next message to the same upstream after an answer, or NO_STEP.
 * @param proven marks that the server was seen to take, for this domain
 * @param knowsEdns the server has answered a question with EDNS, for whatever name
 */
export function stepDown(marks: number, outcome: Outcome, proven: number, knowsEdns: boolean): number {
  const unproven = marks & ~proven;
  switch (outcome) {
    case Outcome.disliked:
      // Said of the message itself, so it counts whatever the server took before.
      if ((marks & Mark.options) !== 0) return withoutMarks(marks, Mark.options);
      return (marks & Mark.edns) === 0 ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.refused:
      if ((unproven & Mark.options) !== 0) return withoutMarks(marks, Mark.options);
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
