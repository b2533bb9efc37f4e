// The machine, and the state of the sources: without them a figure means nothing.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { isOneFile } from '../base/own-files.ts';
import { findRootFolder } from '../base/root-folder.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Load average over the minute before the run: above 0.5 somebody else was at work. */
  readonly loadBefore: number;
  readonly commit: string;
  /** Whether files differed from the commit. */
  readonly modified: boolean;
}

/** "AMD EPYC, 2 cores, 24 GiB, Linux 6.18, Node 20.20.2; unloop at 529a361 with changes" */
export function formatMachine(machine: Machine): string {
  const { cpu, cores, memoryGib, kernel, node, commit, modified } = machine;
  return (
    `${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, Node ${node}; ` +
    `unloop at ${commit}${modified ? ' with changes' : ''}`
  );
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    loadBefore: loadavg()[0]!,
    commit: git('rev-parse', '--short', 'HEAD') || 'unknown',
    modified: git('status', '--porcelain', '--untracked-files=no', 'src', 'bench') !== '',
  };
}

function git(...args: string[]): string {
  // What it was built of is not where it stands.
  if (isOneFile) return '';
  try {
    return execFileSync('git', ['-C', findRootFolder(), ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
