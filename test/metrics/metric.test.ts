import { expect, it } from 'vitest';
import { labeled, single } from '../../src/metrics/metric.ts';
import type { MetricsSnapshot } from '../../src/metrics/metrics-snapshot.ts';

const source = { workers: 3 } as unknown as MetricsSnapshot;

it('reads a metric without labels as one sample', () => {
  const metric = single('gauge', 'unloop_workers', 'Workers.', (from) => from.workers);
  expect(metric).toMatchObject({ type: 'gauge', name: 'unloop_workers', help: 'Workers.', labels: [] });
  expect(metric.collect(source)).toEqual([{ labels: {}, value: 3 }]);
});

it('reads a metric with labels as its samples', () => {
  const samples = [{ labels: { zone: '.' }, value: 1 }];
  const metric = labeled('counter', 'unloop_x_total', ['zone'], 'X.', () => samples);
  expect(metric.labels).toEqual(['zone']);
  expect(metric.collect(source)).toBe(samples);
});
