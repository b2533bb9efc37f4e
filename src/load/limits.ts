// Limits stated on the command line against a report. Called by verdict: a broken one makes the
// exit code 1.
import type { LimitFlags } from './flags.ts';
import type { LoadReport } from './report.ts';

/** What is broken, a sentence each. A run without any answer breaks every limit. */
export function brokenLimits(limits: LimitFlags, report: LoadReport): string[] {
  const broken: string[] = [];
  const { latencyMs } = report;
  const most = (what: string, limit: number | null, value: number, unit: string) => {
    if (limit === null) return;
    if (report.answered === 0) broken.push(`${what}: no answers`);
    else if (value > limit) broken.push(`${what} is ${value} ${unit}, at most ${limit} ${unit} was allowed`);
  };
  most('p50', limits.maxP50Ms, latencyMs.p50, 'ms');
  most('p99', limits.maxP99Ms, latencyMs.p99, 'ms');
  most('p99.9', limits.maxP999Ms, latencyMs.p999, 'ms');
  // Of the exact numbers: the report's percentage is rounded.
  most('loss', limits.maxLossPercent, report.sent === 0 ? 0 : (100 * report.lost) / report.sent, '%');
  if (limits.minQps !== null && report.qps < limits.minQps)
    broken.push(`${report.qps} q/s, at least ${limits.minQps} q/s was wanted`);
  return broken;
}
