// What slow names teach of a server's round-trip time: nearly nothing, as their owner may be the one who is slow.
import { describe, expect, it } from 'vitest';
import { attemptTimeoutMs } from '../../src/upstream/retry-timeout.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';

const SLOT = 1;
const HONEST = 7;
const ATTACKER = 666;

describe('the round-trip time of a server', () => {
  it.each([
    1, 9, 99,
  ])('is not taught by one domain that is slow, %d of its names to an honest one', (times) => {
    const state = new SharedUpstreamState();
    let nowMs = 0;
    for (let i = 0; i < 300; i++) {
      // Honest questions are for many domains.
      state.measured(SLOT, 5, HONEST + i, nowMs);
      for (let k = 0; k < times; k++) state.measured(SLOT, 1700, ATTACKER, nowMs);
      nowMs += 100;
    }
    expect(state.rttMs(SLOT)).toBeLessThan(10);
    expect(attemptTimeoutMs(state.rttMs(SLOT), 0, 1800)).toBe(100);
  });

  it('follows a server that has become slow for all, and one that has become quick at once', () => {
    const state = new SharedUpstreamState();
    for (let i = 0; i < 50; i++) state.measured(SLOT, 5, i, 0);
    for (let i = 0; i < 400; i++) state.measured(SLOT, 80, i, 1000);
    expect(state.rttMs(SLOT)).toBeGreaterThan(60);
    for (let i = 0; i < 20; i++) state.measured(SLOT, 5, i, 2000);
    expect(state.rttMs(SLOT)).toBeLessThan(6);
  });

  it('follows where all names are of one domain, more slowly', () => {
    const state = new SharedUpstreamState();
    state.measured(SLOT, 5, HONEST, 0);
    for (let second = 1; second <= 120; second++) {
      for (let i = 0; i < 10; i++) state.measured(SLOT, 80, HONEST, second * 1000);
    }
    expect(state.rttMs(SLOT)).toBeGreaterThan(60);
  });
});
