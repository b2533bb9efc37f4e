import { expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { shareOf, timesOf } from '../../../src/server/worker/worker-shares.ts';

it.each([
  { limit: 2000, workers: 1, share: 2000 },
  { limit: 2000, workers: 2, share: Math.ceil(1000 + 4 * Math.sqrt(1000)) },
  { limit: 16, workers: 4, share: 12 },
  { limit: 1, workers: 4, share: 3 },
  { limit: 0, workers: 4, share: 0 },
])('gives a worker of $workers $share of $limit', ({ limit, workers, share }) => {
  expect(shareOf(limit, workers)).toBe(share);
});

it('takes the deadline and the time of stale answers from the configuration', () => {
  const config = { forward: { deadlineMs: 1800 }, cache: { serveStale: { afterMs: 1500 } } } as Config;
  expect(timesOf(config)).toEqual({ deadlineMs: 1800, staleAfterMs: 1500 });
});
