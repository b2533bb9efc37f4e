// /metrics: publishes the tables of metrics in the Prometheus text format, through a prom-client
// registry whose collectors read the typed arrays when somebody scrapes. Runs on the main thread;
// imported at the first scrape.
import { type Metric as PromMetric, Registry } from 'prom-client';
import { COREDNS_METRICS } from './coredns-metrics.ts';
import type { HistogramMetric, HistogramSample, Labels, Metric, Sample, ScalarMetric } from './metric.ts';
import type { MetricsSnapshot } from './metrics-snapshot.ts';
import { PROCESS_METRICS } from './process-metrics.ts';
import { UNLOOP_METRICS } from './unloop-metrics.ts';

/** A scrape's answer. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

/** Renders the numbers of now. */
export type Exposition = () => Promise<MetricsText>;

/** Makes the exposition of a server; with `coredns` the names of CoreDNS are there too. */
export function createExposition(take: () => MetricsSnapshot, options: { coredns: boolean }): Exposition {
  let snapshot!: MetricsSnapshot;
  const registry = new Registry();
  const tables = options.coredns
    ? [UNLOOP_METRICS, PROCESS_METRICS, COREDNS_METRICS]
    : [UNLOOP_METRICS, PROCESS_METRICS];
  for (const metric of tables.flat()) registry.registerMetric(createCollector(metric, () => snapshot));
  return async () => {
    // The registry reads all metrics before it awaits anything: each scrape is of one snapshot.
    snapshot = take();
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
}

/** A line of the text format, as prom-client's Registry prints it. */
interface Line {
  labels: Labels;
  value: number;
  metricName?: string;
}

/**
 * prom-client's Registry asks no more of a metric than name, get() and reset(): an object of our
 * own spares it the label hashing and the second copy of every number that its Counter and
 * Histogram would keep.
 */
function createCollector(metric: Metric, snapshot: () => MetricsSnapshot): PromMetric<string> {
  const collector = {
    name: metric.name,
    help: metric.help,
    type: metric.type,
    get: async () => ({
      name: metric.name,
      help: metric.help,
      type: metric.type,
      values:
        metric.type === 'histogram' ? histogramLines(metric, snapshot()) : scalarLines(metric, snapshot()),
    }),
    reset() {}, // The numbers belong to the workers.
  };
  return collector as unknown as PromMetric<string>;
}

function scalarLines(metric: ScalarMetric, source: MetricsSnapshot): Line[] {
  const merged = new Map<string, Line>();
  for (const { labels, value } of metric.collect(source)) {
    const key = seriesKey(labels);
    const line = merged.get(key);
    if (line === undefined) merged.set(key, { labels, value });
    else line.value = metric.type === 'counter' ? line.value + value : Math.max(line.value, value);
  }
  return [...merged.values()];
}

function histogramLines(metric: HistogramMetric, source: MetricsSnapshot): Line[] {
  return mergeHistograms(metric.collect(source)).flatMap(({ labels, buckets, sum }) => {
    const lines: Line[] = [];
    let cumulative = 0;
    for (const [index, count] of buckets.entries()) {
      cumulative += count;
      const bound = metric.bounds[index];
      const le = bound === undefined ? '+Inf' : String(bound);
      lines.push({ metricName: `${metric.name}_bucket`, labels: { ...labels, le }, value: cumulative });
    }
    lines.push({ metricName: `${metric.name}_sum`, labels, value: sum });
    lines.push({ metricName: `${metric.name}_count`, labels, value: cumulative });
    return lines;
  });
}

function mergeHistograms(samples: readonly HistogramSample[]): HistogramSample[] {
  const merged = new Map<string, HistogramSample>();
  for (const sample of samples) {
    const key = seriesKey(sample.labels);
    const other = merged.get(key);
    merged.set(
      key,
      other === undefined
        ? sample
        : {
            labels: sample.labels,
            buckets: sample.buckets.map((count, index) => count + other.buckets[index]!),
            sum: sample.sum + other.sum,
          },
    );
  }
  return [...merged.values()];
}

/**
 * Two slots may carry the same text: a series written twice would make Prometheus reject the whole
 * scrape.
 */
function seriesKey(labels: Sample['labels']): string {
  return JSON.stringify(Object.values(labels));
}
