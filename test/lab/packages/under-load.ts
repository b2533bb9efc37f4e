// Questions that arrive all the time while something is done to the service, each with an answer
// that nobody has cached.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import type { DebianRoot } from './debian-root.ts';

const UPSTREAM = join(import.meta.dirname, '../nothing-lost/slow-upstream.mjs');
/** Questions that come after it, to whoever serves then. */
const AFTER_MS = 3000;

/** Starts an upstream beside the root, until the test ends, and names it in the configuration. */
export async function configureUpstream(root: DebianRoot): Promise<void> {
  const upstream = new Child([...root.enter('beside'), 'node', UPSTREAM, '20']);
  onTestFinished(() => upstream.kill());
  const port = await upstream.until(() => /^(\d+)\n/.exec(upstream.stdout)?.[1], 40_000);
  root.sh(`sed -i 's/^upstreams: auto/upstreams: ["127.0.0.1:${port}"]/' /etc/unloop/unloop.yaml`);
  // A busy machine may keep an answer waiting: what is tested is that all come.
  root.sh(`sed -i 's/deadline: 1800ms/deadline: 4500ms/' /etc/unloop/unloop.yaml`);
}

/**
 * Runs a script inside the root while clients ask; every question must be answered. Returns what it
 * said.
 */
export async function underLoad(root: DebianRoot, files: string, script: string): Promise<string> {
  const list = join(files, 'names');
  writeFileSync(list, Array.from({ length: 50_000 }, (_, i) => `name${i}.example A\n`).join(''));
  // Line by line: else it would say only at its end that it has begun.
  const load = [
    'stdbuf',
    '-oL',
    'dnsperf',
    '-s',
    '127.0.0.1',
    '-p',
    '5300',
    '-Q',
    '200',
    '-l',
    '200',
    '-c',
    '8',
  ];
  const client = new Child([...root.enter('network'), ...load, '-d', list]);
  onTestFinished(() => client.kill());
  await client.untilSaid('[Status] Sending queries', 40_000);
  const changing = new Child([...root.enter('inside'), 'sh', '-euc', script]);
  expect(await changing.ended, changing.said).toBe(0);
  await sleep(AFTER_MS);
  expect(client.hasEnded).toBe(false);
  client.process.kill('SIGINT');
  await client.ended;
  expect(client.stdout).toMatch(/Queries lost:\s+0 /);
  expect(client.stdout).toMatch(/Response codes:\s+NOERROR \d+ \(100\.00%\)/);
  return changing.said;
}
