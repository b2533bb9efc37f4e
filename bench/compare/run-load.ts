// Scenarios of kind `load`: all contenders run side by side, idle but for the one whose turn it is.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, turnsOf } from './bench.ts';
import { type Load, type LoadOutcome, runDnsperf } from './dnsperf.ts';
import { processorTimeNs } from './process-cost.ts';
import { HOT_NAMES, hotQueries, writeQueryFile } from './query-files.ts';
import type { LoadScenario } from './scenarios.ts';
import type { RunningServer } from './server-process.ts';

/** Children that a connection had (dnsmasq) end, sockets drain. */
const SETTLE_MS = 200;
/** Enough for a compiler that works just in time; half of a round where rounds are short. */
const WARM_SECONDS = 3;

export async function runLoadScenario(bench: Bench, scenario: LoadScenario): Promise<void> {
  const running = await bench.startAll(scenario.key, { cache: scenario.cache, cacheNames: HOT_NAMES });
  try {
    await warm(bench, scenario, running);
    for (let round = 0; round < bench.options.rounds; round++) {
      const queryFile = join(bench.workFolder, `${scenario.key}-${round}.queries`);
      const tag = `${scenario.key}${round}`;
      await writeQueryFile(queryFile, scenario.queries(tag, bench.options.seconds));
      for (const server of turnsOf(running, round)) {
        try {
          const load = loadOf(scenario, server.port, queryFile, bench.options.seconds);
          await measure(bench, scenario.key, server, round, load);
        } catch (error) {
          bench.note(scenario.key, server.contender, (error as Error).message);
        }
      }
      await rm(queryFile);
    }
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

/**
 * Fills the caches and lets just-in-time compilers do their work, with the load that will be
 * measured.
 */
async function warm(bench: Bench, scenario: LoadScenario, running: readonly RunningServer[]): Promise<void> {
  const hotFile = join(bench.workFolder, 'hot.queries');
  await writeQueryFile(hotFile, hotQueries());
  const warmFile = join(bench.workFolder, 'warm.queries');
  const seconds = Math.min(WARM_SECONDS, Math.ceil(bench.options.seconds / 2));
  await writeQueryFile(warmFile, scenario.queries(`${scenario.key}warm`, seconds));
  for (const server of running) {
    if (scenario.warm) {
      await runDnsperf({
        ...loadOf(scenario, server.port, hotFile, 30),
        tcp: false,
        edns: false,
        once: true,
      });
    }
    try {
      await runDnsperf(loadOf(scenario, server.port, warmFile, seconds));
    } catch (error) {
      bench.note(scenario.key, server.contender, (error as Error).message);
    }
  }
}

function loadOf(scenario: LoadScenario, port: number, queryFile: string, seconds: number): Load {
  const { tcp, edns, outstanding, once } = scenario;
  return { port, queryFile, seconds, tcp, edns, outstanding, once };
}

/** One turn: what the server's processor time grew by, over the answers it gave. */
export async function measure(
  bench: Bench,
  scenarioKey: string,
  server: RunningServer,
  round: number,
  load: Load,
): Promise<void> {
  const beforeNs = processorTimeNs(server.pid);
  const outcome = await runDnsperf(load);
  await sleep(SETTLE_MS);
  const usedNs = processorTimeNs(server.pid) - beforeNs;
  noteFaults(bench, scenarioKey, server, outcome);
  if (outcome.completed === 0) return;
  bench.record(scenarioKey, server.contender, round, {
    cpuMicros: usedNs / 1000 / outcome.completed,
    queriesPerSecond: outcome.queriesPerSecond,
    lost: outcome.lost,
  });
}

/** Answers that are none, and losses, make a figure mean something else. */
export function noteFaults(
  bench: Bench,
  scenarioKey: string,
  server: RunningServer,
  outcome: Omit<LoadOutcome, 'queriesPerSecond'>,
): void {
  const good = outcome.rcodes.NOERROR ?? 0;
  if (good < outcome.completed * 0.999) {
    const codes = Object.entries(outcome.rcodes).map(([rcode, count]) => `${count} ${rcode}`);
    bench.note(
      scenarioKey,
      server.contender,
      `of ${outcome.completed} answers: ${codes.join(', ') || 'none'}`,
    );
  }
  if (outcome.lost > outcome.completed * 0.001)
    bench.note(scenarioKey, server.contender, `lost ${outcome.lost} of ${outcome.completed + outcome.lost}`);
}
