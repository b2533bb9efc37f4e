// Finds the highest rate that a server takes with next to no loss (--find-max): short open-loop
// runs, the rate doubled until one fails, then the gap halved. Called by main.
import type { LoadPlan } from './load-run.ts';
import { type MeasureOptions, measure } from './measure.ts';
import type { QuerySource } from './query-source.ts';
import type { LoadReport } from './report.ts';

/** More loss than this, in percent, is too much. */
export const TOLERATED_LOSS_PERCENT = 0.1;
const FIRST_QPS = 1000;
/** No server answers more over one loopback interface. */
const HIGHEST_QPS = 4_000_000;
/** The answer is exact to this part. */
const PRECISION = 0.05;
/** A run that got this part of the wanted rate out kept up. */
const KEPT_UP = 0.97;

/** One attempt. */
export interface Attempt {
  readonly qps: number;
  readonly ok: boolean;
  readonly report: LoadReport;
}

/**
 * Searches from `plan.qps` (or 1000 a second) upwards. Returns every attempt, in order; none is ok
 * when even the first rate is too much.
 */
export async function findMax(
  plan: LoadPlan,
  source: QuerySource,
  options: MeasureOptions,
  onAttempt: (attempt: Attempt) => void,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  const attempt = async (qps: number): Promise<boolean> => {
    const report = await measure({ ...plan, qps }, source, {
      ...options,
      label: `${options.label} ${qps} q/s`,
    });
    const made: Attempt = { qps, ok: keptUp(qps, report), report };
    attempts.push(made);
    onAttempt(made);
    return made.ok;
  };
  let good = 0;
  let bad = plan.qps > 0 ? plan.qps : FIRST_QPS;
  while (bad <= HIGHEST_QPS && !options.signal?.aborted && (await attempt(bad))) {
    good = bad;
    bad *= 2;
  }
  // The first rate was too much already: look below it.
  while (bad - good > Math.max(good, bad / 16) * PRECISION && bad > 20 && !options.signal?.aborted) {
    const middle = Math.round((good + bad) / 2);
    if (await attempt(middle)) good = middle;
    else bad = middle;
  }
  return attempts;
}

/** The attempt with the highest rate that was ok. */
export function bestAttempt(attempts: readonly Attempt[]): Attempt | null {
  return attempts.filter(({ ok }) => ok).sort((a, b) => b.qps - a.qps)[0] ?? null;
}

/**
 * Losses of the tool itself count too: beyond them nothing is known of the server. A run held up
 * lasts longer than planned.
 */
function keptUp(qps: number, report: LoadReport): boolean {
  return report.answered > 0 && report.lossPercent < TOLERATED_LOSS_PERCENT && report.qps >= KEPT_UP * qps;
}
