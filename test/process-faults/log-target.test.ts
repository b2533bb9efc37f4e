// The log cannot be written: a full disk, a reader that is gone, a closed descriptor. Clients get
// answers all the same.
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { askUdp, queryBytes, readAnswer, UdpClient } from '../kit/dns-client.ts';
import { freePort } from '../kit/free-port.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { truth } from './many-clients.ts';

const MAIN = fileURLToPath(new URL('../../dist/unloop/main.js', import.meta.url));
const QUERIES = 50;

/** unloop on this port, with a log line per query, and its standard output as told. */
function startOn(port: number, upstream: string, stdout: number | 'pipe' | 'closed'): ChildProcess {
  const program = [process.execPath, MAIN, 'run', '--listen', `127.0.0.1:${port}`, '--upstream', upstream];
  const flags = ['--admin', 'off', '--workers', '1', '--log-level', 'debug'];
  const command = [...program, ...flags];
  const child =
    stdout === 'closed'
      ? spawn('sh', ['-c', 'exec "$@" >&-', 'sh', ...command], { stdio: ['ignore', 'ignore', 'ignore'] })
      : spawn(command[0]!, command.slice(1), { stdio: ['ignore', stdout, 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Until it listens, and has an answer. */
async function askUntilItAnswers(port: number): Promise<void> {
  const client = await UdpClient.open(port);
  for (let answered = false; !answered; ) {
    client.send(queryBytes({ name: 'n1.example' }));
    const reply = await client.receive(200).catch(() => null);
    answered = reply !== null && readAnswer(reply).rcode === 0;
  }
  client.close();
}

it.each([
  { target: 'a full disk', stdout: () => openSync('/dev/full', 'w') },
  { target: 'a pipe whose reader went away', stdout: () => 'pipe' as const },
  { target: 'nothing: standard output is closed', stdout: () => 'closed' as const },
])('the log goes to $target: queries are answered, and the end is a clean one', { timeout: 120_000 }, async ({
  stdout,
}) => {
  const upstream = await startScriptedUpstream(truth);
  onTestFinished(() => upstream.close());
  const port = await freePort();
  const child = startOn(port, `127.0.0.1:${upstream.port}`, stdout());
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.stdout?.destroy();
  await askUntilItAnswers(port);
  for (let i = 2; i < QUERIES; i++) {
    expect(await askUdp(port, { name: `n${i}.example` })).toMatchObject({ rcode: 0 });
  }
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
