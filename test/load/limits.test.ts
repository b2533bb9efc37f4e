import { expect, it } from 'vitest';
import type { LimitFlags } from '../../src/load/flags.ts';
import { brokenLimits } from '../../src/load/limits.ts';
import type { LoadReport } from '../../src/load/report.ts';

const NONE: LimitFlags = {
  maxP50Ms: null,
  maxP99Ms: null,
  maxP999Ms: null,
  maxLossPercent: null,
  minQps: null,
};
const latencyMs = { p50: 1, p99: 2, p999: 3 };
const REPORT = { answered: 999, sent: 1000, lost: 1, qps: 500, latencyMs } as unknown as LoadReport;

const broken = (limits: Partial<LimitFlags>, report: object = {}) =>
  brokenLimits({ ...NONE, ...limits }, { ...REPORT, ...report });

it('breaks no limit that is not set', () => {
  expect(broken({}, { answered: 0 })).toEqual([]);
});

it('allows what is exactly at the limit', () => {
  expect(broken({ maxP50Ms: 1, maxP99Ms: 2, maxP999Ms: 3, maxLossPercent: 0.1, minQps: 500 })).toEqual([]);
});

it.each([
  [{ maxP50Ms: 0.9 }, 'p50 is 1 ms, at most 0.9 ms was allowed'],
  [{ maxP99Ms: 1.9 }, 'p99 is 2 ms, at most 1.9 ms was allowed'],
  [{ maxP999Ms: 2.9 }, 'p99.9 is 3 ms, at most 2.9 ms was allowed'],
  [{ maxLossPercent: 0.09 }, 'loss is 0.1 %, at most 0.09 % was allowed'],
  [{ minQps: 501 }, '500 q/s, at least 501 q/s was wanted'],
])('says how %j is broken', (limits, sentence) => {
  expect(broken(limits)).toEqual([sentence]);
});

it('breaks every limit where there was no answer', () => {
  const limits = { maxP50Ms: 9, maxP99Ms: 9, maxP999Ms: 9, maxLossPercent: 100, minQps: 1 };
  expect(broken(limits, { answered: 0, sent: 0, lost: 0, qps: 0 })).toHaveLength(5);
});
