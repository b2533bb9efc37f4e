// The tables of metrics follow Prometheus's naming rules, and docs/metrics.md follows the tables.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EVIDENCE_NAMES } from '../../src/loop/evidence.ts';
import { COREDNS_METRICS } from '../../src/metrics/coredns-metrics.ts';
import { DROP_REASONS } from '../../src/metrics/counters.ts';
import type { Metric } from '../../src/metrics/metric.ts';
import { PROCESS_METRICS } from '../../src/metrics/process-metrics.ts';
import { UNLOOP_METRICS } from '../../src/metrics/unloop-metrics.ts';
import { FAILURE_REASON_NAMES } from '../../src/upstream/exchange.ts';
import { createBusySnapshot } from './sample-snapshot.ts';

const ALL = [...UNLOOP_METRICS, ...PROCESS_METRICS, ...COREDNS_METRICS];

describe('metric names', () => {
  it.each(ALL.map((metric) => [metric.name, metric] as const))('%s keeps to the rules', (name, metric) => {
    expect(name).toMatch(/^(unloop|process|nodejs|coredns)_[a-z]+(_[a-z]+)*$/);
    // Counters, and only they, end with _total.
    expect(name.endsWith('_total')).toBe(metric.type === 'counter');
    // Suffixes that histograms own, and types in names.
    expect(name).not.toMatch(/_(count|sum|bucket|histogram|gauge|counter)$/);
    // Base units only.
    expect(name).not.toMatch(/_(ms|milliseconds|microseconds|kb|kib|mib|percent|minutes)(_|$)/);
    if (metric.type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/);
    for (const label of metric.labels) {
      expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(['le', 'quantile', 'job', 'instance']).not.toContain(label);
    }
    // One sentence or noun phrase: a capital, a full stop, nothing that breaks a line or a table.
    expect(metric.help).toMatch(/^[A-Z0-9][^\n|]*\.$/);
  });

  it('each have one row', () => {
    expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length);
  });

  it.each(
    ALL.map((metric) => [metric.name, metric] as const),
  )('%s carries the labels it declares', (_, metric) => {
    for (const { labels } of metric.collect(createBusySnapshot())) {
      expect(Object.keys(labels)).toEqual([...metric.labels]);
    }
  });
});

describe('docs/metrics.md', () => {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));

  it.each([
    ['unloop', UNLOOP_METRICS],
    ['process', PROCESS_METRICS],
    ['coredns', COREDNS_METRICS],
  ] as const)('has a row for each metric of the %s table, in its order', (_, table) => {
    const names = new Set(table.map(({ name }) => name));
    const found = rows.filter((row) => names.has(/^\| `([a-z_]+)/.exec(row)![1]!));
    expect(found).toEqual(table.map(renderRow));
  });

  it('explains every value of the reason and evidence labels', () => {
    const values = [...DROP_REASONS, ...FAILURE_REASON_NAMES, ...EVIDENCE_NAMES];
    expect(values.filter((value) => !page.includes(`\`${value}\``))).toEqual([]);
  });

  it('has no row for a metric that does not exist', () => {
    const known = new Set(ALL.map(({ name }) => name));
    expect(rows.map((row) => /^\| `([a-z_]+)/.exec(row)![1]!).filter((name) => !known.has(name))).toEqual([]);
  });
});

/** A metric's row: what docs/metrics.md must say, to be copied from a failing test. */
function renderRow(metric: Metric): string {
  const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${metric.name}\` | ${metric.type} | ${labels} | ${metric.help} |`;
}
