// Scenarios of kind `memory`, `start` and `names`: what a contender takes before, and with a full
// cache.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, turnsOf } from './bench.ts';
import { type Load, runDnsperf } from './dnsperf.ts';
import { residentMib } from './process-cost.ts';
import { hotQueries, writeQueryFile } from './query-files.ts';
import { measure } from './run-load.ts';
import type { RunningServer } from './server-process.ts';

const MEMORY_NAMES = 100_000;
const FEW_NAMES = 10_000;
const MANY_NAMES = 1_000_000;
/** Time for what a start, or a load, leaves behind to be collected. */
const IDLE_MS = 15_000;
const STARTS = 7;
const STARTS_SMOKE = 2;

function loadOf(port: number, queryFile: string, seconds: number, once: boolean): Load {
  return { port, queryFile, seconds, tcp: false, edns: false, outstanding: 200, once };
}

/** Resident memory: idle, and after 100,000 names were answered. */
export async function runMemoryScenario(bench: Bench, key: string): Promise<void> {
  const queryFile = join(bench.workFolder, 'memory.queries');
  await writeQueryFile(queryFile, hotQueries(MEMORY_NAMES));
  for (const server of await bench.startAll(key, { cache: true, cacheNames: MEMORY_NAMES })) {
    await sleep(IDLE_MS);
    const idleMib = residentMib(server.pid);
    await runDnsperf(loadOf(server.port, queryFile, 60, true));
    await sleep(IDLE_MS);
    bench.record(key, server.contender, 0, { idleMib, filledMib: residentMib(server.pid) });
    await server.stop();
  }
}

/** From exec to the first answer; the same binary files in the page cache for everybody. */
export async function runStartScenario(bench: Bench, key: string): Promise<void> {
  const starts = bench.options.smoke ? STARTS_SMOKE : STARTS;
  for (let round = 0; round < starts; round++) {
    for (const contender of turnsOf(bench.contendersIn(key), round)) {
      const server = await bench.startOrNote(contender, key, { cache: true, cacheNames: 0 });
      if (server === null) continue;
      bench.record(key, contender, round, { startMs: server.startMs });
      await server.stop();
    }
  }
}

/** unloop alone: whether an answer costs the same from a small cache and from a large one. */
export async function runNamesScenario(bench: Bench, key: string): Promise<void> {
  const unloop = bench.contenders.find((contender) => contender.key === 'unloop');
  if (unloop === undefined) return;
  const many = bench.options.smoke ? MANY_NAMES / 20 : MANY_NAMES;
  const servers = new Map<number, RunningServer>();
  try {
    for (const names of [FEW_NAMES, many]) {
      const queryFile = join(bench.workFolder, `names-${names}.queries`);
      await writeQueryFile(queryFile, hotQueries(names));
      // The same configuration for both: only the number of names differs.
      const server = await bench.start(unloop, { cache: true, cacheNames: many });
      servers.set(names, server);
      await runDnsperf(loadOf(server.port, queryFile, 120, true));
    }
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const [names, server] of turnsOf([...servers], round)) {
        const queryFile = join(bench.workFolder, `names-${names}.queries`);
        const load = loadOf(server.port, queryFile, bench.options.seconds, false);
        await measure(bench, names === FEW_NAMES ? `${key}-few` : `${key}-many`, server, round, load);
      }
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
}
