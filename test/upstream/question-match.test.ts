import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareQuestions, QuestionMatch } from '../../src/upstream/question-match.ts';
import { asWords } from '../kit/as-words.ts';

/** www.Example A IN */
const QUESTION = Buffer.from([
  ...[3, 0x77, 0x77, 0x77],
  ...[7, 0x45, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65],
  ...[0, 0, 1, 0, 1],
]);

function reply(question: Uint8Array, count = 1): Buffer {
  const header = Buffer.alloc(12);
  header[2] = 0x80;
  header.writeUInt16BE(count, 4);
  return Buffer.concat([header, question]);
}

/** What comes of the comparison, byte by byte and by words, which is to be the same. */
function compare(bytes: Uint8Array, length = bytes.length): QuestionMatch {
  const match = compareQuestions(QUESTION, 0, QUESTION.length, bytes, length);
  expect(compareQuestions(asWords(QUESTION), 0, QUESTION.length, asWords(bytes), length)).toBe(match);
  return match;
}

describe('compareQuestions', () => {
  it('finds the same question', () => {
    expect(compare(reply(QUESTION))).toBe(QuestionMatch.exact);
    expect(compare(Buffer.concat([reply(QUESTION), Buffer.alloc(40)]))).toBe(QuestionMatch.exact);
  });

  it('distinguishes another case of the name from another name', () => {
    const lower = Buffer.from(QUESTION);
    lower[5] = 0x65;
    expect(compare(reply(lower))).toBe(QuestionMatch.caseDiffers);
  });

  it('accepts no question count but one', () => {
    expect(compare(reply(QUESTION, 0))).toBe(QuestionMatch.absent);
    expect(compare(reply(QUESTION, 2))).toBe(QuestionMatch.differs);
    expect(compare(reply(QUESTION, 257))).toBe(QuestionMatch.differs);
  });

  it('does not read past the reply', () => {
    const whole = reply(QUESTION);
    for (let length = 12; length < whole.length; length++) {
      expect(compare(whole, length)).toBe(QuestionMatch.differs);
    }
  });

  it('rejects any other changed bit', () => {
    fc.assert(
      fc.property(fc.nat(QUESTION.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const changed = Buffer.from(QUESTION);
        changed[at]! ^= bits;
        const isLetter = /[a-z]/i.test(String.fromCharCode(QUESTION[at]!));
        const expected = isLetter && bits === 0x20 ? QuestionMatch.caseDiffers : QuestionMatch.differs;
        expect(compare(reply(changed))).toBe(expected);
      }),
    );
  });
});
