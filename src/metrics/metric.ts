// The shape of a metric in the tables (unloop-metrics, coredns-metrics, process-metrics): name,
// type, help and how its samples are read. exposition.ts publishes the tables, docs/metrics.md
// lists them.
import type { MetricsSnapshot } from './metrics-snapshot.ts';

export type Labels = Readonly<Record<string, string>>;

/** One series of a counter or a gauge. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One series of a histogram. */
export interface HistogramSample {
  readonly labels: Labels;
  /** Observations per bucket, not cumulative: one number for each bound and one more for +Inf. */
  readonly buckets: readonly number[];
  readonly sum: number;
}

interface MetricHead {
  readonly name: string;
  readonly help: string;
  /** Label names, in the order of docs/metrics.md. */
  readonly labels: readonly string[];
}

export interface ScalarMetric extends MetricHead {
  readonly type: 'counter' | 'gauge';
  collect(source: MetricsSnapshot): readonly Sample[];
}

export interface HistogramMetric extends MetricHead {
  readonly type: 'histogram';
  /** Upper bounds, ascending, without +Inf. */
  readonly bounds: readonly number[];
  collect(source: MetricsSnapshot): readonly HistogramSample[];
}

export type Metric = ScalarMetric | HistogramMetric;

/** A counter or gauge without labels. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (source: MetricsSnapshot) => number,
): ScalarMetric {
  return { type, name, help, labels: [], collect: (source) => [{ labels: {}, value: read(source) }] };
}

/** A counter or gauge with labels. */
export function labeled(
  type: 'counter' | 'gauge',
  name: string,
  labels: readonly string[],
  help: string,
  collect: (source: MetricsSnapshot) => readonly Sample[],
): ScalarMetric {
  return { type, name, help, labels, collect };
}
