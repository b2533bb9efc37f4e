// One or several reports as a page that needs nothing but itself: figures in a table, distribution
// and course of the latency, rate and loss. Called by main and loop-storm-command for --html.
import { type ChartLine, escapeHtml, lineChart } from './line-chart.ts';
import { formatMachine } from './machine.ts';
import type { LoadReport } from './report.ts';
import { mib, number } from './text-report.ts';

const COLORS = 8;
/** Bins of the distribution in each power of ten. */
const BINS_PER_DECADE = 20;
/** 1 − 10^−x: nines at equal distances. */
const NINES: readonly (readonly [number, string])[] = [
  [0, '0 %'],
  [0.301, '50 %'],
  [1, '90 %'],
  [2, '99 %'],
  [3, '99.9 %'],
  [4, '99.99 %'],
];

const STYLE = `
:root{color-scheme:light dark;--back:#fff;--text:#1c2126;--soft:#66707a;--line:#dfe3e7;--panel:#f6f8fa;
--c0:#0b6bcb;--c1:#d1580a;--c2:#12805c;--c3:#a8327e;--c4:#8a6d00;--c5:#5b4bc4;--c6:#b3261e;--c7:#4d5761}
@media(prefers-color-scheme:dark){:root{--back:#14181c;--text:#e4e8ec;--soft:#98a2ac;--line:#2c333a;--panel:#1b2026;
--c0:#5aa9f5;--c1:#f0934a;--c2:#4fc397;--c3:#e47fbf;--c4:#d9b83f;--c5:#a296f2;--c6:#f0766e;--c7:#aab4be}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1560px;padding:min(24px,3vw);background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:22px;margin:0 0 4px}
h2{font-size:16px;margin:24px 0 8px}
p{margin:0 0 16px;color:var(--soft)}
dl{display:flex;flex-wrap:wrap;gap:12px 32px;margin:0 0 16px}
dt{color:var(--soft)}
dd{margin:0;font-size:20px;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 5px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child{text-align:left}
td:first-child{width:22%;overflow-wrap:anywhere}
td small{display:block;color:var(--soft)}
code{overflow-wrap:anywhere}
@media(max-width:1000px){thead{display:none}table,tbody,tr,td{display:block}
tr{padding:8px 0;border-bottom:2px solid var(--line)}
td{display:flex;justify-content:space-between;gap:16px;padding:2px 0;border:0}
td:first-child{display:block;width:auto}
td::before{content:attr(data-head);color:var(--soft)}}
.key{display:inline-block;width:22px;height:0;border-top:3px solid;margin-right:8px;vertical-align:middle}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,560px),1fr));gap:16px;margin-top:24px}
figure{margin:0;padding:14px;background:var(--panel);border:1px solid var(--line);border-radius:8px}
figcaption{font-weight:600;margin-bottom:6px}
svg{width:100%;height:auto;display:block}
svg text{font-size:12px;fill:var(--soft)}
.grid{stroke:var(--line)}.axis,.tick{stroke:var(--soft)}
path{fill:none;stroke-width:2;stroke-linejoin:round}
.dashed{stroke-dasharray:4 4;stroke-width:1.3}
.bad{color:var(--c6);font-weight:600}
${Array.from({ length: COLORS }, (_, i) => `path.c${i}{stroke:var(--c${i})}.key.c${i}{border-color:var(--c${i})}`).join('\n')}
`;

/** A figure above the table: what it is, and its value. */
export type Figure = readonly [what: string, value: string];

/** The page. The last report is the newest; `figures` are those of the runs as a whole. */
export function htmlReport(reports: readonly LoadReport[], figures: readonly Figure[] = []): string {
  const lines = (points: (report: LoadReport) => ChartLine['points']): ChartLine[] =>
    reports.map((report, i) => ({ label: report.label, color: i % COLORS, points: points(report) }));
  const charts = [
    lineChart({
      title: 'Latency distribution',
      xLabel: 'latency, ms',
      yLabel: '% of answers',
      xLog: true,
      lines: lines(distribution),
    }),
    lineChart({
      title: 'Latency by percentile',
      xLabel: 'answers not slower',
      yLabel: 'latency, ms',
      yLog: true,
      xTicks: NINES,
      lines: lines(percentileCurve),
    }),
    lineChart({
      title: 'Rate over time (dashed: sent)',
      xLabel: 'seconds',
      yLabel: 'answers per second',
      lines: reports.flatMap((report, i) => [
        {
          label: `${report.label}, sent`,
          color: i % COLORS,
          dashed: true,
          points: report.series.map((s) => [s.atSeconds, s.sentPerSecond] as const),
        },
        {
          label: report.label,
          color: i % COLORS,
          points: report.series.map((s) => [s.atSeconds, s.answeredPerSecond] as const),
        },
      ]),
    }),
    lineChart({
      title: 'p99 latency over time (dashed: p50)',
      xLabel: 'seconds',
      yLabel: 'latency, ms',
      yLog: true,
      lines: reports.flatMap((report, i) => [
        {
          label: `${report.label}, p50`,
          color: i % COLORS,
          dashed: true,
          points: report.series.map((s) => [s.atSeconds, s.p50Ms] as const),
        },
        {
          label: report.label,
          color: i % COLORS,
          points: report.series.map((s) => [s.atSeconds, s.p99Ms] as const),
        },
      ]),
    }),
    lineChart({
      title: 'Lost queries over time',
      xLabel: 'seconds',
      yLabel: 'queries given up',
      lines: lines((report) => report.series.map((s) => [s.atSeconds, s.lost] as const)),
    }),
  ];
  const title =
    reports.length === 1 ? `DNS load: ${reports[0]!.label}` : `DNS load: ${reports.length} runs compared`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>Made by unloop bench. In an open loop latency counts from the intended send time, so that waiting for a slow server is not left out.</p>
${figureList(figures)}${table(reports)}
<div class="charts">
${charts.join('\n')}
</div>
<h2>How it was measured</h2>
${origins(reports)}
</body>
</html>
`;
}

function figureList(figures: readonly Figure[]): string {
  if (figures.length === 0) return '';
  const items = figures.map(
    ([what, value]) => `<div><dt>${escapeHtml(what)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>\n`;
}

function table(reports: readonly LoadReport[]): string {
  const heads = [
    'run',
    'answers/s',
    'sent',
    'answered',
    'lost',
    'late',
    'p50 ms',
    'p90',
    'p99',
    'p99.9',
    'max',
    'rcodes',
    'server µs/query',
    'server MiB',
  ];
  const rows = reports.map((report, i) => {
    const { latencyMs: l, server } = report;
    const rcodes = Object.entries(report.rcodes).map(([rcode, count]) => `${rcode} ${number(count)}`);
    const mode =
      report.mode === 'open' ? `${number(report.wantedQps)} q/s wanted` : `${report.concurrency} in flight`;
    const cells = [
      number(report.qps),
      number(report.sent),
      number(report.answered),
      `<span${report.lost > 0 ? ' class="bad"' : ''}>${number(report.lost)} (${report.lossPercent} %)</span>`,
      number(report.late),
      ...[l.p50, l.p90, l.p99, l.p999, l.max].map(String),
      `<span class="rcodes">${escapeHtml(rcodes.join(', '))}</span>`,
      server === null ? '–' : String(server.cpuMicrosPerQuery),
      server === null ? '–' : mib(server.rssBytes),
    ];
    const about = `${report.target}, ${mode}, ${report.clients} clients, ${report.seconds} s; ${report.queries}; ${report.startedAt}`;
    return `<tr><td><span class="key c${i % COLORS}"></span>${escapeHtml(report.label)}<small>${escapeHtml(about)}</small></td>${cells.map((cell, at) => `<td data-head="${heads[at + 1]}">${cell}</td>`).join('')}</tr>`;
  });
  return `<table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** The command and the machine of each run; reports of earlier releases do not tell. */
function origins(reports: readonly LoadReport[]): string {
  const items = reports
    .filter(({ machine }) => machine !== undefined)
    .map(({ label, command, version, machine }) => {
      const load = `load average before ${machine.loadBefore.toFixed(2)}`;
      return `<p><b>${escapeHtml(label)}</b>: <code>${escapeHtml(command)}</code><br>${escapeHtml(`unloop bench ${version}; ${formatMachine(machine)}; ${load}`)}</p>`;
    });
  return items.join('\n');
}

/**
 * Share of the answers, percent, in bins of equal width on a logarithmic axis, empty ones between
 * full ones too.
 */
function distribution(report: LoadReport): [number, number][] {
  const bins = new Map<number, number>();
  for (const [upperMs, count] of report.histogram) {
    const bin = Math.floor(Math.log10(upperMs) * BINS_PER_DECADE);
    bins.set(bin, (bins.get(bin) ?? 0) + count);
  }
  if (bins.size === 0) return [];
  const keys = [...bins.keys()];
  const from = Math.min(...keys) - 1;
  const to = Math.max(...keys) + 1;
  return Array.from({ length: to - from + 1 }, (_, i) => [
    10 ** ((from + i + 0.5) / BINS_PER_DECADE),
    (100 * (bins.get(from + i) ?? 0)) / Math.max(report.answered, 1),
  ]);
}

/** Latency against −log10(1 − share), to the last nine that the number of answers can show. */
function percentileCurve(report: LoadReport): [number, number][] {
  const points: [number, number][] = [];
  let seen = 0;
  for (const [upperMs, count] of report.histogram) {
    seen += count;
    const beyond = 1 - seen / Math.max(report.answered, 1);
    const nines = beyond > 0 ? -Math.log10(beyond) : Math.log10(Math.max(report.answered, 1));
    points.push([Math.min(nines, NINES.at(-1)![0]), upperMs]);
  }
  return points;
}
