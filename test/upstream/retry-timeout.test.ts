import { describe, expect, it } from 'vitest';
import { attemptTimeoutMs } from '../../src/upstream/retry-timeout.ts';

describe('attemptTimeoutMs', () => {
  it.each([
    // round trip, round, left until the deadline, expected
    [0, 0, 1800, 400], // nobody knows
    [5, 0, 1800, 100], // near: jitter is no loss
    [80, 0, 1800, 240],
    [5000, 0, 1800, 700], // far: leave time for another
    [80, 1, 1800, 480],
    [80, 2, 1800, 960],
    [700, 2, 1800, 1800], // never past the deadline
    [250, 0, 120, 120],
    [250, 0, -5, 0],
  ])('round trip %d, round %d, %d ms left: %d', (rttMs, round, remaining, expected) => {
    expect(attemptTimeoutMs(rttMs, round, remaining)).toBe(expected);
  });
});
