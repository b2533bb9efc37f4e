// Limits of a control group as the kernel writes them: of its own group and of those above.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCgroupLimits } from '../../../src/server/control/cgroup-limits.ts';
import { boundCacheBytes, boundWorkers } from '../../../src/server/control/resource-bounds.ts';

const MIB = 1024 * 1024;
const NONE = { cpus: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };

function machine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'unloop-cgroup-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('limits of the control group', () => {
  it('reads a container: its group is the root of what it sees', () => {
    const root = machine({
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/cpu.max': '150000 100000\n',
      'sys/fs/cgroup/memory.max': '134217728\n',
    });
    expect(readCgroupLimits(root)).toEqual({ cpus: 1.5, memoryBytes: 128 * MIB });
  });

  it('takes the smallest limit of its own group and those above it', () => {
    const root = machine({
      'proc/self/cgroup': '0::/system.slice/unloop.service\n',
      'sys/fs/cgroup/system.slice/cpu.max': '200000 100000\n',
      'sys/fs/cgroup/system.slice/memory.max': '268435456\n',
      'sys/fs/cgroup/system.slice/unloop.service/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/system.slice/unloop.service/memory.max': 'max\n',
      'sys/fs/cgroup/system.slice/unloop.service/memory.high': '201326592\n',
    });
    expect(readCgroupLimits(root)).toEqual({ cpus: 2, memoryBytes: 192 * MIB });
  });

  it('finds none when nothing is limited, nothing is mounted, or a file holds nonsense', () => {
    const unlimited = { 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/cpu.max': 'max 100000\n' };
    expect(readCgroupLimits(machine(unlimited))).toEqual(NONE);
    expect(readCgroupLimits(machine({}))).toEqual(NONE);
    expect(readCgroupLimits(machine({ 'sys/fs/cgroup/memory.max': 'many\n' }))).toEqual(NONE);
    // Version 1 has no line "0::".
    expect(readCgroupLimits(machine({ 'proc/self/cgroup': '4:memory:/docker/1\n' }))).toEqual(NONE);
  });
});

describe('workers that fit', () => {
  it.each([
    [1, 1],
    [2, 2],
    [8, 2],
    [12, 3],
    [16, 4],
    [64, 4],
    [256, 4],
  ])('on %i CPUs: %i', (cpus, workers) => {
    expect(boundWorkers('auto', cpus, NONE)).toBe(workers);
  });

  it('are as many as whole CPUs are granted, and at least one', () => {
    expect(boundWorkers('auto', 64, { ...NONE, cpus: 2.9 })).toBe(2);
    expect(boundWorkers('auto', 64, { ...NONE, cpus: 1.9 })).toBe(1);
    expect(boundWorkers('auto', 64, { ...NONE, cpus: 0.1 })).toBe(1);
    expect(boundWorkers('auto', 2, { ...NONE, cpus: 6 })).toBe(2);
    expect(boundWorkers('auto', 64, { ...NONE, cpus: 13 })).toBe(3);
  });

  it('are fewer when memory is short', () => {
    expect(boundWorkers('auto', 64, { ...NONE, memoryBytes: 256 * MIB })).toBe(3);
    expect(boundWorkers('auto', 64, { ...NONE, memoryBytes: 32 * MIB })).toBe(1);
  });

  it('are as many as the configuration says, whatever is granted', () => {
    expect(boundWorkers(4, 2, { cpus: 0.5, memoryBytes: 64 * MIB })).toBe(4);
  });
});

describe('a cache that fits', () => {
  it('has the configured size when there is room', () => {
    expect(boundCacheBytes(64 * MIB, 2, NONE)).toBe(64 * MIB);
    expect(boundCacheBytes(64 * MIB, 2, { ...NONE, memoryBytes: 512 * MIB })).toBe(64 * MIB);
  });

  it('has half of what the program leaves, and never nothing', () => {
    expect(boundCacheBytes(64 * MIB, 1, { ...NONE, memoryBytes: 128 * MIB })).toBe(4 * MIB);
    expect(boundCacheBytes(64 * MIB, 4, { ...NONE, memoryBytes: 64 * MIB })).toBe(MIB);
  });

  it('stays off when it is off', () => {
    expect(boundCacheBytes(0, 1, { ...NONE, memoryBytes: 128 * MIB })).toBe(0);
  });
});
