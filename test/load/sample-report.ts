// A run's report for the tests of what is made of reports.
import type { LoadReport } from '../../src/load/report.ts';

export function sampleReport(changes: Partial<LoadReport> = {}): LoadReport {
  return {
    format: 1,
    label: 'sample',
    startedAt: '2026-01-02T03:04:05.000Z',
    target: 'udp://127.0.0.1:5300',
    queries: '100 names',
    mode: 'closed',
    clients: 4,
    concurrency: 20,
    wantedQps: 0,
    timeoutMs: 1000,
    seconds: 2,
    sent: 2000,
    answered: 1990,
    lost: 10,
    lossPercent: 0.5,
    late: 3,
    unexpected: 0,
    truncated: 0,
    qps: 995,
    rcodes: { NOERROR: 1980, NXDOMAIN: 10 },
    latencyMs: { min: 0.1, mean: 0.5, p50: 0.4, p90: 0.9, p99: 2.5, p999: 7, max: 9 },
    histogram: [
      [0.5, 1791],
      [1, 179],
      [10, 20],
    ],
    series: [
      { atSeconds: 1, sentPerSecond: 1000, answeredPerSecond: 990, lost: 4, p50Ms: 0.4, p99Ms: 2.4 },
      { atSeconds: 2, sentPerSecond: 1000, answeredPerSecond: 1000, lost: 6, p50Ms: 0.4, p99Ms: 2.6 },
    ],
    connectionFailures: 0,
    sendFailures: 0,
    toolDrops: 0,
    errors: {},
    behindMs: 0,
    server: null,
    tool: { cpuMicrosPerQuery: 2.5 },
    version: '1.2.3',
    command: 'unloop bench',
    machine: {
      ...{ cpu: 'AMD EPYC', cores: 2, memoryGib: 24, kernel: '6.18', node: '20.20.2' },
      ...{ loadBefore: 0.25, commit: '529a361', modified: false },
    },
    ...changes,
  };
}
