// The question of a flight: a copy, as the receive buffer is used again. And its tags.
import { describe, expect, it } from 'vitest';
import { MAX_FORWARDED_TAGS, TAG_LENGTH } from '../../../src/loop/detector.ts';
import { LoopFinding } from '../../../src/loop/finding.ts';
import { QUERY_BYTES, Question } from '../../../src/pipeline/pending/question.ts';
import { testQuery } from '../queries.ts';

/** Opens what only Flight calls. */
class OpenQuestion extends Question {
  set = this.setQuestion.bind(this);
  release = this.releaseQuestion.bind(this);
}

/** From one tag to the next in the message. */
const SPACING = TAG_LENGTH + 4;

function tags(count: number, hops = 1) {
  const { query } = testQuery('www.example');
  const finding = new LoopFinding();
  finding.hops = hops;
  finding.forwardedCount = count;
  query.message = new Uint8Array(count * SPACING);
  for (let i = 0; i < count; i++) {
    finding.forwardedOffsets[i] = i * SPACING;
    query.message.fill(i + 1, i * SPACING, i * SPACING + TAG_LENGTH);
  }
  return { query, finding };
}

describe('a question', () => {
  it('is a copy of header and question, without the rest of the message', () => {
    const { bytes, q, query } = testQuery('WWW.example', { type: 28, dnssecOk: true });
    const question = new OpenQuestion();
    question.set(query);
    const whole = bytes.slice(0, q.questionEnd);
    bytes.fill(0xff);
    expect(question.queryLength).toBe(q.questionEnd);
    expect(question.query.slice(0, question.queryLength)).toEqual(whole);
    const { flags, qnameLength, questionEnd, qtype, qclass, keyHash, keyFlags, nameHash, dnssecOk } = q;
    expect(question).toMatchObject({ flags, qnameLength, questionEnd, qtype, qclass });
    expect(question).toMatchObject({ keyHash, keyFlags, nameHash, dnssecOk, hasUpperCase: true });
  });

  it('knows the domain of its name: the same for two hosts, another for another owner', () => {
    const domainOf = (name: string) => {
      const question = new OpenQuestion();
      question.set(testQuery(name).query);
      return question.domainHash;
    };
    expect(domainOf('a.example.com')).toBe(domainOf('B.Example.COM'));
    expect(domainOf('a.example.com')).not.toBe(domainOf('a.example.net'));
  });

  it('keeps an opaque query whole, and lets go of its long buffer', () => {
    const { bytes, query } = testQuery('signed.example');
    query.parsed.opaque = true;
    query.message = new Uint8Array(30_000).fill(7);
    query.message.set(bytes);
    query.length = 30_000;
    const question = new OpenQuestion();
    question.set(query);
    expect(question.queryLength).toBe(30_000);
    expect(question.query[29_999]).toBe(7);
    question.release();
    expect(question.query).toHaveLength(QUERY_BYTES);
  });
});

describe('the tags of earlier hops', () => {
  it('are copied from where they stand in the message', () => {
    const question = new OpenQuestion();
    const { query, finding } = tags(MAX_FORWARDED_TAGS, 3);
    question.forwardTags(query, finding);
    query.message.fill(0xee);
    const expected = Array.from({ length: MAX_FORWARDED_TAGS }, (_, i) => new Array(TAG_LENGTH).fill(i + 1));
    expect([...question.forwardedTags!]).toEqual(expected.flat());
    expect([question.forwardedCount, question.hops]).toEqual([MAX_FORWARDED_TAGS, 3]);
  });

  it('take no memory where there are none', () => {
    const question = new OpenQuestion();
    question.forwardTags(tags(0).query, tags(0).finding);
    expect(question.forwardedTags).toBeNull();
  });

  it.each([
    ['a tag', 1, 1, true],
    ['hops that gave no tag to forward', 0, 2, true],
    ['neither', 0, 0, false],
  ])('make a failure doubtful with %s', (_, count, hops, doubtful) => {
    const question = new OpenQuestion();
    const { query, finding } = tags(count, hops);
    question.forwardTags(query, finding);
    expect(question.carriesTags).toBe(doubtful);
  });

  it('are gone once dropped, and with the next question', () => {
    const { query, finding } = tags(2);
    const question = new OpenQuestion();
    question.forwardTags(query, finding);
    question.dropTags();
    expect([question.carriesTags, question.forwardedCount, question.hops]).toEqual([false, 0, 0]);
    question.forwardTags(query, finding);
    question.set(testQuery('other.example').query);
    expect(question.carriesTags).toBe(false);
  });
});
