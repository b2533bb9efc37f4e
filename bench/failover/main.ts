// `npm run bench:failover`: what clients see when one of two upstreams dies under 1,000 queries a
// second for names that nobody has cached: it stands still (as behind a black hole), or its port
// closes. unloop beside CoreDNS and dnsdist, one after the other, each as shipped. Compare the rows
// of one run with each other only.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../src/base/child-process.ts';
import { FileQueries } from '../../src/load/file-queries.ts';
import { runLoad } from '../../src/load/load-run.ts';
import type { Tally } from '../../src/load/tally.ts';
import { resolveTarget } from '../../src/load/target.ts';
import { parsePrometheusText } from '../../test/kit/prometheus-text.ts';
import type { Contender } from '../compare/contender.ts';
import { type RunningServer, startServer } from '../compare/server-process.ts';
import { median } from '../compare/statistics.ts';
import { table } from '../compare/tables.ts';
import { failoverContenders } from './contenders.ts';

const QPS = 1000;
const SECONDS = Number(process.env.FAILOVER_SECONDS ?? 10);
const ROUNDS = Number(process.env.FAILOVER_ROUNDS ?? 3);
/** After the start of the load. */
const FAULT_AFTER_MS = 2000;
/** As CoreDNS's clients: they ask again after this. */
const TIMEOUT_MS = 2000;
const CLIENTS = 20;
const SHAPE = { randomCase: false, ednsShare: 0, dnssecShare: 0 };

const FAULTS: Readonly<Record<string, NodeJS.Signals | null>> = {
  nothing: null,
  'it stands still': 'SIGSTOP',
  'its port closes': 'SIGKILL',
};

const folder = mkdtempSync(join(tmpdir(), 'failover-'));
const here = (path: string) => new URL(path, import.meta.url).pathname;

/** An upstream in a process of its own. */
async function startUpstream(): Promise<{ child: Child; port: number }> {
  const code = `import { Responder } from ${JSON.stringify(here('../../src/load/responder.js'))};
    console.log((await Responder.start('127.0.0.1', 0)).port);`;
  const child = new Child([process.execPath, '--input-type=module', '--eval', code]);
  const port = await child.until(() => (child.stdout.includes('\n') ? Number(child.stdout) : null), 20_000);
  return { child, port };
}

/** Messages to upstreams for each query of a client; null: a peer, which does not say. */
async function messagesPerQuery({ contender, adminPort }: RunningServer): Promise<number | null> {
  if (contender.kind !== 'unloop') return null;
  const metrics = parsePrometheusText(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text());
  const sum = (name: string) => metrics.get(name)!.series.reduce((total, { value }) => total + value, 0);
  return sum('unloop_upstream_requests_total') / sum('unloop_queries_total');
}

interface Outcome {
  readonly tally: Tally;
  readonly messages: number | null;
}

let nextName = 0;

async function measure(
  pick: (ports: readonly number[]) => Contender,
  fault: NodeJS.Signals | null,
): Promise<Outcome> {
  const upstreams = await Promise.all([startUpstream(), startUpstream()]);
  const contender = pick(upstreams.map(({ port }) => port));
  const setup = {
    cache: true,
    cacheNames: 0,
    upstreamPort: 0,
    floors: { answer: '', forward: '' },
    workFolder: folder,
  };
  const server = await startServer(contender, setup);
  try {
    const names = Array.from(
      { length: QPS * (SECONDS + 1) },
      () => `n${nextName++}.failover.example A\n`,
    ).join('');
    const target = await resolveTarget({
      text: `127.0.0.1:${server.port}`,
      proto: 'udp',
      insecure: false,
      ca: null,
      allowPublic: false,
    });
    // Both upstreams are known to answer.
    await sleep(500);
    const load = runLoad(
      {
        target,
        clients: CLIENTS,
        concurrency: 1,
        qps: QPS,
        durationMs: SECONDS * 1000,
        queries: Number.POSITIVE_INFINITY,
        timeoutMs: TIMEOUT_MS,
      },
      new FileQueries('names', names, SHAPE, 1),
    );
    await sleep(FAULT_AFTER_MS);
    if (fault !== null) process.kill(upstreams[1]!.child.pid, fault);
    const { tally } = await load;
    return { tally, messages: await messagesPerQuery(server) };
  } finally {
    await server.stop();
    for (const { child } of upstreams) await child.kill();
  }
}

/** Medians of the rounds; the errors of all. */
function cells(outcomes: readonly Outcome[]): string[] {
  const tallies = outcomes.map(({ tally }) => tally);
  const total = (of: (tally: Tally) => number) => tallies.reduce((sum, tally) => sum + of(tally), 0);
  const ms = (of: (tally: Tally) => number) => median(tallies.map(of)).toFixed(1);
  const messages = outcomes.flatMap(({ messages: each }) => each ?? []);
  return [
    String(total(({ sent }) => sent)),
    String(total(({ lost }) => lost)),
    String(total(({ answered, rcodes }) => answered - rcodes[0]!)),
    ms(({ latency }) => latency.percentile(50)),
    ms(({ latency }) => latency.percentile(99)),
    ms(({ latency }) => latency.percentile(99.9)),
    ms(({ latency }) => latency.maxMs),
    messages.length === 0 ? '–' : median(messages).toFixed(3),
  ];
}

const contenders = failoverContenders([1, 2]).filter((contender) => contender.version() !== null);
const rows: string[][] = [];
for (const [title, fault] of Object.entries(FAULTS)) {
  const outcomes = contenders.map((): Outcome[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const i of contenders.keys()) {
      const pick = (ports: readonly number[]) =>
        failoverContenders(ports).find(({ key }) => key === contenders[i]!.key)!;
      outcomes[i]!.push(await measure(pick, fault));
    }
  }
  for (const [i, contender] of contenders.entries()) {
    rows.push([title, `${contender.title} ${contender.version()}`, ...cells(outcomes[i]!)]);
    console.error(rows.at(-1)!.join(' | '));
  }
}
const head = [
  'one of two',
  'server',
  'sent',
  'no answer',
  'errors',
  'median',
  'p99',
  'p99.9',
  'worst, ms',
  'messages per query',
];
console.log(
  table(
    `${QPS} new names a second for ${SECONDS} s, the fault after ${FAULT_AFTER_MS / 1000} s; ${ROUNDS} rounds`,
    head,
    rows,
  ),
);
