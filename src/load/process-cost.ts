// What a process costs, from /proc: CPU time and memory, all its threads together. Read before and
// after a run (Linux only).
import { readFileSync } from 'node:fs';

/** /proc counts CPU time in ticks of USER_HZ, which is 100 on every Linux that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** One reading. */
export interface ProcessCost {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  /** The most memory it ever had. */
  readonly peakRssBytes: number;
}

/**
 * Sums over the processes; null when one of them cannot be read (it ended, or this is not Linux).
 */
export function readProcessCost(pids: readonly number[]): ProcessCost | null {
  const sum = { cpuMicros: 0, rssBytes: 0, peakRssBytes: 0 };
  try {
    for (const pid of pids) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command's name, in parentheses, may hold anything; utime and stime are fields 14 and
      // 15.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      sum.cpuMicros += (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      sum.rssBytes += readKib(status, 'VmRSS');
      sum.peakRssBytes += readKib(status, 'VmHWM');
    }
  } catch {
    return null;
  }
  return sum;
}

function readKib(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
