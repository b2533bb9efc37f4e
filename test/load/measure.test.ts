import { describe, expect, it, vi } from 'vitest';
import { runLoad } from '../../src/load/load-run.ts';
import { measure } from '../../src/load/measure.ts';
import type { QuerySource } from '../../src/load/query-source.ts';
import type { Sample } from '../../src/load/sampler.ts';
import { Tally } from '../../src/load/tally.ts';

vi.mock('../../src/load/load-run.ts', () => ({ runLoad: vi.fn() }));

const SOURCE: QuerySource = { description: 'what is asked', together: 1, write: () => 0 };
const PLAN = {
  target: { proto: 'udp', address: '127.0.0.1', port: 53, serverName: '', insecure: false, ca: null },
  ...{ clients: 1, concurrency: 1, qps: 0, durationMs: 1000, queries: Infinity, timeoutMs: 1000 },
} as const;

/** A run that is observed at these times, with ten answers more each time. */
function run(...observedMs: number[]): void {
  vi.mocked(runLoad).mockImplementation(async (_plan, _source, observe) => {
    const tally = new Tally();
    for (const ms of observedMs) {
      tally.sent += 10;
      tally.answered += 10;
      observe!(tally, ms);
    }
    return { tally, elapsedMs: observedMs.at(-1) ?? 0, toolDrops: 0, sendFailures: 0 };
  });
}

describe('a measured run', () => {
  it('is reported with its samples, each told as it is taken', async () => {
    run(100, 260, 520);
    const told: Sample[] = [];
    const options = { label: 'x', pids: [], onSample: (sample: Sample) => told.push(sample) };
    const report = await measure(PLAN, SOURCE, options);
    expect(report).toMatchObject({
      label: 'x',
      queries: 'what is asked',
      sent: 30,
      answered: 30,
      server: null,
    });
    expect(report.series.map(({ atSeconds }) => atSeconds)).toEqual([0.26, 0.52]);
    expect(told).toEqual(report.series);
  });

  it('has the cost of the processes that it is given', async () => {
    run(100);
    const { server } = await measure(PLAN, SOURCE, { label: 'x', pids: [process.pid] });
    expect(server!.rssBytes).toBeGreaterThan(2 ** 20);
  });

  it('has no cost when a process is gone', async () => {
    run(100);
    const { server } = await measure(PLAN, SOURCE, { label: 'x', pids: [process.pid, 2 ** 22 + 1] });
    expect(server).toBeNull();
  });

  it('can be stopped', async () => {
    run();
    const { signal } = new AbortController();
    await measure(PLAN, SOURCE, { label: 'x', pids: [], signal });
    expect(vi.mocked(runLoad).mock.lastCall![3]).toBe(signal);
  });
});
