// What a message to an upstream carries beyond the bare question. A server that stumbles over a
// mark is asked without it: for one question (pipeline/retry-policy.ts), for one domain
// (domain-lessons.ts), or as a whole (server-lessons.ts), for a while.

/** Bits of a small integer. `options` means our own option, the loop tag; it needs `edns`. */
export const Mark = {
  /** Upper-case letters in QNAME: the 0x20 pattern, or the client's own spelling. */
  case: 1,
  /** An EDNS option that the server may not know. */
  options: 2,
  /** An OPT record, and with it DO. */
  edns: 4,
} as const;
export type Mark = (typeof Mark)[keyof typeof Mark];
export const ALL_MARKS: number = Mark.case | Mark.options | Mark.edns;
/** By bit number: how people see them (`learned` in /upstreams, `what` in metrics). */
export const MARK_NAMES = ['case', 'options', 'edns'] as const;
export const MARK_COUNT = MARK_NAMES.length;

/**
 * How long a server, or a domain at a server, is asked without a mark before it is tried again, s.
 */
export const LESSON_SECONDS = 900;

/** A message that may not carry these marks: without EDNS there are no options. */
export function withoutMarks(marks: number, unwanted: number): number {
  const all = (unwanted & Mark.edns) === 0 ? unwanted : unwanted | Mark.options;
  return marks & ~all;
}
