// How many workers run and how much the cache may hold, given what the configuration says and the
// control group grants. Called by worker-plan at start and at a reload.
import type { Config } from '../../config/config.ts';
import type { CgroupLimits } from './cgroup-limits.ts';

const MIB = 1024 * 1024;
/**
 * Resident before the first worker starts, with some to spare. Measured on Node 24: 69 MiB, and 17
 * MiB per worker.
 */
const BASE_BYTES = 96 * MIB;
/** Resident per worker, cache apart: its heap, its slots and flights under load. */
const WORKER_BYTES = 24 * MIB;
/**
 * One worker for every 4 CPUs, from two to four. One alone answers more than a node asks; two, so
 * that one goes on when the other dies. More do not thin out the cache: each name lives in one.
 */
const LEAST_WORKERS = 2;
const MOST_WORKERS = 4;
const CPUS_PER_WORKER = 4;
/** Below this a cache is of no use, and above it a limit is too small for unloop. */
const LEAST_CACHE_BYTES = MIB;

/** Worker threads wanted: `workers`, or two to four, or fewer where CPUs or memory are short. */
export function boundWorkers(
  workers: Config['workers'],
  parallelism: number,
  { cpus, memoryBytes }: CgroupLimits,
): number {
  if (workers !== 'auto') return workers;
  // Rounded down: beyond the quota, all threads are throttled until the end of each period.
  const granted = Math.min(parallelism, Math.floor(cpus));
  const useful = Math.min(MOST_WORKERS, Math.max(LEAST_WORKERS, Math.floor(granted / CPUS_PER_WORKER)));
  // A worker without room for as much cache again is not worth having.
  const byMemory = Math.floor((memoryBytes - BASE_BYTES) / (2 * WORKER_BYTES));
  return Math.max(1, Math.min(granted, useful, byMemory));
}

/**
 * Bytes for the cache: `cache.maxBytes`, or less where memory is limited (half of what the program
 * leaves).
 */
export function boundCacheBytes(maxBytes: number, workers: number, { memoryBytes }: CgroupLimits): number {
  const room = Math.floor((memoryBytes - BASE_BYTES - workers * WORKER_BYTES) / 2);
  return Math.min(maxBytes, Math.max(LEAST_CACHE_BYTES, room));
}
