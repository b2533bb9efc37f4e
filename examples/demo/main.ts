// `npm run demo`: a loop on this machine's loopback, without root and without other software. The
// same thousand queries go to a plain forwarder and to unloop, whose upstream sends everything
// back; what each did stands in a table.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startUnloop } from '../../src/load/unloop-process.ts';
import { openPlainForwarder, openRealServer, openReflector } from './actors.ts';
import { ask, type Outcome } from './ask.ts';

const QUERIES = 1000;
const PATIENCE_MS = 2500;
/** Where the reflector stops: enough to see what a loop is. */
const PACKET_LIMIT = 200_000;
const CLI = fileURLToPath(new URL('../../unloop/main.js', import.meta.url));

interface Row {
  readonly name: string;
  readonly loopPackets: number;
  readonly outcome: Outcome;
}

interface LogLine {
  readonly msg: string;
}

async function playPlain(): Promise<Row> {
  const reflector = await openReflector(PACKET_LIMIT);
  const forwarder = await openPlainForwarder(reflector.port);
  reflector.reflectTo(forwarder.port);
  const outcome = await ask(forwarder.port, QUERIES, PATIENCE_MS);
  const row = { name: 'a plain forwarder', loopPackets: reflector.packets(), outcome };
  await Promise.all([reflector.close(), forwarder.close()]);
  return row;
}

async function playUnloop(name: string, realPort: number | null): Promise<{ row: Row; log: LogLine[] }> {
  const reflector = await openReflector(PACKET_LIMIT);
  const log: LogLine[] = [];
  const flags = ['--workers', '1'];
  for (const port of realPort === null ? [reflector.port] : [reflector.port, realPort])
    flags.push('--upstream', `127.0.0.1:${port}`);
  const unloop = await startUnloop(flags, (line) => log.push(JSON.parse(line) as LogLine));
  reflector.reflectTo(unloop.port);
  const outcome = await ask(unloop.port, QUERIES, PATIENCE_MS);
  const row = { name, loopPackets: reflector.packets(), outcome };
  await unloop.stop();
  await reflector.close();
  return { row, log };
}

function formatTable(rows: readonly Row[]): string {
  const header = ['', 'packets in the loop', 'answered', 'SERVFAIL', 'no answer', 'median', 'worst'];
  const ms = (value: number) => (Number.isNaN(value) ? '–' : `${value.toFixed(1)} ms`);
  const cells = rows.map(({ name, loopPackets, outcome }) => [
    name,
    `${loopPackets.toLocaleString('en')}${loopPackets === PACKET_LIMIT ? ' (stopped)' : ''}`,
    String(outcome.answered),
    String(outcome.refused),
    String(outcome.silent),
    ms(outcome.medianMs),
    ms(outcome.worstMs),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   ')}`;
  return [line(header), ...cells.map(line)].join('\n');
}

/** A node as Ubuntu ships it, for the doctor to look at. */
async function makeNodeTree(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'unloop-demo-'));
  const files = {
    'etc/resolv.conf': 'nameserver 127.0.0.53\noptions edns0 trust-ad\n',
    'run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.2\nnameserver 10.0.0.3\n',
    'run/systemd/resolve/stub-resolv.conf': 'nameserver 127.0.0.53\n',
    'var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\nresolvConf: /etc/resolv.conf\n',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

async function showDoctor(): Promise<void> {
  const root = await makeNodeTree();
  spawnSync(process.execPath, [CLI, 'doctor', '--root', root], { stdio: 'inherit' });
  await rm(root, { recursive: true });
}

async function main(): Promise<void> {
  console.log(`${QUERIES} queries, and an upstream that sends every one of them back:\n`);
  const real = await openRealServer();
  const plain = await playPlain();
  const alone = await playUnloop('unloop, no other upstream', null);
  const healed = await playUnloop('unloop, one real upstream beside it', real.port);
  await real.close();
  console.log(formatTable([plain, alone.row, healed.row]));
  const line = healed.log.find(({ msg }) => msg.startsWith('DNS forwarding loop'));
  console.log(`\nWhat unloop logged, once:\n\n  ${line?.msg ?? 'nothing'}`);
  console.log('\nWhat `unloop doctor` says of a node as Ubuntu ships it:\n');
  await showDoctor();
}

await main();
