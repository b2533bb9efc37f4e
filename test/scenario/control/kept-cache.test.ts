// cache.file: what one process has cached, the next one answers, whether it starts after it or
// takes over from it.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { supportsReusePort } from '../../../src/io/open-socket.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import type { ScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamSaying } from './scene.ts';

const NAMES = Array.from({ length: 200 }, (_, i) => `host${i}.example`);
const RESTORED_WITHIN_MS = 15_000;

async function scene() {
  const folder = await mkdtemp(join(tmpdir(), 'unloop-kept-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const upstream = await upstreamSaying('192.0.2.1');
  const file = join(folder, 'cache');
  const config = { loop: QUIET_LOOP, upstreams: [upstream.text], workers: 2, cache: { file } };
  return { file, upstream, config };
}

async function askAll({ port }: UnloopProcess): Promise<void> {
  for (const name of NAMES) expect((await askUdp(port, { name })).answers).toHaveLength(1);
}

/** Questions of clients that the upstream has seen: the checks are for other names. */
const asked = ({ queries }: ScriptedUpstream) =>
  queries.filter(({ name }) => NAMES.includes(name.toLowerCase().replace(/\.$/, ''))).length;

async function entriesRestored(unloop: UnloopProcess): Promise<number> {
  const line = await unloop.waitForLog(({ msg }) => msg === 'the cache was restored', RESTORED_WITHIN_MS);
  return line.entries as number;
}

it('a restart answers what was cached without asking again, with the TTL that is left', async () => {
  const { file, upstream, config } = await scene();
  const first = await startUnloop({ config });
  await askAll(first);
  const before = asked(upstream);
  expect(before).toBeGreaterThanOrEqual(NAMES.length);
  expect(await first.stop()).toBe(0);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  const second = await startUnloop({ config });
  expect(await entriesRestored(second)).toBe(NAMES.length);
  await askAll(second);
  expect(asked(upstream)).toBe(before);
  expect((await askUdp(second.port, { name: NAMES[7]! })).ttl).toBeLessThan(300);
  const metrics = await second.metrics();
  expect(metrics.value('unloop_cache_restored_entries_total')).toBe(NAMES.length);
  await second.stop();
});

it('nothing is kept for other servers than those that gave the answers', async () => {
  const { config } = await scene();
  const first = await startUnloop({ config });
  await askAll(first);
  await first.stop();
  const other = await upstreamSaying('192.0.2.2');
  const second = await startUnloop({ config: { ...config, upstreams: [other.text] } });
  expect(await entriesRestored(second)).toBe(0);
  const { answers } = await askUdp(second.port, { name: NAMES[3]! });
  expect(answers[0]).toMatchObject({ data: '192.0.2.2' });
  await second.stop();
});

it('nothing is kept for another rebinding protection: it may withhold some of the answers', async () => {
  const { config } = await scene();
  const first = await startUnloop({ config });
  await askAll(first);
  await first.stop();
  const second = await startUnloop({ config: { ...config, limits: { rebindProtection: true } } });
  const line = await second.waitForLog(
    ({ msg }) => msg.startsWith('the cache file is not used'),
    RESTORED_WITHIN_MS,
  );
  expect(line.reason).toBe('limits.rebindProtection was another one');
  await second.stop();
});

it('a file that is damaged or that others may write is not used, and the log says why', async () => {
  const { file, config } = await scene();
  const first = await startUnloop({ config });
  await askAll(first);
  await first.stop();
  const damaged = (await readFile(file)).fill(7, 200, 210);
  const cases: [string, () => Promise<void>][] = [
    ['others may write it', () => chmod(file, 0o666)],
    [
      'it is damaged: its checksum does not fit',
      async () => {
        await writeFile(file, damaged);
        await chmod(file, 0o600);
      },
    ],
  ];
  for (const [reason, spoil] of cases) {
    await spoil();
    const next = await startUnloop({ config });
    const line = await next.waitForLog(
      ({ msg }) => msg.startsWith('the cache file is not used'),
      RESTORED_WITHIN_MS,
    );
    expect(line).toMatchObject({ level: 'warn', file, reason });
    // It is looked at again, and told of once.
    await sleep(1500);
    expect((await next.metrics()).value('unloop_cache_file_total', { event: 'refused' })).toBe(1);
    next.signal('SIGKILL');
    await next.exited;
  }
});

it.runIf(supportsReusePort())('a process that takes over gets the answers of the one that ends', async () => {
  const { upstream, config } = await scene();
  const listen = [`127.0.0.1:${await freePort()}`];
  const first = await startUnloop({ config: { ...config, listen } });
  await askAll(first);
  const second = await startUnloop({ config: { ...config, listen, takeOver: true } });
  expect(await first.stop()).toBe(0);
  expect(await entriesRestored(second)).toBe(NAMES.length);
  const before = asked(upstream);
  await askAll(second);
  expect(asked(upstream)).toBe(before);
  await second.stop();
});
