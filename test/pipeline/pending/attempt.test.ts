// A pooled attempt: nothing of its last message may show in the next.
import { expect, it } from 'vitest';
import { MAX_FILLER_LENGTH, MAX_FORWARDED_TAGS, TAG_LENGTH } from '../../../src/loop/detector.ts';
import { Attempt } from '../../../src/pipeline/pending/attempt.ts';
import { QUERY_BYTES } from '../../../src/pipeline/pending/question.ts';
import { Outcome } from '../../../src/pipeline/situation.ts';
import { OPT_LENGTH, OPTION_HEADER_LENGTH } from '../../../src/wire/edns.ts';

it('begins with what it is told, and nothing that happened to its last message', () => {
  const attempt = new Attempt<string>();
  Object.assign(attempt, { timedOut: true, missed: true, miscased: true, late: true });
  Object.assign(attempt, { isTrialAlongside: true, trialSlot: 3 });
  attempt.begin('flight', 2, 1500, Outcome.refused, 5);
  expect(attempt).toMatchObject({ flight: 'flight', upstreamIndex: 2, sentAtMs: 1500 });
  expect(attempt).toMatchObject({ cause: Outcome.refused, marksBefore: 5 });
  expect(attempt).toMatchObject({ timedOut: false, missed: false, miscased: false, late: false });
  expect(attempt).toMatchObject({ isTrialAlongside: false, trialSlot: -1 });
});

it('has room for the longest name with OPT, our tag with all its filler, and all tags of others', () => {
  const tag = OPTION_HEADER_LENGTH + TAG_LENGTH;
  const longest = QUERY_BYTES + OPT_LENGTH + tag + MAX_FILLER_LENGTH + MAX_FORWARDED_TAGS * tag;
  expect(new Attempt().buffer.length).toBeGreaterThanOrEqual(longest);
});
