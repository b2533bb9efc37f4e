// The loop-storm scenario: clients ask for names whose upstream sends everything back, others for
// names that have nothing to do with it. What does the loop cost, and what do the others notice?
// Called by loop-storm-command.
//
//   before   unrelated names alone                         a third of the duration
//   storm    unrelated names, and names into the loop      the whole duration
import { type GeneratedOptions, GeneratedQueries } from './generated-queries.ts';
import type { LoadPlan } from './load-run.ts';
import { measure } from './measure.ts';
import { readProcessCost } from './process-cost.ts';
import type { Reflector } from './reflector.ts';
import type { LoadReport } from './report.ts';

/** The names that loop; whatever else the server knows, it must send these to the reflector. */
export const LOOP_SUFFIX = 'loop.example';

/** What the storm is made of. */
export interface StormOptions {
  /** How the unrelated names are asked: an open loop. */
  readonly plan: LoadPlan;
  readonly unrelated: GeneratedOptions;
  readonly loopQps: number;
  readonly pids: readonly number[];
  readonly reflector: Reflector;
  readonly label: string;
  readonly signal?: AbortSignal;
}

/** What came of it. */
export interface StormReport {
  readonly scenario: 'loop-storm';
  /**
   * Packets that the server sent into the loop, for each query that clients asked into it: 1 is the
   * least once the loop was seen.
   */
  readonly packetsPerQuery: number;
  readonly reflected: number;
  /**
   * The server's CPU time during the storm for each query of either kind, µs; null without a pid.
   */
  readonly cpuMicrosPerQuery: number | null;
  readonly cpuSeconds: number | null;
  readonly before: LoadReport;
  readonly during: LoadReport;
  readonly loop: LoadReport;
}

/** Runs the scenario. */
export async function runLoopStorm(options: StormOptions): Promise<StormReport> {
  const { plan, pids, reflector, label } = options;
  const common = { pids, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const unrelated = new GeneratedQueries(options.unrelated);
  const before = await measure({ ...plan, durationMs: plan.durationMs / 3 }, unrelated, {
    ...common,
    label: `${label}: before`,
  });
  const looping = new GeneratedQueries({
    ...options.unrelated,
    suffix: LOOP_SUFFIX,
    uniqueShare: 1,
    nxdomainShare: 0,
  });
  const reflectedBefore = reflector.received;
  const costBefore = pids.length === 0 ? null : readProcessCost(pids);
  const [during, loop] = await Promise.all([
    measure(plan, unrelated, { ...common, label: `${label}: unrelated names in the storm` }),
    measure({ ...plan, qps: options.loopQps }, looping, { ...common, label: `${label}: looping names` }),
  ]);
  const costAfter = costBefore === null ? null : readProcessCost(pids);
  const cpuMicros =
    costBefore === null || costAfter === null ? null : costAfter.cpuMicros - costBefore.cpuMicros;
  const reflected = reflector.received - reflectedBefore;
  return {
    scenario: 'loop-storm',
    packetsPerQuery: Number((reflected / Math.max(loop.sent, 1)).toFixed(3)),
    reflected,
    cpuMicrosPerQuery:
      cpuMicros === null ? null : Number((cpuMicros / Math.max(during.sent + loop.sent, 1)).toFixed(2)),
    cpuSeconds: cpuMicros === null ? null : cpuMicros / 1e6,
    before,
    during,
    loop,
  };
}
