// The wall clock set hours forth and back under a running process (libfaketime, which leaves the
// monotonic clock alone): what is kept neither expires early nor lives longer, and nobody waits.
// Debian package faketime.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { answer } from '../kit/answers.ts';
import { askUdp } from '../kit/dns-client.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

it('TTLs, timeouts and answers follow the monotonic clock', async () => {
  const upstream = await startScriptedUpstream((query) =>
    answer(query, { ttl: query.name.toLowerCase().startsWith('short') ? 2 : 300 }),
  );
  onTestFinished(() => upstream.close());
  const directory = mkdtempSync(join(tmpdir(), 'unloop-clock-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const offset = join(directory, 'offset');
  writeFileSync(offset, '+0');
  const unloop = await startUnloop({
    config: {
      upstreams: [`127.0.0.1:${upstream.port}`],
      workers: 1,
      cache: { serveStale: { maxAge: '0s' } },
    },
    env: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  const asked = (name: string) =>
    upstream.queries.filter((query) => query.name.toLowerCase() === name).length;
  const times: number[] = [];
  const ask = async (name: string) => {
    const startMs = performance.now();
    const reply = await askUdp(unloop.port, { name });
    times.push(performance.now() - startMs);
    expect(reply.rcode).toBe(0);
    return reply;
  };
  const startedMs = performance.now();
  await ask('long.example');
  const steps = ['+5h', '-7h', '+30d', '-1y', '+0'];
  for (const [step, text] of steps.entries()) {
    writeFileSync(offset, text);
    await ask(`short${step}.example`);
    const elapsedSeconds = (performance.now() - startedMs) / 1000;
    const { ttl } = await ask('long.example');
    expect(ttl).toBeGreaterThanOrEqual(298 - elapsedSeconds);
    expect(ttl).toBeLessThanOrEqual(300);
    await ask(`fresh${step}.example`);
  }
  expect(asked('long.example')).toBe(1);
  // Two seconds later, whatever the clock on the wall says, the short ones have expired.
  await sleep(2500);
  for (const step of steps.keys()) {
    await ask(`short${step}.example`);
    expect(asked(`short${step}.example`)).toBe(2);
  }
  expect(Math.max(...times)).toBeLessThan(1800);

  // The steps did happen: a line of the log says so.
  writeFileSync(offset, '+30d');
  unloop.signal('SIGHUP');
  const line = await unloop.waitForLog(({ msg }) => msg === 'the configuration was reloaded');
  expect(Date.parse(line.time as string) - Date.now()).toBeGreaterThan(29 * 86_400_000);
  expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
});
