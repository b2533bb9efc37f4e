import { describe, expect, it } from 'vitest';
import { attemptTimeoutMs } from '../../src/upstream/retry-timeout.ts';

describe('attemptTimeoutMs', () => {
  it.each([
    // measured, attempt, left until the deadline, expected
    [0, 0, 1800, 400], // nobody knows
    [5, 0, 1800, 100], // near: jitter is no loss
    [250, 0, 1800, 250],
    [5000, 0, 1800, 700], // far: leave time for another
    [250, 1, 1800, 500],
    [250, 2, 1800, 1000],
    [700, 2, 1800, 1800], // never past the deadline
    [250, 0, 120, 120],
    [250, 0, -5, 0],
  ])('round trip %d, attempt %d, %d ms left: %d', (measured, attempt, remaining, expected) => {
    expect(attemptTimeoutMs(measured, attempt, remaining)).toBe(expected);
  });
});
