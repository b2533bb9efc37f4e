// What a server process costs: processor time and memory, from /proc. Processor time counts what
// the kernel did on the server's behalf too: the sending half of loopback runs in the sender's
// time, the same for every contender.
import { readdirSync, readFileSync } from 'node:fs';

/** /proc/PID/stat counts ended children in ticks of this length: USER_HZ is 100 on every Linux. */
const TICK_NS = 10_000_000;

/** Nanoseconds of processor time used so far by all threads and children of the process. */
export function processorTimeNs(pid: number): number {
  let ns = endedChildrenNs(pid);
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    ns += Number(read(`${folder}/schedstat`).split(' ')[0]);
    for (const child of read(`${folder}/children`).split(' ')) {
      if (child !== '') ns += childTimeNs(Number(child));
    }
  }
  return ns;
}

/** A child may end while it is looked at; its time is then in its parent's account. */
function childTimeNs(pid: number): number {
  try {
    return processorTimeNs(pid);
  } catch {
    return 0;
  }
}

function endedChildrenNs(pid: number): number {
  const { childUserTicks, childSystemTicks } = parseStat(read(`/proc/${pid}/stat`));
  return (childUserTicks + childSystemTicks) * TICK_NS;
}

/**
 * The fields that matter of /proc/PID/stat, whose second one may hold spaces and parentheses
 * (proc_pid_stat(5)).
 */
export function parseStat(text: string): { childUserTicks: number; childSystemTicks: number } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // cutime and cstime are fields 16 and 17; the first one here is field 3.
  return { childUserTicks: Number(fields[13]), childSystemTicks: Number(fields[14]) };
}

/** Resident memory of the process in MiB. */
export function residentMib(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`));
  if (match === null) throw new Error(`no VmRSS for process ${pid}`);
  return Number(match[1]) / 1024;
}

function read(path: string): string {
  return readFileSync(path, 'latin1');
}
