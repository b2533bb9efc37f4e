// A client's message: read without reading behind it, answered without more bytes than it is worth.
import { ede } from '../../../src/wire/ede.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../../src/wire/query.ts';
import { writeErrorReply } from '../../../src/wire/reply.ts';
import { check, type FuzzTarget } from '../target.ts';

const SLOT = 4096;
const EDE_TEXT = Buffer.from('a text that may not fit');
const OPT_AND_EDE = 11 + 6 + EDE_TEXT.length;

const q = new ParsedQuery();
const other = new ParsedQuery();
const slot = new Uint8Array(SLOT);
const out = new Uint8Array(SLOT);

export const query: FuzzTarget = {
  name: 'query',
  maxLength: 700,
  run(input) {
    const { length } = input;
    const verdict = readIn(input, 0, q);
    check(readIn(input, 0xc0, other) === verdict, 'the verdict depends on bytes behind the message');
    for (const key of Object.keys(q) as (keyof ParsedQuery)[]) {
      if (typeof q[key] !== 'object')
        check(q[key] === other[key], `${key} depends on bytes behind the message`);
    }
    check(
      q.questionEnd <= length && q.optionsOffset + q.optionsLength <= length,
      'an offset leaves the message',
    );
    check(q.udpSize >= 512 && q.udpSize <= 65_535, 'the UDP size');
    if (q.questionEnd !== 0) checkQuestion(input);
    check(!q.hasOpt || (input[q.optOffset] === 0 && q.optOffset + 11 <= length), 'OPT is none');
    if (verdict === QueryVerdict.ok)
      check(q.questionEnd !== 0 && (input[2]! & 0xf8) === 0, 'ok without a question');
    if ((input[2]! & 0x80) !== 0 && length >= 12) check(verdict === QueryVerdict.response, 'a reply is none');
    if (verdict !== QueryVerdict.tooShort && verdict !== QueryVerdict.response) checkError(input);
    const records = Math.min(3, (input[7] ?? 0) + (input[9] ?? 0) + (input[11] ?? 0));
    return (
      verdict | (q.opaque ? 16 : 0) | (q.hasOpt ? 32 : 0) | (records << 6) | (Math.min(q.labelCount, 7) << 8)
    );
  },
};

/** Parses the input as it lies in a receive slot, with this byte behind it. */
function readIn(input: Uint8Array, filler: number, into: ParsedQuery): QueryVerdict {
  slot.fill(filler);
  slot.set(input);
  return parseQuery(slot, input.length, into);
}

/** The question read again, in the plainest way. */
function checkQuestion(input: Uint8Array): void {
  const starts: number[] = [];
  let at = 12;
  for (; input[at] !== 0; at += input[at]! + 1) {
    check(input[at]! <= 63, 'a label is too long');
    starts.push(at);
  }
  check(starts.length === q.labelCount && q.labelOffsets[q.labelCount] === at, 'the number of labels');
  for (const [i, start] of starts.entries()) check(q.labelOffsets[i] === start, 'where a label begins');
  check(at - 11 === q.qnameLength && q.qnameLength <= 255, 'the length of QNAME');
  check(at + 5 === q.questionEnd, 'where the question ends');
}

/** The error that it is answered with: our header, its question, no more than it may have. */
function checkError(input: Uint8Array): void {
  out.set(input);
  const length = writeErrorReply(input, q, out, 16, ede(22, EDE_TEXT));
  const plain = q.questionEnd === 0 ? 12 : q.questionEnd;
  check(length <= plain + (q.hasOpt ? OPT_AND_EDE : 0), 'the error is too long');
  check(length <= Math.max(q.udpSize, 12), 'the error is longer than the client takes');
  check((out[2]! & 0x80) !== 0 && out[0] === input[0] && out[1] === input[1], 'the header of the error');
  for (let i = 12; i < plain; i++) check(out[i] === input[i], 'the question of the error');
  check(parseQuery(out, length, other) === QueryVerdict.response, 'our error would be answered');
}
