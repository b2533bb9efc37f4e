// How many workers serve, what memory they may fill, and which settings need new ones. Called by
// the control plane, at start and for every reload.
import { availableParallelism } from 'node:os';
import type { Log } from '../../base/log.ts';
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

/** Settings that a worker takes at its birth only. */
export function needsNewWorkers(previous: Config, next: Config): boolean {
  const birth = (config: Config) =>
    JSON.stringify([
      config.listen,
      config.workers,
      config.cache,
      config.forward.maxInFlight,
      config.loop.maxHops,
      config.loop.clusterKey,
      config.loop.ring,
      config.limits.tcpConnections,
      config.limits.tcpIdleMs,
    ]);
  return birth(previous) !== birth(next);
}

/** The secrets after a reload; null: they stay, as a clusterKey that was generated must. */
export function loopKeysAfter(previous: Config, next: Config): LoopKeyMaterial | null {
  const { clusterKey, ring } = next.loop;
  const same = clusterKey === previous.loop.clusterKey && ring === previous.loop.ring;
  return same ? null : createKeyMaterial(clusterKey, ring);
}

/** Settings that the main thread's half of the loop guard takes at its birth only. */
export function changesLoopControl(previous: Config, next: Config): boolean {
  const birth = ({ listen, loop }: Config) =>
    JSON.stringify([listen, loop.clusterKey, loop.ring, loop.probe, loop.quarantine]);
  return birth(previous) !== birth(next);
}
