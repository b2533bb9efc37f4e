// The scenario of kind `storm`: names whose upstream sends every query back, beside names that have
// nothing to do with it. `unloop bench` plays the upstream that sends back, and all clients; each
// server is told to ask it for loop.example alone.
import type { StormReport } from '../../src/load/loop-storm.ts';
import { freePort } from '../../test/kit/free-port.ts';
import { runProgram } from '../../test/kit/run-program.ts';
import { type Bench, turnsOf } from './bench.ts';
import type { Contender } from './contender.ts';
import { UNLOOP } from './project.ts';

/**
 * A storm costs a server that nothing stops a whole core for as long as it lasts: long enough is
 * enough.
 */
const MOST_SECONDS = 5;
/** Of looping and of other names, each. */
const QPS = 1000;

export async function runStormScenario(bench: Bench, key: string): Promise<void> {
  for (let round = 0; round < bench.options.rounds; round++) {
    for (const contender of turnsOf(bench.contendersIn(key), round))
      await measure(bench, key, contender, round);
  }
}

/** Each round with a server of its own: some never come out of a loop. */
async function measure(bench: Bench, key: string, contender: Contender, round: number): Promise<void> {
  const loopPort = await freePort();
  const server = await bench.startOrNote(contender, key, { cache: true, cacheNames: 0, loopPort });
  if (server === null) return;
  try {
    const seconds = Math.min(bench.options.seconds, MOST_SECONDS);
    const args = ['--scenario', 'loop-storm', '--target', `127.0.0.1:${server.port}`];
    // The sound upstream that it brings along is asked by nobody here: every server has that of all
    // scenarios.
    args.push('--reflector', `127.0.0.1:${loopPort}`, '--responder', `127.0.0.1:${await freePort()}`);
    args.push('--qps', String(QPS), '--loop-qps', String(QPS));
    args.push('--pid', String(server.pid), '--duration', `${seconds}s`, '--timeout', '2s', '--json');
    const report = JSON.parse(await runProgram(process.execPath, [UNLOOP, 'bench', ...args])) as StormReport;
    bench.record(key, contender, round, {
      packetsPerQuery: report.packetsPerQuery,
      cpuSeconds: report.cpuSeconds ?? Number.NaN,
      unrelatedLostPercent: report.during.lossPercent,
      unrelatedP99Us: report.during.latencyMs.p99 * 1000,
      loopingLostPercent: report.loop.lossPercent,
      ...(report.loop.answered === 0 ? {} : { loopingP50Us: report.loop.latencyMs.p50 * 1000 }),
    });
  } catch (error) {
    bench.note(key, contender, (error as Error).message);
  } finally {
    await server.stop();
  }
}
