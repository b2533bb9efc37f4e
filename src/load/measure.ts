// One run with everything that is measured around it: samples, the server's and the tool's CPU
// time. Called by main, find-max and the scenarios.
import { type LoadPlan, runLoad } from './load-run.ts';
import { describeMachine, type Machine } from './machine.ts';
import { readProcessCost } from './process-cost.ts';
import type { QuerySource } from './query-source.ts';
import { type LoadReport, makeReport } from './report.ts';
import { type Sample, Sampler } from './sampler.ts';

/** What to measure besides the answers. */
export interface MeasureOptions {
  readonly label: string;
  /** The server's processes. */
  readonly pids: readonly number[];
  /** Told of every sample, for progress. */
  readonly onSample?: (sample: Sample) => void;
  readonly signal?: AbortSignal;
}

/** As it was before the first run: later ones of a search would see their own load. */
let machine: Machine | null = null;

/** Runs a plan and reports it. */
export async function measure(
  plan: LoadPlan,
  source: QuerySource,
  options: MeasureOptions,
): Promise<LoadReport> {
  const sampler = new Sampler(plan.durationMs);
  machine ??= describeMachine();
  const startedAt = new Date();
  const before = options.pids.length === 0 ? null : readProcessCost(options.pids);
  const toolBefore = process.cpuUsage();
  const result = await runLoad(
    plan,
    source,
    (tally, elapsedMs) => {
      if (sampler.observe(tally, elapsedMs)) options.onSample?.(sampler.samples.at(-1)!);
    },
    options.signal,
  );
  const tool = process.cpuUsage(toolBefore);
  const after = options.pids.length === 0 ? null : readProcessCost(options.pids);
  return makeReport({
    label: options.label,
    startedAt,
    plan,
    queries: source.description,
    result,
    series: sampler.samples,
    before,
    after,
    toolCpuMicros: tool.user + tool.system,
    machine,
  });
}
