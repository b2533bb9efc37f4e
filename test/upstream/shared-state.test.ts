// What all threads share about upstreams and routes.
import { describe, expect, it } from 'vitest';
import { ALL_MARKS, LESSON_SECONDS, Mark } from '../../src/upstream/marks.ts';
import { attemptTimeoutMs } from '../../src/upstream/retry-timeout.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';

const SLOT = 1;

it('is one state for all threads that have its buffer', () => {
  const one = new SharedUpstreamState();
  const other = new SharedUpstreamState(one.buffer);
  one.setState(SLOT, UpstreamState.down);
  one.doubt(SLOT);
  one.setQuarantined(3, true);
  expect(other.stateOf(SLOT)).toBe(UpstreamState.down);
  expect(other.doubts(SLOT)).toBe(1);
  expect(other.isQuarantined(3)).toBe(true);
});

describe('the state of an upstream', () => {
  it('is up at first', () => {
    const state = new SharedUpstreamState();
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    expect(state.isUp(SLOT)).toBe(true);
  });

  it('is up again with any answer', () => {
    const state = new SharedUpstreamState();
    for (const bad of [UpstreamState.down, UpstreamState.suspect]) {
      state.setState(SLOT, bad);
      state.answered(SLOT);
      expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    }
    expect(state.answers(SLOT)).toBe(2);
  });

  it('turns suspect only from up', () => {
    const state = new SharedUpstreamState();
    state.suspect(SLOT);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.suspect);
    expect(state.isUp(SLOT)).toBe(true);
    state.setState(SLOT, UpstreamState.down);
    state.suspect(SLOT);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.down);
  });

  it('does not touch the upstreams next to it, and is cleared by a reset', () => {
    const state = new SharedUpstreamState();
    for (const slot of [SLOT - 1, SLOT, SLOT + 1]) {
      state.setState(slot, UpstreamState.down);
      state.measured(slot, 5, 0);
      state.setAnsweredEdns(slot);
      state.learn(slot, ALL_MARKS, 0);
    }
    state.resetUpstream(SLOT);
    const facts = (slot: number) => [
      state.stateOf(slot),
      state.rttMs(slot),
      state.hasAnsweredEdns(slot),
      state.learned(slot, 0),
    ];
    expect(facts(SLOT)).toEqual([UpstreamState.up, 0, false, 0]);
    expect(facts(SLOT - 1)).toEqual([UpstreamState.down, 5, true, ALL_MARKS]);
    expect(facts(SLOT + 1)).toEqual([UpstreamState.down, 5, true, ALL_MARKS]);
  });
});

describe('the last error of a server', () => {
  it('is kept until another server has its slot', () => {
    const state = new SharedUpstreamState();
    expect(state.errorRcode(SLOT)).toBe(0);
    state.erred(SLOT, 5);
    expect(state.errorRcode(SLOT)).toBe(5);
    expect(state.learned(SLOT, 0)).toBe(0);
    state.resetUpstream(SLOT);
    expect(state.errorRcode(SLOT)).toBe(0);
  });
});

describe('the marks that a server is asked without', () => {
  it('come back after 15 minutes, each for itself', () => {
    const state = new SharedUpstreamState();
    const nowMs = 7000;
    state.learn(SLOT, Mark.case, nowMs);
    state.learn(SLOT, Mark.edns, nowMs + 1000);
    const endMs = nowMs + LESSON_SECONDS * 1000;
    expect(state.learned(SLOT, endMs - 1)).toBe(Mark.case | Mark.edns);
    expect(state.learned(SLOT, endMs)).toBe(Mark.edns);
    expect(state.learned(SLOT, endMs + 1000)).toBe(0);
  });
});

describe('a route', () => {
  it('says whether its quarantine changed', () => {
    const state = new SharedUpstreamState();
    expect(state.setQuarantined(2, true)).toBe(true);
    expect(state.setQuarantined(2, true)).toBe(false);
    expect(state.isQuarantined(1)).toBe(false);
    expect(state.setQuarantined(2, false)).toBe(true);
    expect(state.isQuarantined(2)).toBe(false);
  });

  it('is back in use after a reset', () => {
    const state = new SharedUpstreamState();
    state.setQuarantined(2, true);
    state.resetRoute(2);
    expect(state.isQuarantined(2)).toBe(false);
  });
});

describe('the round-trip time of a server', () => {
  // A slow name may be slow because of its owner.
  it.each([1, 9, 99])('hardly moves with %d answers of slow names to one of a fast name', (times) => {
    const state = new SharedUpstreamState();
    let nowMs = 0;
    for (let i = 0; i < 300; i++) {
      state.measured(SLOT, 5, nowMs);
      for (let k = 0; k < times; k++) state.measured(SLOT, 1700, nowMs);
      nowMs += 100;
    }
    expect(state.rttMs(SLOT)).toBeLessThan(10);
    expect(attemptTimeoutMs(state.rttMs(SLOT), 0, 1800)).toBe(100);
  });

  it('follows a server that is slow for all names in time, and one that is fast at once', () => {
    const state = new SharedUpstreamState();
    state.measured(SLOT, 5, 0);
    for (let nowMs = 0; nowMs < 30_000; nowMs += 100) state.measured(SLOT, 80, nowMs);
    expect(state.rttMs(SLOT)).toBeGreaterThan(60);
    for (let i = 0; i < 10; i++) state.measured(SLOT, 5, 30_000);
    expect(state.rttMs(SLOT)).toBeLessThan(6);
  });

  it('hardly moves with slow names when fast ones are few', () => {
    const state = new SharedUpstreamState();
    for (let second = 0; second < 120; second++) {
      state.measured(SLOT, 5, second * 1000);
      for (let ms = 0; ms < 1000; ms += 10) state.measured(SLOT, 1700, second * 1000 + ms);
    }
    expect(state.rttMs(SLOT)).toBeLessThan(10);
  });
});

describe('what is slow for an upstream', () => {
  const slowAfter = (times: readonly number[], rounds: number) => {
    const state = new SharedUpstreamState();
    for (let i = 0; i < rounds; i++) for (const ms of times) state.took(SLOT, ms);
    return state.slowMs(SLOT);
  };

  it('is not known before the first answer, whatever takes long', () => {
    const state = new SharedUpstreamState();
    state.tookLong(SLOT);
    expect(state.slowMs(SLOT)).toBe(0);
  });

  it('is what one answer in twenty takes longer than', () => {
    // 1 … 100 ms, evenly: one in 20 takes more than 95 ms.
    const evenly = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
    expect(slowAfter(evenly, 50)).toBeGreaterThan(85);
    expect(slowAfter(evenly, 50)).toBeLessThan(105);
  });

  it.each([
    ['one answer in a hundred is slow', 1, 25],
    ['one in ten is slow', 10, 900],
  ])('when %s', (_, slowOnes, atLeast) => {
    const times = Array.from({ length: 100 }, (_, i) =>
      i % (100 / slowOnes) === 7 % (100 / slowOnes) ? 1700 : 25,
    );
    const slowMs = slowAfter(times, 200);
    expect(slowMs).toBeGreaterThan(atLeast - 5);
    expect(slowMs > 500).toBe(slowOnes === 10);
  });

  it('is at least 10 ms and at most 1 s', () => {
    expect(slowAfter([0.2], 1000)).toBe(10);
    expect(slowAfter([30_000], 1000)).toBe(1000);
  });

  it('counts an answer that is overtaken as a slow one', () => {
    const state = new SharedUpstreamState();
    state.took(SLOT, 20);
    const before = state.slowMs(SLOT);
    state.tookLong(SLOT);
    expect(state.slowMs(SLOT)).toBeGreaterThan(before);
  });
});
