// A contender that runs: started, waited for until its first answer, stopped.
import { createSocket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Child } from '../../src/base/child-process.ts';
import { freePort } from '../../test/kit/free-port.ts';
import type { Contender, Purpose } from './contender.ts';

const START_LIMIT_MS = 30_000;
/** Between two first queries: the error of the start time. */
const ASK_EVERY_MS = 2;

/** `first.example A`, RD, ID 1. */
const FIRST_QUERY = Buffer.from('000101000001000000000000056669727374076578616d706c650000010001', 'hex');

export interface RunningServer {
  readonly contender: Contender;
  readonly pid: number;
  readonly port: number;
  readonly adminPort: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  stop(): Promise<unknown>;
}

/** What a caller says of a purpose; the server's own ports and folder are chosen here. */
export type Setup = Omit<Purpose, 'port' | 'adminPort' | 'folder'> & { readonly workFolder: string };

/** Rejects with the server's own words when it ends or does not answer within half a minute. */
export async function startServer(contender: Contender, setup: Setup): Promise<RunningServer> {
  // Free on all addresses: some contenders listen on them all.
  const [port, adminPort] = [await freePort('0.0.0.0'), await freePort('0.0.0.0')];
  const folder = mkdtempSync(join(setup.workFolder, `${contender.key}-`));
  const { command, args, environment } = contender.launch({ ...setup, port, adminPort, folder });
  const startedMs = performance.now();
  const child = new Child([command, ...args], { env: { ...process.env, ...environment } });
  if (!(await waitForAnswer(child, port))) {
    await child.kill();
    throw child.failure(`(${contender.title}) did not answer`);
  }
  return {
    contender,
    pid: child.pid,
    port,
    adminPort,
    startMs: performance.now() - startedMs,
    stop: () => child.stop(),
  };
}

/** Asks until somebody answers; false when the process ends or the time is over. */
function waitForAnswer(child: Child, port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  // Port unreachable: not up yet.
  socket.on('error', () => {});
  const ask = setInterval(() => socket.send(FIRST_QUERY, port, '127.0.0.1'), ASK_EVERY_MS);
  let limit: NodeJS.Timeout;
  return new Promise<boolean>((resolve) => {
    // A server that is up but has no upstream yet says SERVFAIL: not the answer that is waited for.
    socket.on('message', (reply) => (reply[3]! & 15) === 0 && resolve(true));
    void child.ended.then(() => resolve(false));
    limit = setTimeout(() => resolve(false), START_LIMIT_MS);
  }).finally(() => {
    clearInterval(ask);
    clearTimeout(limit);
    socket.close();
  });
}
