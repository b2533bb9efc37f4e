import { afterEach, expect, it, vi } from 'vitest';
import type { LimitFlags } from '../../src/load/flags.ts';
import type { LoadReport } from '../../src/load/report.ts';
import { verdict } from '../../src/load/verdict.ts';

afterEach(() => vi.restoreAllMocks());

const NO_LIMITS = { minQps: null } as LimitFlags;
for (const key of ['maxP50Ms', 'maxP99Ms', 'maxP999Ms', 'maxLossPercent'] as const)
  Object.assign(NO_LIMITS, { [key]: null });

const report = (more: object) =>
  ({
    target: 'udp://127.0.0.1:53',
    sent: 10,
    answered: 10,
    qps: 100,
    errors: {},
    latencyMs: {},
    ...more,
  }) as LoadReport;

function judge(limits: Partial<LimitFlags>, ...runs: LoadReport[]): { code: number; said: string } {
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
  return { code: verdict({ ...NO_LIMITS, ...limits }, runs, runs.at(-1)!), said };
}

it('is 0, without a word, for a run within its limits', () => {
  expect(judge({ minQps: 100 }, report({}))).toEqual({ code: 0, said: '' });
});

it('is 1 for a broken limit of the last run', () => {
  const { code, said } = judge({ minQps: 101 }, report({}));
  expect([code, said]).toEqual([1, 'unloop bench: limit broken: 100 q/s, at least 101 q/s was wanted\n']);
});

it('is 1 where any run got no answer, and says why', () => {
  const dead = report({ answered: 0, errors: { ECONNREFUSED: 3 } });
  const { code, said } = judge({}, dead, report({}));
  expect(code).toBe(1);
  expect(said).toContain('no answer from udp://127.0.0.1:53 to 10 queries (ECONNREFUSED)');
});
