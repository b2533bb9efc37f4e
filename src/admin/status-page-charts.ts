// The charts of the status page: the last five minutes, as SVG that needs no script.
import { rcodeLabel } from '../metrics/response-samples.ts';
import { type Html, html } from './html.ts';
import type { RateHistory, Rates } from './rate-history.ts';
import { formatMs, formatPercent, formatRate } from './readable.ts';

const WIDTH = 300;
const HEIGHT = 60;
/** Room for half a stroke above and below. */
const MARGIN = 2;
/** Of the first bucket of durations, ms: nothing is measured below it. */
const SHORTEST_MS = 0.0625;
const LONGEST_MS = 8192;
/** NOERROR, NXDOMAIN and SERVFAIL have a line each. */
const NAMED_RCODES = [
  [0, 'good'],
  [3, 'accent'],
  [2, 'bad'],
] as const;

interface Line {
  readonly label: string;
  /** Style of the line and of its legend. */
  readonly look: 'accent' | 'good' | 'warning' | 'bad';
  readonly values: readonly (number | null)[];
}

interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
  /** Where a value is drawn: 0 at the bottom, 1 at the top. */
  readonly scale: (value: number) => number;
}

/** All charts; nothing while there is nothing to draw. */
export function renderCharts(history: RateHistory): Html | string {
  const series = history.series();
  if (series.length < 2 || series.every((rates) => rates.queriesPerSecond === 0)) return '';
  return html`${[queriesChart(series), timesChart(series), hitsChart(series), rcodesChart(series)].map(renderChart)}`;
}

function queriesChart(series: readonly Rates[]): Chart {
  const values = series.map((rates) => rates.queriesPerSecond);
  const lines: Line[] = [{ label: 'queries', look: 'accent', values }];
  return { title: 'Queries a second', lines, format: formatRateOrNone, scale: linear(lines) };
}

/** By powers of two, as the times are counted. */
function timesChart(series: readonly Rates[]): Chart {
  const lines: Line[] = [
    { label: 'half within', look: 'accent', values: series.map((rates) => rates.medianMs) },
    { label: '99 % within', look: 'warning', values: series.map((rates) => rates.p99Ms) },
  ];
  const steps = (ms: number) => Math.log2(Math.min(ms, LONGEST_MS) / SHORTEST_MS) + 1;
  const highest = steps(peakOf(lines, SHORTEST_MS));
  return { title: 'Time to answer', lines, format: formatMs, scale: (ms) => steps(ms) / highest };
}

function hitsChart(series: readonly Rates[]): Chart {
  const values = series.map((rates) => rates.hitRatio);
  const lines: Line[] = [{ label: 'hits', look: 'good', values }];
  return { title: 'Answered from the cache', lines, format: formatPercent, scale: (ratio) => ratio };
}

function rcodesChart(series: readonly Rates[]): Chart {
  const named = NAMED_RCODES.map(([rcode, look]): Line => {
    const values = series.map((rates) => rates.rcodesPerSecond[rcode]!);
    return { label: rcodeLabel(rcode), look, values };
  });
  const others = series.map((rates, index) => {
    const sum = rates.rcodesPerSecond.reduce((total, rate) => total + rate, 0);
    return Math.max(
      0,
      named.reduce((rest, { values }) => rest - values[index]!, sum),
    );
  });
  const lines: Line[] = [...named, { label: 'others', look: 'warning', values: others }];
  return { title: 'Answers a second, by code', lines, format: formatRateOrNone, scale: linear(lines) };
}

function formatRateOrNone(rate: number | null): string {
  return rate === null ? '–' : formatRate(rate);
}

function peakOf(lines: readonly Line[], atLeast: number): number {
  return lines.reduce(
    (peak, { values }) => values.reduce<number>((most, value) => Math.max(most, value ?? 0), peak),
    atLeast,
  );
}

function linear(lines: readonly Line[]): (value: number) => number {
  const peak = peakOf(lines, Number.MIN_VALUE);
  return (value) => value / peak;
}

function renderChart({ title, lines, format, scale }: Chart): Html {
  const legend = lines.map(({ label, look, values }) => {
    return html`<li class="${look}">${label} <b>${format(values.at(-1) ?? null)}</b></li>`;
  });
  const peaks = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return `${label} at most ${format(known.length === 0 ? null : Math.max(...known))}`;
  });
  const label = `${title} in the last five minutes: ${peaks.join(', ')}`;
  const paths = lines.map(({ look, values }) => html`<path class="${look}" d="${pathOf(values, scale)}"/>`);
  return html`<figure class="chart"><figcaption>${title}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">${paths}</svg><ul class="legend">${legend}</ul></figure>`;
}

/** A gap where there is no value; a value on its own is a dot. */
function pathOf(values: readonly (number | null)[], scale: (value: number) => number): string {
  let path = '';
  let isDrawing = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isDrawing = false;
      continue;
    }
    const x = (index / (values.length - 1)) * WIDTH;
    const y = HEIGHT - MARGIN - scale(value) * (HEIGHT - 2 * MARGIN);
    path += `${isDrawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}${isDrawing ? '' : 'h.1'}`;
    isDrawing = true;
  }
  return path;
}
