// What a run says of the server, as an exit code. Called by main and loop-storm-command.
import type { LimitFlags } from './flags.ts';
import { brokenLimits } from './limits.ts';
import type { LoadReport } from './report.ts';

/**
 * 0, or 1 when a run got no answer at all or a limit is broken; says which on standard error.
 *
 * @param runs all runs, each of which must have got an answer
 * @param limited the run that the limits are for
 */
export function verdict(limits: LimitFlags, runs: readonly LoadReport[], limited: LoadReport): number {
  const faults = runs.filter(({ answered }) => answered === 0).map(noAnswer);
  for (const sentence of brokenLimits(limits, limited)) faults.push(`limit broken: ${sentence}`);
  for (const fault of faults) process.stderr.write(`unloop bench: ${fault}\n`);
  return faults.length > 0 ? 1 : 0;
}

function noAnswer({ target, sent, errors }: LoadReport): string {
  const seen = Object.keys(errors);
  const why = seen.length === 0 ? '' : ` (${seen.join(', ')})`;
  return `no answer from ${target} to ${sent} queries${why}: is a DNS server listening there?`;
}
