// What one thread learns of a server's way with the marks of queries, domain by domain.
import { beforeEach, describe, expect, it } from 'vitest';
import { DomainLessons, lessonKey } from '../../src/upstream/domain-lessons.ts';
import { ALL_MARKS, LESSON_SECONDS, Mark } from '../../src/upstream/marks.ts';

const KEY = 0x1235;
/** Another domain in the same entry of the table. */
const RIVAL = KEY + 2 * 4096;
const NOW_MS = 50_000;
const LATER_MS = NOW_MS + LESSON_SECONDS * 1000;

let lessons: DomainLessons;
beforeEach(() => {
  lessons = new DomainLessons();
});

describe('lessonKey', () => {
  it('is never the key of an empty entry', () => {
    for (let hash = 0; hash < 1000; hash++) expect(lessonKey(hash, 0, 0)).not.toBe(0);
  });

  it('differs by domain, server and partition', () => {
    expect(
      new Set([lessonKey(4, 1, 1), lessonKey(9, 1, 1), lessonKey(4, 2, 1), lessonKey(4, 1, 2)]).size,
    ).toBe(4);
  });
});

describe('learned marks', () => {
  it('are reported as new once, and hold for 15 minutes', () => {
    expect(lessons.learn(KEY, Mark.case, NOW_MS)).toBe(true);
    expect(lessons.learn(KEY, Mark.case, NOW_MS)).toBe(false);
    expect(lessons.learned(KEY, LATER_MS - 1)).toBe(Mark.case);
    expect(lessons.learned(KEY, LATER_MS)).toBe(0);
  });

  it('add up while they hold, and start over after that', () => {
    lessons.learn(KEY, Mark.case, NOW_MS);
    expect(lessons.learn(KEY, Mark.options, NOW_MS)).toBe(true);
    expect(lessons.learned(KEY, NOW_MS)).toBe(Mark.case | Mark.options);
    expect(lessons.learn(KEY, Mark.edns, LATER_MS)).toBe(true);
    expect(lessons.learned(KEY, LATER_MS)).toBe(Mark.edns);
  });

  it('are no longer proven', () => {
    lessons.prove(KEY, ALL_MARKS, NOW_MS);
    lessons.learn(KEY, Mark.options, NOW_MS);
    expect(lessons.proven(KEY, NOW_MS)).toBe(Mark.case | Mark.edns);
  });

  it('belong to one domain: another one in the same entry replaces them', () => {
    lessons.learn(KEY, Mark.case, NOW_MS);
    expect(lessons.learned(RIVAL, NOW_MS)).toBe(0);
    lessons.learn(RIVAL, Mark.edns, NOW_MS);
    expect(lessons.learned(KEY, NOW_MS)).toBe(0);
    expect(lessons.learned(RIVAL, NOW_MS)).toBe(Mark.edns);
  });
});

describe('proven marks', () => {
  it('hold for 15 minutes from the last proof', () => {
    lessons.prove(KEY, Mark.case, NOW_MS);
    lessons.prove(KEY, Mark.edns, NOW_MS + 5000);
    expect(lessons.proven(KEY, LATER_MS + 4999)).toBe(Mark.case | Mark.edns);
    expect(lessons.proven(KEY, LATER_MS + 5000)).toBe(0);
  });

  it('do not take an entry for a message without marks', () => {
    lessons.learn(RIVAL, Mark.case, NOW_MS);
    lessons.prove(KEY, 0, NOW_MS);
    expect(lessons.learned(RIVAL, NOW_MS)).toBe(Mark.case);
  });
});

describe('the marks after silence', () => {
  const marksNow = ({ knowsEdns = false, wantsDnssec = false } = {}) =>
    lessons.marksAfterSilence(KEY, knowsEdns, wantsDnssec, NOW_MS);
  const send = () => lessons.sentAfterSilence(KEY, false, NOW_MS);

  it('are none of an unknown server, but EDNS for DNSSEC', () => {
    expect(marksNow()).toBe(0);
    expect(marksNow({ wantsDnssec: true })).toBe(Mark.edns);
  });

  it('are those that the server is known to take', () => {
    expect(marksNow({ knowsEdns: true })).toBe(Mark.edns);
    lessons.prove(KEY, Mark.case, NOW_MS);
    expect(marksNow()).toBe(Mark.case);
    lessons.prove(KEY, Mark.options, NOW_MS);
    expect(marksNow()).toBe(ALL_MARKS);
  });

  it('try EDNS for one question at a time once a plain one was answered', () => {
    lessons.answeredAfterSilence(KEY, 0, ALL_MARKS);
    expect(lessons.isPlainAnswered(KEY)).toBe(true);
    expect([marksNow(), marksNow()]).toEqual([Mark.edns, Mark.edns]);
    send();
    expect(marksNow()).toBe(0);
  });

  it('stay plain where EDNS met with silence again', () => {
    lessons.answeredAfterSilence(KEY, 0, ALL_MARKS);
    expect(marksNow()).toBe(Mark.edns);
    send();
    lessons.silentAgain(KEY, Mark.edns);
    expect(marksNow()).toBe(0);
    send();
    expect(marksNow()).toBe(0);
  });

  it('keep EDNS where it was answered', () => {
    lessons.answeredAfterSilence(KEY, Mark.edns, ALL_MARKS);
    expect(marksNow()).toBe(Mark.edns);
    send();
    expect(marksNow()).toBe(Mark.edns);
    expect(lessons.isPlainAnswered(KEY)).toBe(false);
  });
});

describe('answers after silence', () => {
  const times = (count: number, marks: number, silent: number) =>
    Array.from({ length: count }, () => lessons.answeredAfterSilence(KEY, marks, silent));

  it('drop the options at the third', () => {
    expect(times(4, Mark.case | Mark.edns, ALL_MARKS)).toEqual([0, 0, Mark.options, 0]);
  });

  it('drop EDNS with the options when both were tried', () => {
    lessons.answeredAfterSilence(KEY, 0, ALL_MARKS);
    lessons.sentAfterSilence(KEY, false, NOW_MS);
    lessons.silentAgain(KEY, Mark.edns);
    expect(times(2, 0, ALL_MARKS)).toEqual([0, Mark.options | Mark.edns]);
  });

  it('drop EDNS before the case', () => {
    expect(times(3, 0, Mark.case | Mark.edns)).toEqual([0, 0, Mark.edns]);
    expect(times(3, 0, Mark.case)).toEqual([0, 0, Mark.case]);
  });

  it('teach nothing when no mark was missing', () => {
    expect(times(9, Mark.case, Mark.case)).toEqual(Array(9).fill(0));
  });

  it('start counting again after an answer with the options', () => {
    times(2, Mark.edns, ALL_MARKS);
    lessons.prove(KEY, ALL_MARKS, NOW_MS);
    expect(times(3, Mark.edns, ALL_MARKS)).toEqual([0, 0, Mark.options]);
  });
});

describe('checks of doubtful answers', () => {
  const checks = (key: number, client: number, nowMs: number) => {
    let count = 0;
    for (; lessons.mayCheck(key, client, nowMs); count++) lessons.spendCheck(key, client, nowMs);
    return count;
  };

  it('are ten for a client and a domain, and one more each second', () => {
    expect(checks(KEY, 1, NOW_MS)).toBe(10);
    expect(checks(KEY, 1, NOW_MS + 1000)).toBe(1);
    expect(checks(KEY, 1, NOW_MS + 4000)).toBe(3);
    expect(checks(KEY, 1, NOW_MS + 60_000)).toBe(10);
  });

  it('are 50 a second for one client, and half of the rest for the next', () => {
    // Two of 64 keys may share a count: ask for more than enough.
    const all = (client: number) => {
      let count = 0;
      for (let key = 1; key < 2000; key += 2) count += checks(key, client, NOW_MS);
      return count;
    };
    expect(all(1)).toBe(50);
    expect(all(2)).toBe(25);
  });
});
