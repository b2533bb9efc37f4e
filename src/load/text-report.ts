// A report for a terminal, and the progress line while a run lasts. Called by main.
import type { LoadReport } from './report.ts';
import type { Sample } from './sampler.ts';

/** Several lines. */
export function textReport(report: LoadReport): string {
  const { latencyMs: l } = report;
  const mode =
    report.mode === 'open'
      ? `open loop, ${number(report.wantedQps)} q/s`
      : `closed loop, ${report.concurrency} in flight`;
  const rcodes = Object.entries(report.rcodes).map(([rcode, count]) => `${rcode} ${number(count)}`);
  const rows: [string, string][] = [
    ['target', `${report.target}, ${mode}, ${report.clients} clients`],
    ['asked', report.queries],
    ['sent', `${number(report.sent)} in ${report.seconds} s`],
    ['answered', `${number(report.answered)} (${rcodes.join(', ')})`],
    [
      'lost',
      `${number(report.lost)} (${report.lossPercent} %), ${number(report.late)} answered after ${report.timeoutMs} ms`,
    ],
    ['rate', `${number(report.qps)} answers/s`],
    ['latency', `p50 ${l.p50}  p90 ${l.p90}  p99 ${l.p99}  p99.9 ${l.p999}  max ${l.max} ms`],
  ];
  if (report.server !== null) {
    const { cpuMicrosPerQuery, cpuSeconds, rssBytes, peakRssBytes } = report.server;
    rows.push([
      'server',
      `${cpuMicrosPerQuery} µs CPU per query (${cpuSeconds} s), ${mib(rssBytes)} MiB (peak ${mib(peakRssBytes)})`,
    ]);
  }
  rows.push(['tool', `${report.tool.cpuMicrosPerQuery} µs CPU per query`], ...remarks(report));
  return `${rows.map(([what, text]) => `${what.padEnd(10)}${text}`).join('\n')}\n`;
}

/** What ought to be zero, where it is not. */
function remarks(report: LoadReport): [string, string][] {
  const rows: [string, string][] = [];
  if (report.truncated > 0) rows.push(['truncated', number(report.truncated)]);
  if (report.unexpected > 0)
    rows.push(['unexpected', `${number(report.unexpected)} messages that answer nothing asked`]);
  if (report.connectionFailures > 0)
    rows.push(['broken', `${number(report.connectionFailures)} connections`]);
  for (const [code, count] of Object.entries(report.errors))
    rows.push(['error', `${code} ${number(count)} times`]);
  if (report.sendFailures > 0)
    rows.push(['unsent', `${number(report.sendFailures)} not taken by the kernel`]);
  if (report.toolDrops > 0)
    rows.push([
      'note',
      `${number(report.toolDrops)} of the losses were answers that the tool was too slow to take`,
    ]);
  if (report.behindMs > 20)
    rows.push([
      'note',
      `the tool was behind its schedule by up to ${report.behindMs} ms, counted as latency`,
    ]);
  return rows;
}

/** One line, for a terminal. */
export function progressLine(sample: Sample, lost: number): string {
  const seconds = `${sample.atSeconds.toFixed(1)} s`.padStart(8);
  return `${seconds}  ${number(sample.answeredPerSecond).padStart(9)} answers/s  p50 ${sample.p50Ms.toFixed(2)}  p99 ${sample.p99Ms.toFixed(2)} ms  lost ${number(lost)}`;
}

/** 1234567.8 → "1,234,567.8" */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** Bytes → MiB, one decimal. */
export function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
