// `npm run bench:compare`: unloop, other DNS servers and two floors in C, in one run, in turn,
// under the same load and before the same upstream. Everything stays on loopback.
// docs/performance.md says how to read what comes out.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describeMachine } from '../../src/load/machine.ts';
import { Bench } from './bench.ts';
import { ensureCoredns } from './build-coredns.ts';
import type { Contender } from './contender.ts';
import { CONTENDERS } from './contenders.ts';
import { buildFloorPrograms } from './floor-programs.ts';
import { type CompareOptions, parseOptions, USAGE } from './options.ts';
import { renderPicture } from './picture.ts';
import { PICTURE, PROJECT, README, RESULTS } from './project.ts';
import { putIntoReadme, renderReadme } from './readme.ts';
import type { Report } from './report.ts';
import { runLatencyScenario } from './run-latency.ts';
import { runLoadScenario } from './run-load.ts';
import { runMemoryScenario, runNamesScenario, runStartScenario } from './run-memory.ts';
import { runPauseScenario } from './run-pause.ts';
import { runRateScenario } from './run-rate.ts';
import { runShedScenario } from './run-shed.ts';
import { runStormScenario } from './run-storm.ts';
import { runWorkersScenario } from './run-workers.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { startServer } from './server-process.ts';
import { renderReport } from './tables.ts';
import { ensureTodaysRoot } from './today.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: CompareOptions | 'help';
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  // Through 'exit', where the servers are ended.
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  const workFolder = await mkdtemp(join(tmpdir(), 'unloop-compare-'));
  try {
    const report = await compare(options, workFolder);
    const text = renderReport(report);
    console.log(text);
    if (options.write) await write(report, text, options);
    return 0;
  } finally {
    await rm(workFolder, { recursive: true });
  }
}

async function compare(options: CompareOptions, workFolder: string): Promise<Report> {
  const missing = prepareTodaysPeers();
  // After what may have kept the machine busy.
  const machine = describeMachine();
  const floors = buildFloorPrograms(workFolder);
  const versions = Object.fromEntries(CONTENDERS.map((contender) => [contender.key, contender.version()]));
  const contenders = CONTENDERS.filter((contender) => isWanted(contender, versions, options.only));
  const answer = CONTENDERS.find(({ key }) => key === 'floor-answer')!;
  const setup = { workFolder, upstreamPort: 0, cache: false, cacheNames: 0, floors };
  const upstream = await startServer(answer, setup);
  const startedMs = Date.now();
  const bench = new Bench(options, contenders, workFolder, upstream.port, floors);
  for (const text of missing) bench.noteAboutPeers(text);
  try {
    for (const scenario of SCENARIOS) {
      if (!options.scenarios.includes(scenario.key)) continue;
      console.error(`${scenario.title} (after ${Math.round((Date.now() - startedMs) / 1000)} s)`);
      try {
        await runScenario(bench, scenario);
      } catch (error) {
        // The others' figures are not to be lost for it.
        bench.noteFailure(scenario.key, error);
      }
    }
  } finally {
    await upstream.stop();
  }
  const { rounds, seconds, quick, smoke } = options;
  const { notes, measurements } = bench;
  const date = new Date().toISOString();
  return { date, quick, smoke, rounds, seconds, machine, versions, notes, measurements };
}

/**
 * Has today's versions of the peers unpacked and built, where that can be done. Returns what could
 * not be had: those run as they are installed.
 */
function prepareTodaysPeers(): string[] {
  if (process.getuid?.() !== 0) return ['not as root, so that the peers are those that are installed'];
  const missing: string[] = [];
  for (const ensure of [ensureTodaysRoot, ensureCoredns]) {
    try {
      ensure();
    } catch (error) {
      missing.push((error as Error).message);
    }
  }
  return missing;
}

function isWanted(
  contender: Contender,
  versions: Readonly<Record<string, string | null>>,
  only: readonly string[],
): boolean {
  if (versions[contender.key] === null) return false;
  if (only.includes(contender.key)) return true;
  return !contender.onDemand && (only.length === 0 || only.includes(contender.kind));
}

function runScenario(bench: Bench, scenario: Scenario): Promise<void> {
  switch (scenario.kind) {
    case 'load':
      return runLoadScenario(bench, scenario);
    case 'rate':
      return runRateScenario(bench, scenario);
    case 'latency':
      return runLatencyScenario(bench, scenario.key);
    case 'workers':
      return runWorkersScenario(bench, scenario.key);
    case 'storm':
      return runStormScenario(bench, scenario.key);
    case 'memory':
      return runMemoryScenario(bench, scenario.key);
    case 'names':
      return runNamesScenario(bench, scenario.key);
    case 'pause':
      return runPauseScenario(bench, scenario.key);
    case 'shed':
      return runShedScenario(bench, scenario.key);
    case 'start':
      return runStartScenario(bench, scenario.key);
  }
}

async function write(report: Report, text: string, options: CompareOptions): Promise<void> {
  const part = options.complete ? '' : `-${[...options.scenarios, ...options.only].join('-')}`;
  const path = join(RESULTS, `${report.date.slice(0, 10)}-compare${part}`);
  for (const folder of [RESULTS, dirname(PICTURE)]) await mkdir(folder, { recursive: true });
  await writeFile(`${path}.json`, `${JSON.stringify(report, null, 1)}\n`);
  await writeFile(`${path}.md`, text);
  if (options.complete) {
    await writeFile(PICTURE, renderPicture(report));
    const block = renderReadme(report, relative(PROJECT, `${path}.md`));
    await writeFile(README, putIntoReadme(await readFile(README, 'utf8'), block));
  }
  console.error(`written: ${path}.json, ${path}.md${options.complete ? `, ${PICTURE}, ${README}` : ''}`);
}

process.exitCode = await main(process.argv.slice(2));
