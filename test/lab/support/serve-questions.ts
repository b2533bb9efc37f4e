// The main job, wherever the program runs: a server and its upstream on loopback, asked over UDP
// and TCP.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { firstAnswer } from './first-answer.ts';
import { type PackageFigures, seen } from './package-figures.ts';

export interface Served extends PackageFigures {
  readonly firstAnswerMs: number;
  /** The files that are mapped into the server's process. */
  readonly mapped: string;
}

/**
 * Starts `unloop`, a command without arguments, twice: the upstream is one without a server behind
 * it, so it answers SERVFAIL at once. Ends with both.
 */
export async function serveQuestions(unloop: readonly string[]): Promise<Served> {
  const [port, upstreamPort] = [await freePort(), await freePort()];
  const start = (listen: number, upstream: string) =>
    new Child(
      [
        ...[...unloop, 'run', '--admin', 'off', '--workers', '1'],
        ...['--listen', `127.0.0.1:${listen}`, '--upstream', upstream],
      ],
      // Long, for qemu.
      { stopWithinMs: 60_000 },
    );
  const upstream = start(upstreamPort, '127.0.0.1:1');
  await upstream.untilSaid('unloop is ready', 60_000);
  const answered = firstAnswer([], port);
  const startedMs = Date.now();
  const server = start(port, `127.0.0.1:${upstreamPort}`);
  try {
    await server.untilSaid('unloop is ready', 60_000);
    const firstAnswerMs = (await answered) - startedMs;
    for (const child of [upstream, server]) expect(child.stdout).toContain('"socket":"batch"');
    for (const transport of ['+notcp', '+tcp', '+notcp']) {
      const args = ['@127.0.0.1', '-p', `${port}`, '+tries=1', '+time=20', transport, 'name.example'];
      expect(execFileSync('dig', args, { encoding: 'utf8' })).toContain('status: SERVFAIL');
    }
    const mapped = readFileSync(`/proc/${server.pid}/maps`, 'utf8');
    return {
      ...seen(readFileSync(`/proc/${server.pid}/status`, 'utf8'), server.stdout, firstAnswerMs),
      firstAnswerMs,
      mapped,
    };
  } finally {
    expect(await server.stop()).toBe(0);
    await upstream.stop();
  }
}
