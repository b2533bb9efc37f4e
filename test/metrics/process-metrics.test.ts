import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { MetricsSnapshot } from '../../src/metrics/metrics-snapshot.ts';
import { PROCESS_METRICS } from '../../src/metrics/process-metrics.ts';

function read(name: string): number {
  const metric = PROCESS_METRICS.find((one) => one.name === name)!;
  const [sample] = metric.collect({} as MetricsSnapshot) as unknown as { value: number }[];
  return sample!.value;
}

it('counts the CPU time of the process in seconds', () => {
  const before = read('process_cpu_seconds_total');
  const end = process.cpuUsage().user + 50_000;
  while (process.cpuUsage().user < end);
  const { user, system } = process.cpuUsage();
  expect(read('process_cpu_seconds_total')).toBeGreaterThanOrEqual(before + 0.04);
  expect(read('process_cpu_seconds_total')).toBeGreaterThanOrEqual((user + system) / 1e6);
});

it('started in the past, at the time that the uptime says', () => {
  const now = Date.now() / 1000;
  expect(Math.abs(read('process_start_time_seconds') + process.uptime() - now)).toBeLessThan(5);
});

it('says how many files may be open, and that some are', () => {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  expect(read('process_max_fds')).toBe(Number(/^Max open files\s+(\d+)/m.exec(limits)![1]));
  expect(read('process_open_fds')).toBeGreaterThan(3);
  expect(read('process_open_fds')).toBeLessThanOrEqual(read('process_max_fds'));
});

it('gives memory in bytes', () => {
  expect(read('process_resident_memory_bytes')).toBeGreaterThan(read('nodejs_heap_size_used_bytes') / 2);
  expect(read('nodejs_heap_size_used_bytes')).toBeGreaterThan(1024 * 1024);
});
