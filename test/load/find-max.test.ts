// The search for the highest rate, over runs that are made up: no clock, no server.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Attempt, bestAttempt, findMax } from '../../src/load/find-max.ts';
import type { LoadPlan } from '../../src/load/load-run.ts';
import { measure } from '../../src/load/measure.ts';
import type { QuerySource } from '../../src/load/query-source.ts';
import type { LoadReport } from '../../src/load/report.ts';

vi.mock('../../src/load/measure.ts', () => ({ measure: vi.fn() }));

/** A server that answers up to `capacity` a second without loss. */
function serverOf(capacity: number, change: (qps: number) => Partial<LoadReport> = () => ({})): void {
  vi.mocked(measure).mockImplementation(async ({ qps }) => {
    const lossPercent = qps <= capacity ? 0 : 5;
    return { answered: 1, lossPercent, qps, ...change(qps) } as LoadReport;
  });
}

async function search(plan: Partial<LoadPlan> = {}, signal?: AbortSignal): Promise<Attempt[]> {
  const seen: Attempt[] = [];
  const options = { label: 'x', pids: [], ...(signal === undefined ? {} : { signal }) };
  const attempts = await findMax({ qps: 0, ...plan } as LoadPlan, {} as QuerySource, options, (attempt) =>
    seen.push(attempt),
  );
  expect(seen).toEqual(attempts);
  return attempts;
}

beforeEach(() => {
  vi.mocked(measure).mockReset();
});

describe('the search', () => {
  it('doubles the rate until it is too much, then comes within 5 % of what the server takes', async () => {
    serverOf(5300);
    const attempts = await search();
    expect(attempts.slice(0, 4).map(({ qps, ok }) => [qps, ok])).toEqual([
      [1000, true],
      [2000, true],
      [4000, true],
      [8000, false],
    ]);
    const best = bestAttempt(attempts)!;
    expect(best.qps).toBeLessThanOrEqual(5300);
    expect(best.qps).toBeGreaterThan(5300 * 0.95);
    expect(attempts.length).toBeLessThan(12);
  });

  it('begins where the plan says, and names each run by its rate', async () => {
    serverOf(100);
    const [first] = await search({ qps: 300 });
    expect(first!.qps).toBe(300);
    expect(vi.mocked(measure).mock.calls[0]![2].label).toBe('x 300 q/s');
  });

  it('goes below its first rate when that is too much', async () => {
    serverOf(130);
    const best = bestAttempt(await search())!;
    expect(best.qps).toBeLessThanOrEqual(130);
    expect(best.qps).toBeGreaterThan(60);
  });

  it('ends when nothing is sustained at all', async () => {
    serverOf(0);
    const attempts = await search();
    expect(bestAttempt(attempts)).toBeNull();
    expect(attempts.length).toBeLessThan(15);
    expect(attempts.every(({ qps }) => qps > 0)).toBe(true);
  });

  it('ends above what any server takes', async () => {
    serverOf(Number.POSITIVE_INFINITY);
    const attempts = await search();
    expect(attempts.every(({ qps }) => qps <= 8_192_000)).toBe(true);
    expect(bestAttempt(attempts)!.qps).toBeGreaterThan(3_900_000);
  });

  it('ends after the run in which it is told to stop', async () => {
    const stop = new AbortController();
    serverOf(1_000_000, () => {
      stop.abort();
      return {};
    });
    expect(await search({}, stop.signal)).toHaveLength(1);
  });
});

describe('a run', () => {
  const isOk = async (change: Partial<LoadReport>) => {
    serverOf(1_000_000, () => change);
    return (await search({ qps: 3_000_000 }))[0]!.ok;
  };

  it.each<[string, Partial<LoadReport>, boolean]>([
    ['is sustained with next to no loss', { lossPercent: 0.09 }, true],
    ['is too much with loss of a thousandth', { lossPercent: 0.1 }, false],
    ['is too much when the tool itself did not keep up', { lossPercent: 0, qps: 0.96 * 3_000_000 }, false],
    ['is sustained when it almost kept up', { lossPercent: 0, qps: 0.98 * 3_000_000 }, true],
    ['is too much when nothing was answered', { lossPercent: 0, answered: 0 }, false],
  ])('%s', async (_, change, ok) => {
    expect(await isOk(change)).toBe(ok);
  });
});

it('takes the highest rate that was sustained, in whatever order they were tried', () => {
  const attempt = (qps: number, ok: boolean): Attempt => ({ qps, ok, report: {} as LoadReport });
  expect(
    bestAttempt([attempt(10, true), attempt(40, false), attempt(30, true), attempt(20, true)])!.qps,
  ).toBe(30);
  expect(bestAttempt([])).toBeNull();
});
