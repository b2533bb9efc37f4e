// A step is made once and used again: nothing of the last one may remain.
import { expect, it } from 'vitest';
import { Action, Outcome, Step } from '../../src/pipeline/situation.ts';

it('sends a first message without anything of the step before', () => {
  const step = new Step();
  Object.assign(step, { cause: Outcome.refused, marksBefore: 7, leftOff: 2, isCheck: true });
  Object.assign(step, { withoutTags: true, givesUpTcp: true, beginsRound: true });
  step.send(3, 5, true);
  const fresh = new Step();
  Object.assign(fresh, { action: Action.send, upstream: 3, marks: 5, overStream: true });
  expect(step).toEqual(fresh);
});

it('gives each outcome and each action a number of its own', () => {
  for (const table of [Outcome, Action]) {
    const numbers = Object.values(table);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
});
