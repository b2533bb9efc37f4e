// The clock that everything in a thread reads: monotonic, coarse, the same in all threads.
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Clock, ManualClock } from '../../src/base/clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('clock', () => {
  it('stands still until it is refreshed, and never goes back', async () => {
    const clock = new Clock();
    const firstMs = clock.nowMs;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(clock.nowMs).toBe(firstMs);
    const secondMs = clock.refresh();
    expect(secondMs).toBeGreaterThan(firstMs);
    expect(clock.nowMs).toBe(secondMs);
  });

  it('does not follow the wall clock', () => {
    const clock = new Clock();
    const before = clock.refresh();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 7_200_000 });
    const after = clock.refresh();
    expect(after).toBeGreaterThanOrEqual(before);
    expect(after - before).toBeLessThan(60_000);
  });

  it('says the same in a thread that started later', async () => {
    // The built one: a worker cannot import TypeScript on every Node that we run on.
    const built = new URL('../../dist/src/base/clock.js', import.meta.url);
    const worker = new Worker(
      `import(${JSON.stringify(built.href)}).then(({ Clock }) =>
        require('node:worker_threads').parentPort.postMessage(new Clock().nowMs))`,
      { eval: true },
    );
    const earlierMs = new Clock().nowMs;
    const theirsMs = await new Promise<number>((resolve) => worker.once('message', resolve));
    expect(theirsMs).toBeGreaterThanOrEqual(earlierMs);
    expect(theirsMs).toBeLessThanOrEqual(new Clock().nowMs);
    await worker.terminate();
  });

  it('moves by hand in tests', () => {
    const clock = new ManualClock(500);
    clock.advance(250);
    expect(clock.refresh()).toBe(750);
    expect(clock.nowMs).toBe(750);
  });
});
