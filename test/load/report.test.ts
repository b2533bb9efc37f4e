import { afterEach, describe, expect, it } from 'vitest';
import type { LoadPlan } from '../../src/load/load-run.ts';
import type { Machine } from '../../src/load/machine.ts';
import { makeReport, type ReportInput } from '../../src/load/report.ts';
import { Tally } from '../../src/load/tally.ts';

const TARGET = { proto: 'tcp', address: '::1', port: 53, serverName: '', insecure: false, ca: null } as const;
const PLAN: LoadPlan = {
  ...{ target: TARGET, clients: 3, concurrency: 20, qps: 0, durationMs: 1000 },
  ...{ queries: Infinity, timeoutMs: 500 },
};
const COST = { cpuMicros: 1_000_000, rssBytes: 10, peakRssBytes: 20 };

function make(change: Partial<ReportInput> = {}, count: (tally: Tally) => void = () => {}) {
  const tally = new Tally();
  count(tally);
  return makeReport({
    label: 'x',
    startedAt: new Date(0),
    plan: PLAN,
    queries: 'names',
    result: { tally, elapsedMs: 2000, toolDrops: 1, sendFailures: 2 },
    series: [],
    before: null,
    after: null,
    toolCpuMicros: 500,
    machine: {} as Machine,
    ...change,
  });
}

const argv = process.argv;
afterEach(() => {
  process.argv = argv;
});

describe('a report', () => {
  it('has the counts, the rate and the loss of the run', () => {
    const report = make({}, (tally) => {
      Object.assign(tally, { sent: 3000, answered: 2998, lost: 1, late: 1, unexpected: 4, truncated: 5 });
      tally.rcodes.set([2000, 0, 0, 998]);
      tally.errors.set('EPERM', 7);
    });
    expect(report).toMatchObject({
      ...{ sent: 3000, answered: 2998, lost: 1, late: 1, unexpected: 4, truncated: 5 },
      ...{ seconds: 2, qps: 1499, lossPercent: 0.0333, target: 'tcp://[::1]:53' },
      ...{ rcodes: { NOERROR: 2000, NXDOMAIN: 998 }, errors: { EPERM: 7 }, toolDrops: 1, sendFailures: 2 },
      ...{ startedAt: '1970-01-01T00:00:00.000Z', tool: { cpuMicrosPerQuery: 0.17 } },
    });
  });

  it('of an empty run divides by nothing', () => {
    const report = make({ result: { tally: new Tally(), elapsedMs: 0, toolDrops: 0, sendFailures: 0 } });
    expect(report).toMatchObject({ qps: 0, lossPercent: 0, rcodes: {}, histogram: [] });
    expect(report.latencyMs).toEqual({ min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    expect(report.tool.cpuMicrosPerQuery).toBe(0);
    expect(JSON.stringify(report)).not.toMatch(/null.*null|NaN/);
  });

  it('says what limited the run: what is in flight, or the rate', () => {
    expect(make()).toMatchObject({ mode: 'closed', concurrency: 20, wantedQps: 0 });
    expect(make({ plan: { ...PLAN, qps: 100 } })).toMatchObject({
      mode: 'open',
      concurrency: 0,
      wantedQps: 100,
    });
  });

  it('has the latencies in ms, to a microsecond', () => {
    const { latencyMs } = make({}, ({ latency }) => {
      for (const ms of [1.23456, 2, 3]) latency.record(ms);
    });
    expect(latencyMs).toMatchObject({ min: 1.235, mean: 2.078, max: 3 });
  });
});

describe("the server's cost", () => {
  it('is what it used during the run, for each query sent', () => {
    const after = { cpuMicros: 3_000_000, rssBytes: 30, peakRssBytes: 40 };
    const { server } = make({ before: COST, after }, (tally) => {
      tally.sent = 1000;
    });
    expect(server).toEqual({ cpuMicrosPerQuery: 2000, cpuSeconds: 2, rssBytes: 30, peakRssBytes: 40 });
  });

  it('is unknown when a process could not be read before or after', () => {
    expect(make({ before: COST }).server).toBeNull();
    expect(make({ after: COST }).server).toBeNull();
  });
});

it('quotes the command so that a shell takes it again', () => {
  process.argv = ['node', 'main.js', 'bench', '--target=udp://[::1]:53', '--label', "it's 5 %", ''];
  expect(make().command).toBe(`unloop bench --target=udp://[::1]:53 --label 'it'\\''s 5 %' ''`);
});
