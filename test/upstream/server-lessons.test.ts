// When a mark is given up for all names of a server: what clients' names and our own questions have
// to show.
import { describe, expect, it } from 'vitest';
import { Mark } from '../../src/upstream/marks.ts';
import { findingOf, type Replies, type Reply } from '../../src/upstream/own-questions.ts';
import { isShown, ServerEvidence } from '../../src/upstream/server-lessons.ts';

const found: Reply = { isSound: true, hasRecords: true, keptCase: true };
const missing: Reply = { isSound: true, hasRecords: false, keptCase: true };
const recased: Reply = { isSound: true, hasRecords: true, keptCase: false };
const nothing: Reply = { isSound: false, hasRecords: false, keptCase: true };
const all = (reply: Reply): Replies => ({ plain: reply, mixed: reply, edns: reply, options: reply });

describe('what our own questions say of a mark', () => {
  it.each([
    ['all are answered', all(found), 'contradicts', 'contradicts', 'contradicts'],
    ['none is answered', all(nothing), 'nothing', 'nothing', 'nothing'],
    ['the name does not exist', all(missing), 'nothing', 'contradicts', 'contradicts'],
    ['upper case is not found', { ...all(found), mixed: missing }, 'shows', 'contradicts', 'contradicts'],
    [
      'upper case is not answered',
      { ...all(missing), mixed: nothing },
      'shows',
      'contradicts',
      'contradicts',
    ],
    ['the case is lost', all(recased), 'shows', 'contradicts', 'contradicts'],
    ['options are not answered', { ...all(found), options: nothing }, 'contradicts', 'contradicts', 'shows'],
    [
      'EDNS is not answered',
      { ...all(found), edns: nothing, options: nothing },
      'contradicts',
      'shows',
      'nothing',
    ],
    [
      'EDNS finds nothing',
      { ...all(found), edns: missing, options: missing },
      'contradicts',
      'shows',
      'contradicts',
    ],
  ] as const)('%s', (_, replies, letters, edns, options) => {
    expect(findingOf(Mark.case, replies)).toBe(letters);
    expect(findingOf(Mark.edns, replies)).toBe(edns);
    expect(findingOf(Mark.options, replies)).toBe(options);
  });
});

describe('a mark is given up', () => {
  it.each([
    ['three domains and one of ours', 3, ['shows', 'nothing'], true],
    ['one domain and two of ours', 1, ['shows', 'shows'], true],
    ['one domain and one of ours', 1, ['shows', 'nothing'], false],
    ['any number of domains, and none of ours', 8, ['nothing', 'nothing'], false],
    ['any number of domains, one of ours against it', 8, ['shows', 'shows', 'contradicts'], false],
    ['none of clients, all of ours', 0, ['shows', 'shows', 'shows'], true],
  ] as const)('%s: %s', (_, domains, own, expected) => {
    expect(isShown(domains, own)).toBe(expected);
  });
});

it('evidence counts each domain once, forgets what is old, and is bounded', () => {
  const evidence = new ServerEvidence();
  for (let i = 0; i < 5; i++) evidence.note(Mark.case | Mark.edns, 'attacker.example.', i);
  expect([0, 1, 2].map((bit) => evidence.count(bit, 5))).toEqual([1, 0, 1]);
  for (let i = 0; i < 100; i++) evidence.note(Mark.case, `domain${i}.example.`, 10);
  expect(evidence.count(0, 10)).toBeLessThanOrEqual(8);
  expect(evidence.count(0, 10_000_000)).toBe(0);
});
