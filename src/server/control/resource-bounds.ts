// How many workers run and how much the cache may hold, given what the configuration says and the
// control group grants. Called by the control plane at start and at a reload.
import type { Config } from '../../config/config.ts';
import type { CgroupLimits } from './cgroup-limits.ts';

const MIB = 1024 * 1024;
/**
 * Resident before the first worker starts, with some to spare. Measured on Node 24: 78 MiB, and 22
 * MiB per worker.
 */
const BASE_BYTES = 96 * MIB;
/** Resident per worker, cache apart: its heap, its slots and flights under load. */
const WORKER_BYTES = 24 * MIB;
/** Below this a cache is of no use, and above it a limit is too small for unloop. */
const LEAST_CACHE_BYTES = MIB;

/** Worker threads wanted: `workers`, or as many as CPUs and memory allow. */
export function boundWorkers(
  workers: Config['workers'],
  parallelism: number,
  { cpus, memoryBytes }: CgroupLimits,
): number {
  if (workers !== 'auto') return workers;
  // Half a CPU's quota more would throttle all threads for the rest of each period: rounded down.
  const byCpu = Math.min(parallelism, Math.floor(cpus));
  // A worker without room for as much cache again is not worth having.
  const byMemory = Math.floor((memoryBytes - BASE_BYTES) / (2 * WORKER_BYTES));
  return Math.max(1, Math.min(byCpu, byMemory));
}

/**
 * Bytes for the cache: `cache.maxBytes`, or less where memory is limited (half of what the program
 * leaves).
 */
export function boundCacheBytes(maxBytes: number, workers: number, { memoryBytes }: CgroupLimits): number {
  const room = Math.floor((memoryBytes - BASE_BYTES - workers * WORKER_BYTES) / 2);
  return Math.min(maxBytes, Math.max(LEAST_CACHE_BYTES, room));
}
