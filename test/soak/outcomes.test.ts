import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outcomes } from './outcomes.ts';
import { CALM } from './schedule.ts';

const DEAD = 'both upstreams: SERVFAIL';
const KILLED = 'a worker is killed';
const MESSAGE = Buffer.alloc(12);

describe('an error or a loss is blamed on', () => {
  let outcomes: Outcomes;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    outcomes = new Outcomes();
    outcomes.begin(CALM);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A question is asked under CALM, and `ms` later this fault begins. */
  function askThenBegin(fault: string, ms: number): number {
    vi.advanceTimersByTime(1000);
    const askedMs = performance.now();
    vi.advanceTimersByTime(ms);
    outcomes.begin(fault);
    return askedMs;
  }

  it('the fault that began while the question was under way', () => {
    const askedMs = askThenBegin(DEAD, 1);
    vi.advanceTimersByTime(46);
    outcomes.addError(CALM, askedMs, MESSAGE);
    expect(outcomes.of(CALM).errors).toBe(0);
    expect(outcomes.of(DEAD)).toMatchObject({ errors: 1, caught: 1 });
    expect(outcomes.examples).toEqual([]);
  });

  it('what the question was asked under, where the fault began before', () => {
    outcomes.begin(DEAD);
    outcomes.begin(CALM);
    vi.advanceTimersByTime(1);
    outcomes.addError(CALM, performance.now(), MESSAGE);
    expect(outcomes.of(CALM).errors).toBe(1);
    expect(outcomes.examples).toHaveLength(1);
  });

  it('the kill of a worker that had the question, also where it was asked again after an ended connection', () => {
    const askedMs = askThenBegin(KILLED, 5);
    vi.advanceTimersByTime(3);
    const sentMs = performance.now();
    vi.advanceTimersByTime(8000);
    outcomes.addLost(CALM, askedMs, sentMs, MESSAGE);
    expect(outcomes.of(CALM).lost).toBe(0);
    expect(outcomes.of(KILLED)).toMatchObject({ lost: 1, caught: 1 });
  });

  it('what it was asked under, where the kill came after the deadline', () => {
    const askedMs = askThenBegin(KILLED, 2500);
    vi.advanceTimersByTime(6000);
    outcomes.addLost(CALM, askedMs, askedMs, MESSAGE);
    expect(outcomes.of(CALM).lost).toBe(1);
  });
});
