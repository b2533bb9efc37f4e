// What a run is reported as: the object that --json prints and --html draws and --compare reads
// back. Made by measure, from what load-run counted.
import { readVersion } from '../base/version.ts';
import { rcodeName } from '../wire/codes.ts';
import type { LoadPlan, LoadResult } from './load-run.ts';
import type { Machine } from './machine.ts';
import type { ProcessCost } from './process-cost.ts';
import type { Sample } from './sampler.ts';
import { formatTarget } from './target.ts';

/** Raised when a field changes its meaning or goes. */
export const REPORT_FORMAT = 1;

/** Percentiles and extremes, ms. */
export interface LatencyReport {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the server's processes cost during the run. */
export interface ServerReport {
  readonly cpuMicrosPerQuery: number;
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/** One run. */
export interface LoadReport {
  readonly format: number;
  readonly label: string;
  readonly startedAt: string;
  readonly target: string;
  readonly queries: string;
  readonly mode: 'closed' | 'open';
  readonly clients: number;
  /** Closed loop; 0 otherwise. */
  readonly concurrency: number;
  /** Open loop; 0 otherwise. */
  readonly wantedQps: number;
  readonly timeoutMs: number;
  readonly seconds: number;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly lossPercent: number;
  /** Of the lost ones: answered after the timeout. */
  readonly late: number;
  readonly unexpected: number;
  readonly truncated: number;
  readonly qps: number;
  readonly rcodes: Readonly<Record<string, number>>;
  readonly latencyMs: LatencyReport;
  /** Upper bound of each bucket in ms, and its count. */
  readonly histogram: readonly (readonly [number, number])[];
  readonly series: readonly Sample[];
  readonly connectionFailures: number;
  readonly sendFailures: number;
  readonly toolDrops: number;
  readonly errors: Readonly<Record<string, number>>;
  /** How late the tool itself was at worst (open loop). */
  readonly behindMs: number;
  /** With --pid. */
  readonly server: ServerReport | null;
  readonly tool: { readonly cpuMicrosPerQuery: number };
  /**
   * The tool's version, the command that made the report, and where: without them figures mean
   * nothing.
   */
  readonly version: string;
  readonly command: string;
  readonly machine: Machine;
}

/** What a report needs besides the run. */
export interface ReportInput {
  readonly label: string;
  readonly startedAt: Date;
  readonly plan: LoadPlan;
  readonly queries: string;
  readonly result: LoadResult;
  readonly series: readonly Sample[];
  readonly before: ProcessCost | null;
  readonly after: ProcessCost | null;
  readonly toolCpuMicros: number;
  readonly machine: Machine;
}

/** Puts a report together. */
export function makeReport(input: ReportInput): LoadReport {
  const { plan, result } = input;
  const { tally } = result;
  const { latency } = tally;
  const seconds = result.elapsedMs / 1000;
  const rcodes: Record<string, number> = {};
  tally.rcodes.forEach((count, rcode) => {
    if (count > 0) rcodes[rcodeName(rcode)] = count;
  });
  return {
    format: REPORT_FORMAT,
    label: input.label,
    startedAt: input.startedAt.toISOString(),
    target: formatTarget(plan.target),
    queries: input.queries,
    mode: plan.qps > 0 ? 'open' : 'closed',
    clients: plan.clients,
    concurrency: plan.qps > 0 ? 0 : plan.concurrency,
    wantedQps: plan.qps,
    timeoutMs: plan.timeoutMs,
    seconds: round(seconds, 3),
    sent: tally.sent,
    answered: tally.answered,
    lost: tally.lost,
    lossPercent: tally.sent === 0 ? 0 : round((100 * tally.lost) / tally.sent, 4),
    late: tally.late,
    unexpected: tally.unexpected,
    truncated: tally.truncated,
    qps: seconds > 0 ? round(tally.answered / seconds, 1) : 0,
    rcodes,
    latencyMs: {
      min: round(latency.minMs, 3),
      mean: round(latency.meanMs, 3),
      p50: round(latency.percentile(50), 3),
      p90: round(latency.percentile(90), 3),
      p99: round(latency.percentile(99), 3),
      p999: round(latency.percentile(99.9), 3),
      max: round(latency.maxMs, 3),
    },
    histogram: latency.buckets(),
    series: input.series,
    connectionFailures: tally.connectionFailures,
    sendFailures: result.sendFailures,
    toolDrops: result.toolDrops,
    errors: Object.fromEntries(tally.errors),
    behindMs: round(tally.behindMs, 3),
    server: serverCost(input),
    tool: { cpuMicrosPerQuery: perQuery(input.toolCpuMicros, tally.sent) },
    version: readVersion(),
    command: ['unloop', ...process.argv.slice(2)].map(quote).join(' '),
    machine: input.machine,
  };
}

function serverCost({ before, after, result }: ReportInput): ServerReport | null {
  if (before === null || after === null) return null;
  const cpuMicros = after.cpuMicros - before.cpuMicros;
  return {
    cpuMicrosPerQuery: perQuery(cpuMicros, result.tally.sent),
    cpuSeconds: round(cpuMicros / 1e6, 2),
    rssBytes: after.rssBytes,
    peakRssBytes: after.peakRssBytes,
  };
}

/** As a shell would take it again. */
function quote(word: string): string {
  return /^[\w@%+=:,./#[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function perQuery(micros: number, queries: number): number {
  return queries === 0 ? 0 : round(micros / queries, 2);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
