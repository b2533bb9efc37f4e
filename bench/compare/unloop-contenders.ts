// unloop in the comparison: its defaults and one worker; and other ways of running it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, firstMatch, type Purpose } from './contender.ts';
import { UNLOOP } from './project.ts';
import { RATE_SCENARIO_KEYS } from './scenarios.ts';

const NODE = process.execPath;
const OTHER_NODE = process.env.UNLOOP_BENCH_NODE ?? '';

export const unloop: Contender = {
  key: 'unloop',
  title: 'unloop',
  kind: 'unloop',
  version: () => firstMatch(process.execPath, [UNLOOP, '--version'], /(\d\S*)/),
  launch: (purpose) => ({ command: process.execPath, args: unloopArguments(purpose, 1) }),
};

export const unloopTwoWorkers: Contender = {
  ...unloop,
  key: 'unloop-2',
  title: 'unloop, two workers',
  variant: true,
  scenarios: ['cached', 'forwarded', 'memory'],
  launch: (purpose) => ({ command: process.execPath, args: unloopArguments(purpose, 2) }),
};

/**
 * The same program under another Node.js: UNLOOP_BENCH_NODE is its path. The addon must have been
 * built by it.
 */
export const unloopOtherNode: Contender = {
  ...unloop,
  key: 'unloop-other-node',
  title: 'unloop, other Node.js',
  variant: true,
  scenarios: ['cached', 'cached-opt', 'forwarded', 'mixed', 'tcp', ...RATE_SCENARIO_KEYS, 'memory', 'start'],
  version: () => (OTHER_NODE === '' ? null : firstMatch(OTHER_NODE, ['--version'], /v(\d\S*)/)),
  launch: (purpose) => ({ command: OTHER_NODE, args: unloopArguments(purpose, 1) }),
};

/**
 * Processes in place of threads: two of one worker each, on one port, of which the kernel chooses.
 */
export const unloopTwoProcesses: Contender = {
  ...unloop,
  key: 'unloop-2-processes',
  title: 'unloop, two processes',
  variant: true,
  onDemand: true,
  scenarios: ['cached', 'forwarded'],
  launch: (purpose) => {
    const configFile = join(purpose.folder, 'unloop.yaml');
    writeFileSync(configFile, 'takeOver: true\n');
    const process = (adminPort: number) =>
      [NODE, ...unloopArguments({ ...purpose, adminPort }, 1), '--config', configFile].join(' ');
    // Port 0: any that is free, as nobody asks the second one.
    const script = `trap 'kill $(jobs -p)' TERM; ${process(purpose.adminPort)} & ${process(0)} & wait; wait`;
    return { command: 'bash', args: ['-c', script] };
  },
};

function unloopArguments(purpose: Purpose, workers: number) {
  const { port, adminPort, upstreamPort, cacheNames, loopPort, folder } = purpose;
  const args = [UNLOOP, 'run', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`];
  args.push('--upstream', `127.0.0.1:${upstreamPort}`, '--workers', String(workers));
  if (loopPort !== undefined) args.push('--zone', `loop.example=127.0.0.1:${loopPort}`);
  if (cacheNames > 100_000) {
    // More names than the shipped cache holds: the one setting that is changed.
    const configFile = join(folder, 'unloop.yaml');
    writeFileSync(configFile, `cache: { maxEntries: ${cacheNames * 2}, maxBytes: 2GiB }\n`);
    args.push('--config', configFile);
  }
  return args;
}
