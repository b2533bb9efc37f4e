// What slow names teach of a server's round-trip time: nearly nothing, as their owner may be the
// one who is slow.
import { describe, expect, it } from 'vitest';
import { attemptTimeoutMs } from '../../src/upstream/retry-timeout.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';

const SLOT = 1;

describe('the round-trip time of a server', () => {
  it.each([1, 9, 99])('is not taught by slow names, whoever owns them, %d to an honest one', (times) => {
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

  it('follows a server that has become slow for all, and one that has become quick at once', () => {
    const state = new SharedUpstreamState();
    state.measured(SLOT, 5, 0);
    for (let nowMs = 0; nowMs < 30_000; nowMs += 100) state.measured(SLOT, 80, nowMs);
    expect(state.rttMs(SLOT)).toBeGreaterThan(60);
    for (let i = 0; i < 10; i++) state.measured(SLOT, 5, 30_000);
    expect(state.rttMs(SLOT)).toBeLessThan(6);
  });

  it('is not taught by slow names where honest ones are few', () => {
    const state = new SharedUpstreamState();
    for (let second = 0; second < 120; second++) {
      state.measured(SLOT, 5, second * 1000);
      for (let ms = 0; ms < 1000; ms += 10) state.measured(SLOT, 1700, second * 1000 + ms);
    }
    expect(state.rttMs(SLOT)).toBeLessThan(10);
  });
});
