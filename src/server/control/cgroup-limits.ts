// What the control group (v2) of this process grants: CPUs and memory, as a container's limits or
// systemd set them. Read by worker-plan at start and at a reload, so that workers and the cache fit
// into it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Infinity if there is no limit. */
export interface CgroupLimits {
  /** CPUs: 0.5 is half of one. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The narrowest limits of this process's group and all groups above it that are visible. */
export function readCgroupLimits(root = '/'): CgroupLimits {
  // "0::/kubepods/pod1/c1"; within a cgroup namespace, as containers have, the own group is "/".
  const own = /^0::(\/.*)$/m.exec(readText(join(root, 'proc/self/cgroup')))?.[1] ?? '/';
  let cpus = Number.POSITIVE_INFINITY;
  let memoryBytes = Number.POSITIVE_INFINITY;
  const names = own.split('/').filter((name) => name !== '' && name !== '..');
  for (let depth = names.length; depth >= 0; depth--) {
    const folder = join(root, 'sys/fs/cgroup', ...names.slice(0, depth));
    const [quota = '', period = ''] = readText(join(folder, 'cpu.max')).trim().split(' ');
    cpus = Math.min(cpus, toLimit(quota) / (Number(period) || 100_000));
    for (const file of ['memory.max', 'memory.high'])
      memoryBytes = Math.min(memoryBytes, toLimit(readText(join(folder, file)).trim()));
  }
  return { cpus, memoryBytes };
}

/** "max", a missing file and nonsense are no limit. */
function toLimit(text: string): number {
  const value = Number(text);
  return text !== '' && value > 0 ? value : Number.POSITIVE_INFINITY;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
