// The cost of a server without queries, as most replicas are most of the time.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { askUdp, queryBytes } from '../../kit/dns-client.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamSaying } from './scene.ts';

const LOOK_SECONDS = 2;
/** The main thread looks at its workers, files and upstreams a few times a second. */
const MAX_WAKES_PER_SECOND = 40;

/** How often each thread of the process has gone to sleep so far. */
function sleepsByThread(pid: number): Map<string, number> {
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(
    threads.map((thread) => {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
      return [thread, Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1])];
    }),
  );
}

async function mostWakesPerSecond(pid: number): Promise<number> {
  const before = sleepsByThread(pid);
  await sleep(LOOK_SECONDS * 1000);
  const wakes = [...sleepsByThread(pid)].map(([thread, count]) => count - (before.get(thread) ?? count));
  return Math.max(...wakes) / LOOK_SECONDS;
}

it.runIf(process.platform === 'linux')(
  'no thread is woken for nothing, before and after queries',
  async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const config = { workers: 2, upstreams: [upstream.text], loop: QUIET_LOOP };
    const unloop = await startUnloop({ config });
    const isQuiet = (wakes: number) => wakes < MAX_WAKES_PER_SECOND;
    // A start leaves this and that to be done.
    await until(() => mostWakesPerSecond(unloop.child.pid), isQuiet);
    for (let i = 0; i < 50; i++) await askUdp(unloop.port, queryBytes({ name: `n${i}.example` }));
    expect(await until(() => mostWakesPerSecond(unloop.child.pid), isQuiet)).toBeLessThan(
      MAX_WAKES_PER_SECOND,
    );
  },
);
