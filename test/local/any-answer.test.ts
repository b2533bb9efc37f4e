import { expect, it } from 'vitest';
import { AnyAnswer } from '../../src/local/any-answer.ts';
import { describeMessage } from '../../src/wire/describe.ts';
import { testQuery } from '../pipeline/queries.ts';

it('is one HINFO record of the name that was asked for, as long as a name may be', () => {
  const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
  const answer = new AnyAnswer();
  for (const name of ['www.example', longest, '.']) {
    const { bytes, q } = testQuery(name, { type: 255 });
    const length = answer.make(bytes, q);
    const text = describeMessage(answer.message, length);
    expect(text).toContain(`${name === '.' ? '' : name}. 3600 IN HINFO "RFC8482" ""`);
  }
});
