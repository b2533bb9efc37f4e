// An NXDOMAIN is kept for the name, every other answer for the question (RFC 2308 §5): the key is
// the same exactly where one answer serves both.
import { describe, expect, it } from 'vitest';
import { EntryKey } from '../../src/cache/entry-key.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryFor, TYPE_A, TYPE_AAAA } from './messages.ts';

interface Asked {
  readonly name?: string;
  readonly type?: number;
  readonly flags?: number;
}

function numbersOf(kind: 'ofQuestion' | 'ofName', { name = 'www.example.com', type, flags }: Asked) {
  const query = queryFor(name, type ?? TYPE_A, flags);
  const q = new ParsedQuery();
  parseQuery(query, query.length, q);
  const { hash, typeAndClass, nameAndFlags, qnameLength, partition } = new EntryKey()[kind](query, q, 3);
  return { hash, typeAndClass, nameAndFlags, qnameLength, partition };
}

const CD = 0x0110;

describe('entry-key', () => {
  it.each(['ofQuestion', 'ofName'] as const)('is the same for a name in other letters: %s', (kind) => {
    expect(numbersOf(kind, { name: 'WWW.Example.COM' })).toEqual(numbersOf(kind, {}));
  });

  it.each(['ofQuestion', 'ofName'] as const)('is another with other flags, or another name: %s', (kind) => {
    expect(numbersOf(kind, { flags: CD })).not.toEqual(numbersOf(kind, {}));
    expect(numbersOf(kind, { name: 'ww.example.com' })).not.toEqual(numbersOf(kind, {}));
    expect(numbersOf(kind, { name: 'wwv.example.com' }).hash).not.toBe(numbersOf(kind, {}).hash);
  });

  it('of a question is another for another type; of a name it is not', () => {
    expect(numbersOf('ofQuestion', { type: TYPE_AAAA })).not.toEqual(numbersOf('ofQuestion', {}));
    expect(numbersOf('ofName', { type: TYPE_AAAA })).toEqual(numbersOf('ofName', {}));
  });

  it('of a name is never that of a question', () => {
    const { typeAndClass, nameAndFlags } = numbersOf('ofName', {});
    const question = numbersOf('ofQuestion', {});
    expect(typeAndClass).not.toBe(question.typeAndClass);
    expect(nameAndFlags).not.toBe(question.nameAndFlags);
  });

  it('is filled again for the next question', () => {
    const key = new EntryKey();
    const q = new ParsedQuery();
    const [first, second] = [queryFor('a.example'), queryFor('bc.example')];
    parseQuery(first, first.length, q);
    expect(key.ofName(first, q, 1)).toBe(key);
    parseQuery(second, second.length, q);
    expect(key.ofQuestion(second, q, 2)).toMatchObject({ partition: 2, qnameLength: 12, hash: q.keyHash });
    expect(key.query).toBe(second);
  });
});
