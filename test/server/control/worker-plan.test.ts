// What a reload starts again: workers, the keys of the loop guard, its main-thread half.
import { describe, expect, it } from 'vitest';
import { findChanges } from '../../../src/config/changes.ts';
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
    const changes = findChanges(config, next);
    expect(needsNewWorkers(changes)).toBe(false);
    expect(loopKeysAfter(changes, next)).toBeNull();
    expect(changesLoopControl(changes)).toBe(false);
  });

  it.each([
    { clusterKey: 'a key that replicas share' },
    { ring: 'node-local' },
  ])('of %o makes new secrets, for all threads', (changes) => {
    const next = withLoop(changes);
    const found = findChanges(config, next);
    expect(needsNewWorkers(found)).toBe(true);
    expect(changesLoopControl(found)).toBe(true);
    const keys = loopKeysAfter(found, next)!;
    expect(keys.ring).toBe(next.loop.ring);
    expect(keys.shared).toBe(next.loop.clusterKey !== '');
  });

  it('of probes or quarantine is the main thread’s business', () => {
    const next = withLoop({ quarantine: { minMs: 5, maxMs: 50 } });
    const changes = findChanges(config, next);
    expect(changesLoopControl(changes)).toBe(true);
    expect(needsNewWorkers(changes)).toBe(false);
    expect(loopKeysAfter(changes, next)).toBeNull();
  });
});
