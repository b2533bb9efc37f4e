// The table of the process's own metrics, under the names every Prometheus dashboard knows.
// prom-client's default set keeps a 100 Hz event-loop timer running, so these are read here, and
// only when somebody scrapes.
import { readdirSync, readFileSync } from 'node:fs';
import { labeled, type Metric, single } from './metric.ts';

/**
 * Soft limit of open files; nothing where /proc is not mounted. It does not change while the
 * process runs.
 */
const maxFds = readMaxFds();

function readMaxFds(): number | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return limit === null ? null : Number(limit[1]);
  } catch {
    return null; // Not Linux: the metric is left out.
  }
}

function countOpenFds(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1; // less the one that reads the directory
  } catch {
    return null; // Not Linux, or no descriptor left to look with.
  }
}

/** A sample when there is a number, none otherwise. */
function optional(value: number | null) {
  return value === null ? [] : [{ labels: {}, value }];
}

const startTimeSeconds = Math.round(Date.now() / 1000 - process.uptime());

/** In the order of docs/metrics.md. */
export const PROCESS_METRICS: readonly Metric[] = [
  single(
    'counter',
    'process_cpu_seconds_total',
    'CPU time of the whole process, all threads, user and system.',
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  ),
  single(
    'gauge',
    'process_start_time_seconds',
    'When the process started, seconds since 1970.',
    () => startTimeSeconds,
  ),
  single('gauge', 'process_resident_memory_bytes', 'Resident memory of the whole process.', () =>
    process.memoryUsage.rss(),
  ),
  labeled('gauge', 'process_open_fds', [], 'Open file descriptors (Linux only).', () =>
    optional(countOpenFds()),
  ),
  labeled('gauge', 'process_max_fds', [], 'Most file descriptors that may be open (Linux only).', () =>
    optional(maxFds),
  ),
  single(
    'gauge',
    'nodejs_heap_size_used_bytes',
    "Heap in use on the main thread; workers' heaps are not in it.",
    () => process.memoryUsage().heapUsed,
  ),
];
