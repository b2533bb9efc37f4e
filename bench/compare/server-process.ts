// A contender that runs: started, waited for until its first answer, stopped. Its output is kept
// for the error message.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Contender, Purpose } from './contender.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 5000;
/** Between two first queries: the error of the start time. */
const ASK_EVERY_MS = 2;

/** Servers that run: they end with the comparison, however it ends. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** `first.example A`, RD, ID 1. */
const FIRST_QUERY = Buffer.from('000101000001000000000000056669727374076578616d706c650000010001', 'hex');

export interface RunningServer {
  readonly contender: Contender;
  readonly pid: number;
  readonly port: number;
  readonly adminPort: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** What a caller says of a purpose; the server's own ports and folder are chosen here. */
export type Setup = Omit<Purpose, 'port' | 'adminPort' | 'folder'> & { readonly workFolder: string };

/** Rejects with the server's own words when it ends or does not answer within half a minute. */
export async function startServer(contender: Contender, setup: Setup): Promise<RunningServer> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(setup.workFolder, `${contender.key}-`));
  const { command, args, environment } = contender.launch({ ...setup, port, adminPort, folder });
  const startedMs = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  child.on('exit', () => running.delete(child));
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-2000);
    });
  }
  const answered = await waitForAnswer(child, port);
  if (!answered) {
    child.kill('SIGKILL');
    throw new Error(`${contender.title} did not answer: ${command} ${args.join(' ')}\n${words}`);
  }
  return {
    contender,
    pid: child.pid!,
    port,
    adminPort,
    startMs: performance.now() - startedMs,
    stop: () => stop(child),
  };
}

/** Asks until somebody answers; false when the process ends or the time is over. */
function waitForAnswer(child: ChildProcess, port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  // Port unreachable: not up yet.
  socket.on('error', () => {});
  const ask = setInterval(() => socket.send(FIRST_QUERY, port, '127.0.0.1'), ASK_EVERY_MS);
  let limit: NodeJS.Timeout;
  return new Promise<boolean>((resolve) => {
    // A server that is up but has no upstream yet says SERVFAIL: not the answer that is waited for.
    socket.on('message', (reply) => (reply[3]! & 15) === 0 && resolve(true));
    child.on('error', () => resolve(false));
    child.on('exit', () => resolve(false));
    limit = setTimeout(() => resolve(false), START_LIMIT_MS);
  }).finally(() => {
    clearInterval(ask);
    clearTimeout(limit);
    socket.close();
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(limit);
}

/**
 * A port that was free for TCP and UDP a moment ago; whoever takes it meanwhile fails the start,
 * loudly.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const isFree = await isFreeForUdp(port);
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}

function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    // On all addresses: what others have bound to any of them would be in the way.
    socket.bind({ port, exclusive: true }, () => resolve(true));
  }).finally(() => socket.close());
}
