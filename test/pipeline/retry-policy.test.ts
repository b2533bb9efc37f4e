// The table of steps: which marks a question is asked with again, and when it is not asked again.
import { describe, expect, it } from 'vitest';
import { NO_STEP, stepDown } from '../../src/pipeline/retry-policy.ts';
import { Outcome } from '../../src/pipeline/situation.ts';
import { ALL_MARKS, Mark } from '../../src/upstream/marks.ts';

const { case: letters, options, edns } = Mark;
const NOTHING = 0;

describe('stepDown', () => {
  it.each([
    // FORMERR, NOTIMP, BADVERS: the option first, then OPT, whatever was proven.
    ['rejected', ALL_MARKS, NOTHING, false, letters | edns],
    ['rejected', letters | edns, NOTHING, false, letters],
    ['rejected', ALL_MARKS, ALL_MARKS, true, letters | edns],
    ['rejected', letters, NOTHING, false, NO_STEP],
    // SERVFAIL, REFUSED: only what was not seen to work.
    ['refused', ALL_MARKS, NOTHING, false, edns],
    ['refused', ALL_MARKS, letters, false, letters | edns],
    ['refused', ALL_MARKS, options | edns, false, options | edns],
    ['refused', letters | edns, NOTHING, false, edns],
    ['refused', letters | edns, letters, false, letters],
    ['refused', letters | edns, letters, true, NO_STEP],
    ['refused', edns, NOTHING, false, NOTHING],
    ['refused', edns, NOTHING, true, NO_STEP],
    ['refused', letters, NOTHING, false, NOTHING],
    ['refused', ALL_MARKS, ALL_MARKS, false, NO_STEP],
    // NXDOMAIN, no records: the case first.
    ['negative', ALL_MARKS, NOTHING, false, options | edns],
    ['negative', ALL_MARKS, letters, false, letters],
    ['negative', ALL_MARKS, letters, true, NO_STEP],
    ['negative', options | edns, NOTHING, false, 0],
    ['negative', options | edns, NOTHING, true, NO_STEP],
    ['negative', ALL_MARKS, ALL_MARKS, false, NO_STEP],
    // Another letter case, and no TCP.
    ['mismatched', ALL_MARKS, NOTHING, false, options | edns],
    ['mismatched', edns, NOTHING, false, NO_STEP],
    // OPT where none may stand.
    ['malformed', ALL_MARKS, NOTHING, false, letters],
    ['malformed', ALL_MARKS, edns, false, NO_STEP],
    ['none', ALL_MARKS, NOTHING, false, NO_STEP],
    ['silent', ALL_MARKS, NOTHING, false, NO_STEP],
  ] as const)('%s, marks %d, proven %d, OPT %s: %d', (outcome, marks, proven, saidOpt, expected) => {
    expect(stepDown(marks, Outcome[outcome], proven, saidOpt)).toBe(expected);
  });

  it('never adds a mark, never leaves options without EDNS, and ends within three steps', () => {
    for (const outcome of Object.values(Outcome)) {
      for (let proven = 0; proven <= ALL_MARKS; proven++) {
        let marks = ALL_MARKS;
        let steps = 0;
        for (let next = stepDown(marks, outcome, proven, false); next !== NO_STEP; steps++) {
          expect(next & ~marks).toBe(0);
          if ((next & options) !== 0) expect(next & edns).toBe(edns);
          marks = next;
          next = stepDown(marks, outcome, proven, false);
        }
        expect(steps).toBeLessThanOrEqual(3);
      }
    }
  });
});
