// A hung worker is recognized; a slow one, or a process that was stopped as a whole, is not taken
// for one.
import { describe, expect, it } from 'vitest';
import { HANG_MS, Heartbeat, HeartbeatWatch, LOOK_MS } from '../../../src/server/worker/heartbeat.ts';

/** Looks at these times after the first; the worker beats before each look or never. */
function looks(timesMs: readonly number[], beats: boolean): boolean[] {
  const watch = new HeartbeatWatch(0);
  const heartbeat = new Heartbeat(watch.buffer);
  return timesMs.map((timeMs) => {
    if (beats) heartbeat.beat();
    return watch.silentMs(timeMs) >= HANG_MS;
  });
}

const every = (stepMs: number, count: number) => Array.from({ length: count }, (_, i) => (i + 1) * stepMs);
const LOOKS = HANG_MS / LOOK_MS;

describe('the watch over a worker', () => {
  it('reports a hang after HANG_MS of silence, and not earlier', () => {
    expect(looks(every(LOOK_MS, LOOKS), false)).toEqual([...new Array(LOOKS - 1).fill(false), true]);
  });

  it('knows how long it has been silent', () => {
    const watch = new HeartbeatWatch(0);
    expect(every(LOOK_MS, 3).map((ms) => watch.silentMs(ms))).toEqual(every(LOOK_MS, 3));
    new Heartbeat(watch.buffer).beat();
    expect(watch.silentMs(4 * LOOK_MS)).toBe(0);
    expect(watch.silentMs(5 * LOOK_MS)).toBe(LOOK_MS);
  });

  it('reports none while there is one beat between looks', () => {
    expect(looks(every(LOOK_MS, 10 * LOOKS), true)).not.toContain(true);
  });

  it('starts again after a beat', () => {
    const watch = new HeartbeatWatch(0);
    const heartbeat = new Heartbeat(watch.buffer);
    const silentFor = (fromMs: number) =>
      every(LOOK_MS, LOOKS - 1).map((ms) => watch.silentMs(fromMs + ms) >= HANG_MS);
    expect(silentFor(0)).not.toContain(true);
    heartbeat.beat();
    expect(watch.silentMs(HANG_MS) >= HANG_MS).toBe(false);
    expect(silentFor(HANG_MS)).not.toContain(true);
    expect(watch.silentMs(2 * HANG_MS) >= HANG_MS).toBe(true);
  });

  it('counts hours in which the main thread did not run either as one look', () => {
    expect(looks([LOOK_MS, 3_600_000, 3_600_000 + LOOK_MS], false)).toEqual([false, false, false]);
  });

  it('handles a counter that wraps', () => {
    const watch = new HeartbeatWatch(0);
    const heartbeat = new Heartbeat(watch.buffer);
    new Int32Array(watch.buffer)[0] = 2 ** 31 - 1;
    expect(watch.silentMs(HANG_MS) >= HANG_MS).toBe(false);
    heartbeat.beat();
    expect(watch.silentMs(HANG_MS + LOOK_MS) >= HANG_MS).toBe(false);
    const later = every(LOOK_MS, LOOKS).map((ms) => watch.silentMs(HANG_MS + LOOK_MS + ms) >= HANG_MS);
    expect(later).toEqual([...new Array(LOOKS - 1).fill(false), true]);
  });
});
