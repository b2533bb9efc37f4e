// Signals beside stop and reload: SIGUSR1 and SIGUSR2 log statistics. By default the first opens
// the debugger of Node.js to every local user, and the second ends the process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { later } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { askUdp, queryBytes, readAnswer, UdpClient } from '../../kit/dns-client.ts';
import { spawnUnloop, startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamDoing } from './scene.ts';

it.each([
  'SIGUSR1',
  'SIGUSR2',
] as const)('%s logs statistics; what is in flight is answered', async (signal) => {
  const upstream = await upstreamDoing((query) => later(300, answer(query)));
  const unloop = await startUnloop({
    config: { upstreams: [upstream.text], workers: 2, loop: QUIET_LOOP },
  });
  const client = await UdpClient.open(unloop.port);
  const ids = Array.from({ length: 84 }, (_, i) => i);
  for (const id of ids) client.send(queryBytes({ name: `u${id}.example`, id }));
  await upstream.receivedNames(84);
  unloop.signal(signal);
  const line = await unloop.waitForLog(({ msg }) => msg === 'statistics');
  expect(line).toMatchObject({
    level: 'info',
    signal,
    queriesUdp: 84,
    queriesTcp: 0,
    cacheMisses: 84,
    upstreams: [{ address: upstream.text, state: 'up' }],
  });
  const [{ requests, failures }] = line.upstreams as [{ requests: number; failures: number }];
  // A stalled machine repeats a question, after a failure of its first message.
  expect(requests).toBeGreaterThanOrEqual(84);
  expect(requests - 84).toBeLessThanOrEqual(failures);
  const answers = await Promise.all(ids.map(async () => readAnswer(await client.receive())));
  expect(answers.every(({ rcode }) => rcode === 0)).toBe(true);
  client.close();
  expect((await askUdp(unloop.port, { name: 'after.example' })).rcode).toBe(0);
  expect(await unloop.stop()).toBe(0);
  expect(unloop.stderr).toBe('');
});

it('does not start with a debugger in production, however it was requested', async () => {
  const unloop = spawnUnloop({
    config: { upstreams: ['127.0.0.1:9'] },
    env: { NODE_ENV: 'production', NODE_OPTIONS: '--inspect=127.0.0.1:0' },
  });
  expect(await unloop.exited).toBe(1);
  expect(unloop.log).toEqual([]);
  expect(unloop.stderr).toMatch(/^unloop: the debugger of Node\.js listens on 127\.0\.0\.1:\d+: /m);
  expect(unloop.stderr).toMatch(/^ {2}cure: Remove --inspect .*NODE_OPTIONS/m);
});

it('closes a debugger that a signal opened before it was handled', async () => {
  // What Node.js does on SIGUSR1 while it is still loading the program.
  const opener = join(mkdtempSync(join(tmpdir(), 'unloop-debugger-')), 'open.cjs');
  onTestFinished(() => rmSync(dirname(opener), { recursive: true }));
  writeFileSync(opener, "require('node:worker_threads').isMainThread && require('node:inspector').open(0)");
  const unloop = await startUnloop({
    config: { upstreams: ['127.0.0.1:9'] },
    env: { NODE_ENV: 'production', NODE_OPTIONS: `--require=${opener}` },
  });
  const [, port] = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(unloop.stderr)!;
  await expect(fetch(`http://127.0.0.1:${port}/json/list`)).rejects.toThrow('fetch failed');
});
