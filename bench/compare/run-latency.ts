// The scenario of kind `latency`: a fixed rate of cached names, how long each answer takes from
// when its query was to be sent, and what it costs when batches are small. unloop's metrics are
// scraped every second meanwhile, as Prometheus would.
import { get } from 'node:http';
import { join } from 'node:path';
import type { LoadReport } from '../../src/load/report.ts';
import { runProgram } from '../../test/kit/run-program.ts';
import { type Bench, turnsOf } from './bench.ts';
import { runDnsperf } from './dnsperf.ts';
import { processorTimeNs } from './process-cost.ts';
import { UNLOOP } from './project.ts';
import { HOT_NAMES, hotQueries, writeQueryFile } from './query-files.ts';
import { noteFaults } from './run-load.ts';
import type { RunningServer } from './server-process.ts';

/** Queries a second, from so many clients, whatever the server does. */
export interface FixedLoad {
  readonly rate: number;
  readonly clients: number;
}

export const LATENCY_LOAD: FixedLoad = { rate: 20_000, clients: 20 };
const SCRAPE_EVERY_MS = 1000;
export const WARM = { seconds: 2, tcp: false, edns: false, outstanding: 200, once: false } as const;

export async function runLatencyScenario(bench: Bench, key: string): Promise<void> {
  const queryFile = join(bench.workFolder, 'latency.queries');
  await writeQueryFile(queryFile, hotQueries());
  const running = await bench.startAll(key, { cache: true, cacheNames: HOT_NAMES });
  try {
    for (const { port } of running) await runDnsperf({ ...WARM, port, queryFile });
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const server of turnsOf(running, round))
        await measureFixedLoad(bench, key, server, round, queryFile, LATENCY_LOAD);
    }
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

/** One turn of one server under a fixed load: how long its answers take and what they cost. */
export async function measureFixedLoad(
  bench: Bench,
  key: string,
  server: RunningServer,
  round: number,
  queryFile: string,
  { rate, clients }: FixedLoad,
): Promise<void> {
  const stopScrapes = startScrapes(server);
  const beforeNs = processorTimeNs(server.pid);
  const args = ['--target', `127.0.0.1:${server.port}`, '--qps', String(rate), '--clients', String(clients)];
  args.push('--names', queryFile, '--duration', `${bench.options.seconds}s`, '--timeout', '2s', '--json');
  const output = await runProgram(process.execPath, [UNLOOP, 'bench', ...args]);
  const usedNs = processorTimeNs(server.pid) - beforeNs;
  stopScrapes();
  const report = JSON.parse(output) as LoadReport;
  const { answered, lost, latencyMs } = report;
  noteFaults(bench, key, server, { ...report, completed: answered });
  bench.record(key, server.contender, round, {
    p50Us: latencyMs.p50 * 1000,
    p99Us: latencyMs.p99 * 1000,
    p999Us: latencyMs.p999 * 1000,
    maxUs: latencyMs.max * 1000,
    cpuMicros: usedNs / 1000 / answered,
    lost,
    // Of the load tool: what the machine kept from it, it kept from the server as well.
    behindMs: report.behindMs,
  });
}

/** Scrapes unloop as Prometheus would, and nobody else. Returns what ends it. */
export function startScrapes(server: RunningServer): () => void {
  if (server.contender.kind !== 'unloop') return () => {};
  const timer = setInterval(() => scrape(server), SCRAPE_EVERY_MS);
  return () => clearInterval(timer);
}

function scrape(server: RunningServer): void {
  const request = get({ port: server.adminPort, path: '/metrics' }, (response) => response.resume());
  // A scrape that fails shows in the figures of nobody; the load's own faults are noted.
  request.on('error', () => {});
}
