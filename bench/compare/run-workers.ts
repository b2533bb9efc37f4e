// The scenario of kind `workers`: whether a second worker makes a query dearer. Each worker gets
// the load that one alone gets: with one load for both, batches would be half as long, and that is
// dearer whoever shares it.
import { join } from 'node:path';
import { type Bench, turnsOf } from './bench.ts';
import { runDnsperf } from './dnsperf.ts';
import { HOT_NAMES, hotQueries, writeQueryFile } from './query-files.ts';
import { LATENCY_LOAD, measureFixedLoad, WARM } from './run-latency.ts';
import type { RunningServer } from './server-process.ts';

/** Contenders by key, and their workers. */
const WORKERS: Readonly<Record<string, number>> = { unloop: 1, 'unloop-2': 2 };

export async function runWorkersScenario(bench: Bench, key: string): Promise<void> {
  const queryFile = join(bench.workFolder, 'workers.queries');
  await writeQueryFile(queryFile, hotQueries());
  const running: RunningServer[] = [];
  for (const contender of bench.contenders) {
    if (WORKERS[contender.key] === undefined) continue;
    const server = await bench.startOrNote(contender, key, { cache: true, cacheNames: HOT_NAMES });
    if (server !== null) running.push(server);
  }
  try {
    for (const { port } of running) await runDnsperf({ ...WARM, port, queryFile });
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const server of turnsOf(running, round)) {
        const workers = WORKERS[server.contender.key]!;
        const load = { rate: LATENCY_LOAD.rate * workers, clients: LATENCY_LOAD.clients * workers };
        await measureFixedLoad(bench, key, server, round, queryFile, load);
      }
    }
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}
