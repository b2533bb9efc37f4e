// Start and idle memory, beside the peers: from exec to the first answer, the processor time until
// then, and what is resident when nothing has been asked since. `npm run bench:start [-- STARTS]`:
// medians; the machine should have nothing else to do.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Responder } from '../../src/load/responder.ts';
import type { Contender } from '../compare/contender.ts';
import { CONTENDERS } from '../compare/contenders.ts';
import { startServer } from '../compare/server-process.ts';
import { median } from '../compare/statistics.ts';

const KEYS = ['unloop', 'unbound', 'dnsdist', 'dnsmasq', 'coredns'];
const STARTS = 10;
/** Time for what a start leaves behind to be collected. */
const IDLE_MS = 1500;

interface Start {
  readonly startMs: number;
  readonly processorMs: number;
  readonly residentMib: number;
  /** Not shared with other processes: what one more of them costs. */
  readonly privateMib: number;
}

/** Linux counts it in hundredths of a second. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

function mib(rollup: string, ...fields: readonly string[]): number {
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(rollup)![1]);
  return fields.reduce((sum, field) => sum + kib(field), 0) / 1024;
}

async function startOnce(contender: Contender, upstreamPort: number, workFolder: string): Promise<Start> {
  const floors = { answer: '', forward: '' };
  const server = await startServer(contender, {
    cache: true,
    cacheNames: 0,
    upstreamPort,
    floors,
    workFolder,
  });
  const used = processorMs(server.pid);
  await sleep(IDLE_MS);
  const rollup = readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8');
  await server.stop();
  return {
    startMs: server.startMs,
    processorMs: used,
    residentMib: mib(rollup, 'Rss'),
    privateMib: mib(rollup, 'Private_Clean', 'Private_Dirty'),
  };
}

const starts = Number(process.argv[2] ?? STARTS);
const workFolder = mkdtempSync(join(tmpdir(), 'unloop-start-'));
const upstream = await Responder.start('127.0.0.1', 0);
const taking = CONTENDERS.filter(({ key }) => KEYS.includes(key)).filter((one) => one.version() !== null);
const results = new Map<Contender, Start[]>(taking.map((contender) => [contender, []]));
// In turns, so that what else the machine does hits all alike.
for (let round = 0; round < starts; round++)
  for (const [contender, list] of results) list.push(await startOnce(contender, upstream.port, workFolder));
await upstream.close();
rmSync(workFolder, { recursive: true });

console.log(
  `| ${starts} starts each, medians | first answer ms | processor ms | resident MiB | of it private MiB |`,
);
console.log('|---|---|---|---|---|');
for (const [{ title, version }, list] of results) {
  const middle = (field: keyof Start) => median(list.map((start) => start[field])).toFixed(0);
  const cells = [middle('startMs'), middle('processorMs'), middle('residentMib'), middle('privateMib')];
  console.log(`| ${title} ${version()} | ${cells.join(' | ')} |`);
}
