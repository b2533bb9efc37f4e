// What a reload has to start again: workers, the secrets of the loop guard, its main-thread half.
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import {
  changesLoopControl,
  loopKeysAfter,
  needsNewWorkers,
} from '../../../src/server/control/worker-plan.ts';

const { config } = loadConfig({ path: null, overrides: [] });
const withLoop = (changes: Partial<Config['loop']>): Config => ({
  ...config,
  loop: { ...config.loop, ...changes },
});

describe('a reload', () => {
  it('that changes nothing of the kind needs no new workers, keys or loop control', () => {
    const next = { ...config, forward: { ...config.forward, deadlineMs: 1000 } };
    expect(needsNewWorkers(config, next)).toBe(false);
    expect(loopKeysAfter(config, next)).toBeNull();
    expect(changesLoopControl(config, next)).toBe(false);
  });

  it.each([
    { clusterKey: 'a key that replicas share' },
    { ring: 'node-local' },
  ])('of %o makes new secrets, for all threads', (changes) => {
    const next = withLoop(changes);
    expect(needsNewWorkers(config, next)).toBe(true);
    expect(changesLoopControl(config, next)).toBe(true);
    const keys = loopKeysAfter(config, next)!;
    expect(keys.ring).toBe(next.loop.ring);
    expect(keys.shared).toBe(next.loop.clusterKey !== '');
  });

  it('of probes or quarantine is the main thread’s business', () => {
    const next = withLoop({ quarantine: { minMs: 5, maxMs: 50 } });
    expect(changesLoopControl(config, next)).toBe(true);
    expect(needsNewWorkers(config, next)).toBe(false);
    expect(loopKeysAfter(config, next)).toBeNull();
  });
});
