// What the replies to our own questions say of a mark.
import { describe, expect, it } from 'vitest';
import { Mark } from '../../src/upstream/marks.ts';
import { findingOf, type Replies, type Reply } from '../../src/upstream/own-questions.ts';

const found: Reply = { isSound: true, hasRecords: true, keptCase: true };
const missing: Reply = { isSound: true, hasRecords: false, keptCase: true };
const recased: Reply = { isSound: true, hasRecords: true, keptCase: false };
const nothing: Reply = { isSound: false, hasRecords: false, keptCase: true };
const all = (reply: Reply): Replies => ({ plain: reply, mixed: reply, edns: reply, options: reply });

describe('findingOf', () => {
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
