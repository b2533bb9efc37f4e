// How many workers serve, what memory they may fill, and which settings need new ones. Called by
// the control plane, at start and for every reload.
import { availableParallelism } from 'node:os';
import type { Log } from '../../base/log.ts';
import { type Change, touches } from '../../config/changes.ts';
import type { Config } from '../../config/config.ts';
import { nativeStatus, supportsReusePort } from '../../io/open-socket.ts';
import { createKeyMaterial, type LoopKeyMaterial } from '../../loop/keys.ts';
import { readCgroupLimits } from './cgroup-limits.ts';
import { boundCacheBytes, boundWorkers } from './resource-bounds.ts';

/** The configuration with the cache made to fit into the memory that the control group grants. */
export function withinLimits(config: Config, log: Log): Config {
  const limits = readCgroupLimits();
  const workers = boundWorkers(config.workers, availableParallelism(), limits);
  const maxBytes = boundCacheBytes(config.cache.maxBytes, workers, limits);
  if (maxBytes === config.cache.maxBytes) return config;
  log.info(
    { memoryBytes: limits.memoryBytes, wantedBytes: config.cache.maxBytes, maxBytes },
    'the cache is kept smaller than configured: memory is limited',
  );
  return { ...config, cache: { ...config.cache, maxBytes } };
}

/** Workers to start: one where ports cannot be shared between threads. */
export function workersFor(config: Config, log: Log): number {
  const wanted = boundWorkers(config.workers, availableParallelism(), readCgroupLimits());
  const status = nativeStatus();
  if (!status.available) {
    log.warn(
      { reason: status.reason },
      'the batched UDP socket is not available: node:dgram serves, more slowly',
    );
  }
  if (wanted > 1 && !supportsReusePort()) {
    log.warn({ wanted }, 'this Node.js cannot share a UDP port between threads: one worker serves');
    return 1;
  }
  return wanted;
}

/** Whether a reload needs new workers: they take some settings at their birth only. */
export function needsNewWorkers(changes: readonly Change[]): boolean {
  return changes.some(({ setting }) => setting.reload === 'worker');
}

/** The secrets after a reload; null: they stay, as a clusterKey that was generated must. */
export function loopKeysAfter(changes: readonly Change[], next: Config): LoopKeyMaterial | null {
  if (!touches(changes, 'loop.clusterKey', 'loop.ring')) return null;
  return createKeyMaterial(next.loop.clusterKey, next.loop.ring);
}

/** Whether the main thread's half of the loop guard has to be opened again. */
export function changesLoopControl(changes: readonly Change[]): boolean {
  return touches(changes, 'listen', 'loop.clusterKey', 'loop.ring', 'loop.probe', 'loop.quarantine');
}
