// What an answer says, read back from its bytes.
import { describe, expect, it } from 'vitest';
import { edesOf, isTruncated, questionOf, recordsOf } from '../../src/pipeline/answer-text.ts';
import { bytesOf, header, opt, option, QNAME_POINTER, question, record } from '../wire/build-message.ts';

const text = new TextEncoder().encode('no key');
const options = bytesOf(
  option(15, bytesOf('0006', text)),
  option(10, bytesOf('0102')),
  option(15, bytesOf('0016')),
);
const whole = bytesOf(
  header(0x8380, 1, 1, 0, 1),
  question('www.Example'),
  record(bytesOf(QNAME_POINTER), 1, 60, bytesOf('c0000201')),
  opt(1232, { options }),
);

describe('an answer', () => {
  it('tells its question, its records, its reasons and TC', () => {
    expect(questionOf(whole, whole.length)).toEqual({ name: 'www.Example.', type: 'A' });
    expect(recordsOf(whole, whole.length)).toEqual([
      expect.stringMatching(/^www\.Example\. .*A 192\.0\.2\.1$/),
    ]);
    expect(edesOf(whole, whole.length)).toEqual([
      { code: 6, text: 'no key' },
      { code: 22, text: '' },
    ]);
    expect(isTruncated(whole)).toBe(true);
  });

  it('tells so much of a long reason, in whole characters', () => {
    const long = bytesOf(
      header(0x8182, 1, 0, 0, 1),
      question('a'),
      opt(1232, { options: bytesOf(option(15, bytesOf('0016', new TextEncoder().encode('für ä…')))) }),
    );
    const texts = [3, 7, 8, 100].map((most) => edesOf(long, long.length, most)[0]!.text);
    expect(texts).toEqual(['fü', 'für ä', 'für ä', 'für ä…']);
  });

  it('of a header only tells nothing', () => {
    const bare = bytesOf(header(0x8180, 0, 0, 0, 0));
    expect(questionOf(bare, bare.length)).toBeNull();
    expect(recordsOf(bare, bare.length)).toEqual([]);
    expect(edesOf(bare, bare.length)).toEqual([]);
    expect(isTruncated(bare)).toBe(false);
  });
});
