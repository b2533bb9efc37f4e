// `unloop bench`: loads a DNS server and measures its answers. Imported by the command line's
// dispatch.
import { randomInt } from 'node:crypto';
import { UnloopError } from '../base/errors.ts';
import { readTextFile } from '../config/read-text-file.ts';
import { ClusterQueries } from './cluster-queries.ts';
import { readQueryFile } from './file-queries.ts';
import { bestAttempt, findMax } from './find-max.ts';
import { type BenchFlags, benchHelp, parseBenchFlags } from './flags.ts';
import { GeneratedQueries } from './generated-queries.ts';
import { type LoadPlan, runLoad } from './load-run.ts';
import { type MeasureOptions, measure } from './measure.ts';
import { checkPageFile, writePageFile } from './page-file.ts';
import type { QuerySource } from './query-source.ts';
import { type LoadReport, REPORT_FORMAT } from './report.ts';
import type { Sample } from './sampler.ts';
import { formatTarget, resolveTarget } from './target.ts';
import { number, progressLine, textReport } from './text-report.ts';
import { verdict } from './verdict.ts';

const DEFAULT_TARGET = '127.0.0.1:5300';
const DEFAULT_CLIENTS = 4;
const DEFAULT_DURATION_MS = 10_000;
const STEP_DURATION_MS = 2000;
/** Longest of anything written to the terminal's last line. */
const LINE_WIDTH = 90;

/** `unloop help bench`. */
export const help = benchHelp;

/** Resolves to the exit code: 0, or 1 when a limit is broken or the server does not answer. */
export async function main(args: string[]): Promise<number> {
  const flags = parseBenchFlags(args);
  if (flags.htmlPath !== null) checkPageFile(flags.htmlPath);
  const compared = flags.comparePaths.map(readReport);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    if (flags.scenario === 'loop-storm') {
      const { loopStormCommand } = await import('./loop-storm-command.ts');
      return await loopStormCommand(flags, stop.signal);
    }
    return await load(flags, compared, stop.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function load(flags: BenchFlags, compared: LoadReport[], signal: AbortSignal): Promise<number> {
  const target = await resolveTarget({
    text: flags.target ?? DEFAULT_TARGET,
    proto: flags.proto,
    insecure: flags.insecure,
    ca: flags.caPath === null ? null : readText(flags.caPath, '--ca'),
    allowPublic: flags.allowPublic,
  });
  const plan: LoadPlan = {
    target,
    clients: flags.clients ?? DEFAULT_CLIENTS,
    concurrency: flags.concurrency,
    qps: flags.qps,
    durationMs:
      flags.durationMs ??
      (flags.findMax ? STEP_DURATION_MS : flags.queries === null ? DEFAULT_DURATION_MS : Infinity),
    queries: flags.queries ?? Infinity,
    timeoutMs: flags.timeoutMs,
  };
  const source = makeSource(flags);
  const options: MeasureOptions = {
    label: flags.label ?? formatTarget(target),
    pids: flags.pids,
    onSample: progress(),
    signal,
  };
  let report: LoadReport;
  try {
    if (flags.warmupMs > 0)
      await runLoad({ ...plan, durationMs: flags.warmupMs, queries: Infinity }, source, undefined, signal);
    report = flags.findMax ? await searchMax(plan, source, options) : await measure(plan, source, options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof UnloopError) throw error;
    clearProgress();
    process.stderr.write(`unloop bench: cannot load ${formatTarget(target)}: ${message}\n`);
    return 1;
  }
  clearProgress();
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : textReport(report));
  if (flags.htmlPath !== null) {
    const { htmlReport } = await import('./html-report.ts');
    writePageFile(flags.htmlPath, htmlReport([...compared, report]));
  }
  return verdict(flags.limits, [report], report);
}

/** The report of the highest rate that was sustained, or of the last attempt when none was. */
async function searchMax(plan: LoadPlan, source: QuerySource, options: MeasureOptions): Promise<LoadReport> {
  const attempts = await findMax(plan, source, options, ({ qps, ok, report }) => {
    clearProgress();
    process.stderr.write(
      `${number(qps).padStart(10)} q/s  ${ok ? 'sustained' : 'too much '}  lost ${report.lossPercent} %  answered ${number(report.qps)}/s  p99 ${report.latencyMs.p99} ms\n`,
    );
  });
  const best = bestAttempt(attempts);
  process.stderr.write(
    best === null ? 'no rate was sustained\n' : `highest rate sustained: ${number(best.qps)} q/s\n`,
  );
  return (best ?? attempts.at(-1)!).report;
}

function makeSource(flags: BenchFlags): QuerySource {
  const seed = flags.seed ?? randomInt(2 ** 32);
  if (flags.namesPath !== null) return readQueryFile(flags.namesPath, flags, seed);
  try {
    return flags.profile === 'cluster'
      ? new ClusterQueries({ ...flags, seed })
      : new GeneratedQueries({ ...flags, seed });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnloopError(
      'UNLOOP_USAGE',
      error.message,
      'Give --suffix and --nxdomain-suffix names such as bench.example.',
    );
  }
}

/** Writes progress where somebody may be watching. */
function progress(): (sample: Sample) => void {
  let lost = 0;
  return (sample) => {
    lost += sample.lost;
    if (process.stderr.isTTY) process.stderr.write(`\r${progressLine(sample, lost).padEnd(LINE_WIDTH)}`);
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${' '.repeat(LINE_WIDTH)}\r`);
}

function readReport(path: string): LoadReport {
  try {
    const report = JSON.parse(readText(path, '--compare')) as LoadReport;
    if (report.format === REPORT_FORMAT) return report;
  } catch (error) {
    if (error instanceof UnloopError) throw error;
  }
  throw new UnloopError(
    'UNLOOP_USAGE',
    `${path} is not a report of this tool`,
    'Make one with `unloop bench --json`.',
  );
}

function readText(path: string, flag: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    const problem = `${flag}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`;
    throw new UnloopError('UNLOOP_USAGE', problem, `Give ${flag} a file that can be read.`, { cause: error });
  }
}
