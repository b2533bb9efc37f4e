// The scenario of kind `pause`: whether unloop ever stands still. A minute at a fixed rate with a
// full cache, in which every new name costs an old one its place, and a scrape every second.
import { join } from 'node:path';
import type { LoadReport } from '../../src/load/report.ts';
import { runProgram } from '../../test/kit/run-program.ts';
import type { Bench } from './bench.ts';
import { runDnsperf } from './dnsperf.ts';
import { processorTimeNs } from './process-cost.ts';
import { UNLOOP } from './project.ts';
import { hotQueries, writeQueryFile } from './query-files.ts';
import { startScrapes } from './run-latency.ts';
import { noteFaults } from './run-load.ts';

const RATE = 20_000;
const CLIENTS = 20;
const NEW_NAMES = '5%';
const SECONDS = 60;
const SECONDS_SMOKE = 2;
/** More than the shipped cache holds. */
const FILLING_NAMES = 120_000;
const PAUSE_MS = 10;

export async function runPauseScenario(bench: Bench, key: string): Promise<void> {
  const unloop = bench.contenders.find((contender) => contender.key === 'unloop');
  if (unloop === undefined) return;
  const queryFile = join(bench.workFolder, 'pause.queries');
  await writeQueryFile(queryFile, hotQueries(FILLING_NAMES));
  const server = await bench.start(unloop, { cache: true, cacheNames: 0 });
  const stopScrapes = startScrapes(server);
  try {
    const fill = { port: server.port, queryFile, seconds: 60, tcp: false, edns: false, once: true };
    await runDnsperf({ ...fill, outstanding: 200 });
    const seconds = bench.options.smoke ? SECONDS_SMOKE : SECONDS;
    const args = ['bench', '--target', `127.0.0.1:${server.port}`, '--qps', String(RATE), '--json'];
    args.push('--clients', String(CLIENTS), '--unique', NEW_NAMES, '--timeout', '2s');
    // What is compiled only under this load is compiled before.
    args.push('--warmup', '2s', '--duration', `${seconds}s`);
    const beforeNs = processorTimeNs(server.pid);
    const report = JSON.parse(await runProgram(process.execPath, [UNLOOP, ...args])) as LoadReport;
    const usedNs = processorTimeNs(server.pid) - beforeNs;
    const { answered, lost, latencyMs } = report;
    noteFaults(bench, key, server, { ...report, completed: answered });
    const over = report.histogram.filter(([upperMs]) => upperMs > PAUSE_MS);
    bench.record(key, unloop, 0, {
      seconds,
      answered,
      lost,
      p99Us: latencyMs.p99 * 1000,
      p999Us: latencyMs.p999 * 1000,
      maxUs: latencyMs.max * 1000,
      over10Ms: over.reduce((sum, [, count]) => sum + count, 0),
      cpuMicros: usedNs / 1000 / answered,
      behindMs: report.behindMs,
    });
  } finally {
    stopScrapes();
    await server.stop();
  }
}
