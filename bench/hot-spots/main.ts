// `npm run bench:hot-spots`: what clients of other names see while one name, one client's flood or
// names of one worker alone keep unloop busy. With one and with two workers; the clients' names are
// split by the worker that they are dealt to (docs/adr/0023-names-dealt-to-workers.md). Compare the
// rows of one run with each other only.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../src/base/child-process.ts';
import { FileQueries } from '../../src/load/file-queries.ts';
import { runLoad } from '../../src/load/load-run.ts';
import type { Tally } from '../../src/load/tally.ts';
import { resolveTarget, type Target } from '../../src/load/target.ts';
import { parsePrometheusText } from '../../test/kit/prometheus-text.ts';
import { CONTENDERS } from '../compare/contenders.ts';
import { type RunningServer, startServer } from '../compare/server-process.ts';
import { table } from '../compare/tables.ts';

const SECONDS = Number(process.env.HOT_SPOT_SECONDS ?? 8);
const NAMES = 200;
/** Asked for by the clients of other names, in each group of names. */
const QPS = 200;
const CLIENTS = 8;
const TIMEOUT_MS = 2000;
const NEW_NAMES = 300_000;
const ATTACKER_CONCURRENCY = 200;
const SHAPE = { randomCase: false, ednsShare: 0, dnssecShare: 0 };

const folder = mkdtempSync(join(tmpdir(), 'hot-spots-'));
const here = (path: string) => new URL(path, import.meta.url).pathname;
const lines = (names: readonly string[]) => names.map((name) => `${name} A\n`).join('');

function write(file: string, names: readonly string[]): string {
  const path = join(folder, file);
  writeFileSync(path, lines(names));
  return path;
}

/** An upstream in a process of its own. */
async function startUpstream(): Promise<{ child: Child; port: number }> {
  const code = `import { Responder } from ${JSON.stringify(here('../../src/load/responder.js'))};
    console.log((await Responder.start('127.0.0.1', 0)).port);`;
  const child = new Child([process.execPath, '--input-type=module', '--eval', code]);
  const port = await child.until(() => (child.stdout.includes('\n') ? Number(child.stdout) : null), 20_000);
  return { child, port };
}

async function countsByWorker({ adminPort }: RunningServer): Promise<number[]> {
  const url = `http://127.0.0.1:${adminPort}/metrics`;
  // The server answers before its admin listener is open.
  let response: Response | null = null;
  while (response === null) response = await fetch(url).catch(() => sleep(50, null));
  const text = await response.text();
  return parsePrometheusText(text)
    .get('unloop_worker_queries_total')!
    .series.map(({ value }) => value);
}

const ask = (target: Target, names: readonly string[], qps: number, durationMs: number) =>
  runLoad(
    {
      target,
      clients: CLIENTS,
      concurrency: 1,
      qps,
      durationMs,
      queries: durationMs === Number.POSITIVE_INFINITY ? names.length : Number.POSITIVE_INFINITY,
      timeoutMs: TIMEOUT_MS,
    },
    new FileQueries('names', lines(names), SHAPE, 1),
  );

/** The worker that a name is dealt to: whose count rises. Also puts it into the cache. */
async function workerOf(server: RunningServer, target: Target, name: string): Promise<number> {
  const before = await countsByWorker(server);
  await ask(target, [name], 0, Number.POSITIVE_INFINITY);
  const after = await countsByWorker(server);
  return after.findIndex((count, worker) => count > before[worker]!);
}

interface Attack {
  readonly title: string;
  readonly clients: number;
  readonly file: string;
}

async function attackRate(server: RunningServer, { file, clients }: Attack): Promise<() => Promise<number>> {
  const child = new Child([
    process.execPath,
    ...[here('../../unloop/main.js'), 'bench', '--target', `127.0.0.1:${server.port}`, '--names', file],
    ...['--clients', String(clients), '--concurrency', String(ATTACKER_CONCURRENCY)],
    ...['--duration', `${SECONDS + 3}s`, '--timeout', '1s', '--json'],
  ]);
  // Until it is at its rate.
  await sleep(1500);
  return async () => {
    await child.ended;
    return (JSON.parse(child.stdout) as { qps: number }).qps;
  };
}

const ms = (value: number) => value.toFixed(1);

function cells({ sent, lost, latency }: Tally): string[] {
  return [
    `${lost} of ${sent}`,
    `${ms(latency.percentile(50))}, ${ms(latency.percentile(99))}, ${ms(latency.maxMs)}`,
  ];
}

async function measure(workers: number, upstreamPort: number): Promise<string[][]> {
  const contender = CONTENDERS.find(({ key }) => key === (workers === 1 ? 'unloop' : 'unloop-2'))!;
  const setup = {
    cache: true,
    cacheNames: 0,
    upstreamPort,
    floors: { answer: '', forward: '' },
    workFolder: folder,
  };
  const server = await startServer(contender, setup);
  try {
    const target = await resolveTarget({
      text: `127.0.0.1:${server.port}`,
      proto: 'udp',
      insecure: false,
      ca: null,
      allowPublic: false,
    });
    const groups: string[][] = Array.from({ length: workers }, () => []);
    for (let i = 0; i < NAMES; i++) {
      const name = `n${i}.hot.example`;
      groups[await workerOf(server, target, name)]!.push(name);
    }
    // The attackers' names are of worker 0, and none of the names that clients ask for.
    const ofFirst: string[] = [];
    for (let i = 0; ofFirst.length < 20; i++) {
      const name = `a${i}.attack.example`;
      if ((await workerOf(server, target, name)) === 0) ofFirst.push(name);
    }
    // Alike in the 64 bytes that the kernel looks at: one worker has them all.
    let alike = '';
    for (let i = 0; alike === ''; i++) {
      const prefix = String(i).padEnd(63, 'x');
      if ((await workerOf(server, target, `${prefix}.new.example`)) === 0) alike = prefix;
    }
    const one = write('one', ofFirst.slice(0, 1));
    const attacks: (Attack | null)[] = [
      null,
      { title: 'one name, 50 clients', clients: 50, file: one },
      { title: 'one name, one client', clients: 1, file: one },
      { title: '20 names of worker 0, 50 clients', clients: 50, file: write('first', ofFirst) },
      {
        title: 'names of worker 0, each one new, 50 clients',
        clients: 50,
        file: write(
          'new',
          Array.from({ length: NEW_NAMES }, (_, i) => `${alike}.n${i}.example`),
        ),
      },
    ];
    const rows: string[][] = [];
    for (const attack of attacks) {
      const rate = attack === null ? null : await attackRate(server, attack);
      const loads = await Promise.all(groups.map((names) => ask(target, names, QPS, SECONDS * 1000)));
      const qps = rate === null ? '–' : Math.round(await rate()).toLocaleString('en');
      const seen = loads.flatMap(({ tally }) => cells(tally));
      rows.push([
        String(workers),
        attack?.title ?? 'nothing',
        qps,
        ...seen,
        ...(workers === 1 ? ['–', '–'] : []),
      ]);
      console.error(rows.at(-1)!.join(' | '));
    }
    return rows;
  } finally {
    await server.stop();
  }
}

const upstream = await startUpstream();
try {
  const rows = [...(await measure(1, upstream.port)), ...(await measure(2, upstream.port))];
  const columns = ['lost', 'median, p99, worst, ms'];
  const head = [
    'workers',
    'beside it',
    '… answered a second',
    ...['worker 0', 'worker 1'].flatMap((worker) => columns.map((column) => `names of ${worker}: ${column}`)),
  ];
  console.log(table(`${QPS} cached names a second for each worker, ${SECONDS} s`, head, rows));
} finally {
  await upstream.child.stop();
}
