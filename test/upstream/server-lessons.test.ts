// When a server is asked without a mark for all names: what clients' names and our own questions
// have to show.
import { describe, expect, it } from 'vitest';
import { Mark } from '../../src/upstream/marks.ts';
import { isShown, ServerEvidence } from '../../src/upstream/server-lessons.ts';

describe('isShown', () => {
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

it('counts a domain once, forgets old evidence, and keeps eight domains at most', () => {
  const evidence = new ServerEvidence();
  for (let i = 0; i < 5; i++) evidence.note(Mark.case | Mark.edns, 'attacker.example.', i);
  expect([0, 1, 2].map((bit) => evidence.count(bit, 5))).toEqual([1, 0, 1]);
  for (let i = 0; i < 100; i++) evidence.note(Mark.case, `domain${i}.example.`, 10);
  expect(evidence.count(0, 10)).toBeLessThanOrEqual(8);
  expect(evidence.count(0, 10_000_000)).toBe(0);
});
