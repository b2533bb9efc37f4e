// `npm run soak -- --minutes N`: unloop between clients and upstreams, faults on a schedule, every
// answer checked against the truth, memory and descriptors watched. Ends with a verdict: exit code
// 0 when everything held, 1 when not, 2 for bad usage.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine, formatMachine } from '../../src/load/machine.ts';
import { Clients } from './clients.ts';
import { Outcomes } from './outcomes.ts';
import { AFTERMATH, CALM, FAULTS, HARD_AFTERMATH, type Stage } from './schedule.ts';
import { ServerUnderTest } from './server-under-test.ts';
import { TruthfulUpstream } from './truthful-upstream.ts';
import { type Check, formatChecks, formatOutcomes, judge, type Sample } from './verdict.ts';

const FAULT_MS = 4000;
/** Quarantine of a looping upstream ends within 2 s, and a probe must say that the loop is gone. */
const AFTERMATH_MS = 5000;
const CALM_MS = 1000;
const SAMPLE_MS = 1000;
/** Heaps, caches and tables fill. The share of the run, and no more than this. */
const WARM_UP_SHARE = 1 / 3;
const MAX_WARM_UP_MS = 10 * 60_000;
const USAGE =
  'usage: npm run soak -- [--minutes 3] [--qps 1000] [--workers 2] [--markdown FILE] [--json FILE]';

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) {
    console.error(USAGE);
    return 2;
  }
  const { minutes, qps, workers } = options;
  const upstreams = await startUpstreams();
  const addresses = upstreams.map(({ address, port }) => `${address}:${port}`);
  const server = new ServerUnderTest({
    listen: ['127.0.0.1:0'],
    admin: { listen: 'off' },
    workers,
    // Small, so that it is full after the warm-up; a stale answer says 1 s, which no true TTL is
    // below.
    cache: {
      maxEntries: 4000,
      maxBytes: '4MiB',
      failureTtl: '1s',
      serveStale: { maxAge: '1h', ttl: '1s', after: '1500ms' },
    },
    loop: { quarantine: { min: '1s', max: '2s' } },
    limits: { tcpIdle: '2s' },
    log: { level: 'info', format: 'json' },
  });
  server.useUpstreams(addresses.slice(0, 2));
  await server.start();
  for (const upstream of upstreams) upstream.sendBackTo(server.port);
  const outcomes = new Outcomes();
  outcomes.begin(CALM);
  const clients = new Clients(server.port, qps, outcomes);
  const startMs = performance.now();
  const durationMs = minutes * 60_000;
  console.log(
    `${minutes} minutes, ${qps} queries a second, ${workers} workers; unloop has process ${server.pid}, upstreams ${addresses.join(' ')}`,
  );
  await clients.start();
  const samples: Sample[] = [];
  const sampler = setInterval(() => {
    const atMs = performance.now() - startMs;
    void server.holdings().then((holdings) => {
      if (holdings !== null) samples.push({ atMs, ...holdings });
    });
  }, SAMPLE_MS);
  let workersKilled = 0;
  const stage: Stage = {
    upstreams,
    useUpstreams: (numbers) => server.useUpstreams(numbers.map((number) => addresses[number]!)),
    reload: () => server.reload(),
    killWorker: () => {
      workersKilled++;
      server.killWorker();
    },
  };
  await playFaults(stage, outcomes, startMs + durationMs, server);
  clearInterval(sampler);
  await clients.stop();
  const exitCode = await server.stop();
  for (const upstream of upstreams) upstream.close();

  const warmUpMs = Math.min(durationMs * WARM_UP_SHARE, MAX_WARM_UP_MS);
  const checks = judge({
    outcomes,
    samples: samples.filter((sample) => sample.atMs >= warmUpMs),
    exitCode,
    complaints: server.complaints,
    workersKilled,
  });
  const report = formatReport(checks, outcomes, server.complaints, options, durationMs);
  console.log(`\n${report}`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, report);
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      JSON.stringify({ checks, outcomes: Object.fromEntries(outcomes.byFault), samples }),
    );
  return checks.every((check) => check.holds) ? 0 : 1;
}

interface Options {
  readonly minutes: number;
  readonly qps: number;
  readonly workers: number;
  readonly markdown: string | undefined;
  readonly json: string | undefined;
}

function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '3' },
        qps: { type: 'string', default: '1000' },
        workers: { type: 'string', default: '2' },
        markdown: { type: 'string' },
        json: { type: 'string' },
      },
    });
    const [minutes, qps, workers] = [Number(values.minutes), Number(values.qps), Number(values.workers)];
    if (!(minutes > 0 && qps >= 1 && workers >= 1)) return null;
    return { minutes, qps, workers, markdown: values.markdown, json: values.json };
  } catch {
    return null;
  }
}

/**
 * On port 53 of loopback addresses, so that a resolv.conf can name them; on other ports where that
 * is not allowed.
 */
async function startUpstreams(): Promise<[TruthfulUpstream, TruthfulUpstream, TruthfulUpstream]> {
  const network = `127.53.${process.pid & 0xff}`;
  try {
    return await startThree((number) => [`${network}.${number}`, 53]);
  } catch {
    console.log('port 53 cannot be had: upstreams are swapped in the configuration, not in resolv.conf');
    return startThree(() => ['127.0.0.1', 0]);
  }
}

async function startThree(
  place: (number: number) => [string, number],
): Promise<[TruthfulUpstream, TruthfulUpstream, TruthfulUpstream]> {
  const start = (number: number) => TruthfulUpstream.start(...place(number));
  return [await start(1), await start(2), await start(3)];
}

/** One fault after the other until the end of the time. */
async function playFaults(
  stage: Stage,
  outcomes: Outcomes,
  endMs: number,
  server: ServerUnderTest,
): Promise<void> {
  for (;;) {
    for (const fault of FAULTS) {
      const isTime = performance.now() + FAULT_MS + AFTERMATH_MS + CALM_MS < endMs;
      if (server.hasEnded) return;
      if (!isTime) {
        await sleep(Math.max(0, endMs - performance.now()));
        return;
      }
      outcomes.begin(fault.name);
      await fault.begin(stage);
      await sleep(FAULT_MS);
      await fault.end(stage);
      outcomes.begin(fault.mayFail ? HARD_AFTERMATH : AFTERMATH);
      await sleep(AFTERMATH_MS);
      outcomes.begin(CALM);
      await sleep(CALM_MS);
    }
  }
}

function formatReport(
  checks: readonly Check[],
  outcomes: Outcomes,
  complaints: readonly string[],
  { minutes, qps, workers }: Options,
  durationMs: number,
): string {
  const held = checks.every((check) => check.holds);
  const rate = Math.round(outcomes.total('sent') / (durationMs / 1000));
  const details = [
    ...outcomes.examples.map((example) => `- ${example}`),
    ...complaints.slice(0, 20).map((line) => `- the server: \`${line.trim()}\``),
  ];
  return `# Soak: ${minutes} minutes, ${held ? 'everything held' : 'BROKEN'}

${formatMachine(describeMachine())}. ${qps} queries a second wanted, ${rate} sent; ${workers} workers. Ended ${new Date().toISOString()}.

${formatChecks(checks)}

${formatOutcomes(outcomes)}

${details.join('\n')}
`;
}

process.exitCode = await main();
