// Scenarios of kind `rate`: what an answer costs at a fixed rate, as low as those of most clusters.
// Nobody is scraped meanwhile: at 1,000 queries a second a scrape each second would weigh as much
// as the queries.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadReport } from '../../src/load/report.ts';
import { runProgram } from '../../test/kit/run-program.ts';
import { type Bench, turnsOf } from './bench.ts';
import { runDnsperf } from './dnsperf.ts';
import { processorTimeNs } from './process-cost.ts';
import { UNLOOP } from './project.ts';
import { HOT_NAMES, hotQueries, writeQueryFile } from './query-files.ts';
import { WARM } from './run-latency.ts';
import { noteFaults } from './run-load.ts';
import type { RateScenario } from './scenarios.ts';
import type { RunningServer } from './server-process.ts';

/** Names that a cluster's pods ask for, from many namespaces: all caches hold that many. */
const CLUSTER_NAMES = 30_000;
const WARM_SECONDS = 3;

export async function runRateScenario(bench: Bench, scenario: RateScenario): Promise<void> {
  const { key, asks } = scenario;
  const queryFile = join(bench.workFolder, `${key}.queries`);
  await writeQueryFile(queryFile, hotQueries());
  const cacheNames = asks === 'cluster' ? CLUSTER_NAMES : HOT_NAMES;
  const running = await bench.startAll(key, { cache: asks !== 'forwarded', cacheNames });
  try {
    for (const server of running) {
      await runDnsperf({ ...WARM, port: server.port, queryFile });
      // The same questions as fast as they are answered, so that what is compiled only under them
      // is compiled: at 1,000 a second that would take longer than the measurement.
      if (asks !== 'cached') await load(server, queryFile, scenario, WARM_SECONDS, []);
    }
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const server of turnsOf(running, round)) {
        try {
          await measureRate(bench, scenario, server, round, queryFile);
        } catch (error) {
          bench.note(key, server.contender, (error as Error).message);
        }
      }
    }
    await rm(queryFile);
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

async function measureRate(
  bench: Bench,
  scenario: RateScenario,
  server: RunningServer,
  round: number,
  queryFile: string,
): Promise<void> {
  const beforeNs = processorTimeNs(server.pid);
  const rate = ['--qps', String(scenario.rate)];
  const report = await load(server, queryFile, scenario, bench.options.seconds, rate);
  const usedNs = processorTimeNs(server.pid) - beforeNs;
  const { answered, lost, latencyMs, rcodes } = report;
  // Most of what a cluster asks does not exist: that is an answer like another.
  const good = (rcodes.NOERROR ?? 0) + (scenario.asks === 'cluster' ? (rcodes.NXDOMAIN ?? 0) : 0);
  noteFaults(bench, scenario.key, server, {
    completed: answered,
    lost,
    rcodes: { ...rcodes, NOERROR: good },
  });
  if (answered === 0) return;
  bench.record(scenario.key, server.contender, round, {
    cpuMicros: usedNs / 1000 / answered,
    p50Us: latencyMs.p50 * 1000,
    p99Us: latencyMs.p99 * 1000,
    lost,
    behindMs: report.behindMs,
  });
}

async function load(
  server: RunningServer,
  queryFile: string,
  { clients, asks }: RateScenario,
  seconds: number,
  rate: readonly string[],
): Promise<LoadReport> {
  const args = ['bench', '--target', `127.0.0.1:${server.port}`, ...rate, '--json'];
  args.push('--clients', String(clients), '--duration', `${seconds}s`, '--timeout', '2s');
  if (asks === 'cached') args.push('--names', queryFile);
  else if (asks === 'forwarded') args.push('--unique', '100%');
  else args.push('--profile', 'cluster');
  return JSON.parse(await runProgram(process.execPath, [UNLOOP, ...args])) as LoadReport;
}
