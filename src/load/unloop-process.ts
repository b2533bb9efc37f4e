// Starts the unloop next to this tool as a process of its own, for scenarios that need a server in
// a given place.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findRootFolder } from '../base/root-folder.ts';

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5000;

/** A running server. */
export interface UnloopProcess {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** The built program of this copy of unloop. */
const PROGRAM = join(findRootFolder(), 'dist/unloop/main.js');

/**
 * Starts `unloop run` on a free port of loopback with these flags; rejects with what it said when
 * it does not get ready.
 */
export async function startUnloop(flags: readonly string[], program = PROGRAM): Promise<UnloopProcess> {
  const fixed = ['run', '--listen', '127.0.0.1:0', '--admin', 'off'];
  const child = spawn(process.execPath, [program, ...fixed, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Only the flags may configure it.
    env: { ...process.env, UNLOOP_CONFIG: '' },
  });
  const ended = once(child, 'exit');
  try {
    const { address, port } = await readReady(child, ended);
    return { pid: child.pid!, address, port, stop: () => stop(child, ended) };
  } catch (error) {
    await stop(child, ended);
    throw error;
  }
}

/** Waits for the log line that says which port it is. */
async function readReady(
  child: ChildProcess,
  ended: Promise<unknown>,
): Promise<{ address: string; port: number }> {
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    if (said.length < 4096) said += chunk.toString();
  });
  const ready = new Promise<string>((resolve) => {
    // The reader goes on to the end, so that the log never fills the pipe.
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.includes('unloop is ready')) resolve(line);
      else if (said.length < 4096) said += `${line}\n`;
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, START_TIMEOUT_MS, null);
  });
  const line = await Promise.race([ready, ended.then(() => null), late]);
  clearTimeout(timer);
  if (line === null) throw new Error(`unloop did not start:\n${said}`);
  const text = JSON.stringify((JSON.parse(line) as { listen: unknown }).listen);
  const match = /(127\.0\.0\.1):(\d+)/.exec(text) ?? /"port":(\d+)/.exec(text);
  if (match === null) throw new Error(`unloop does not say where it listens: ${line}`);
  return { address: '127.0.0.1', port: Number(match.at(-1)) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
