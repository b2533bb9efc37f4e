// Tables in Markdown, for the terminal, bench/results and docs: one per kind of figure, contenders
// down, scenarios across.
import { formatMachine } from '../../src/load/machine.ts';
import { CONTENDERS } from './contenders.ts';
import { best, figure, type Report, ratio } from './report.ts';
import { RATE_SCENARIOS, SCENARIOS } from './scenarios.ts';

const PEERS = CONTENDERS.filter(({ kind, variant }) => kind === 'peer' && !variant);

export function renderReport(report: Report): string {
  const { machine } = report;
  const parts = [
    `# Side by side, ${report.date.slice(0, 10)}`,
    `${formatMachine(machine)}. ` +
      `Medians of ${report.rounds} rounds of ${report.seconds} s each, in turn. Load average before: ${machine.loadBefore.toFixed(2)}.` +
      `${report.quick ? ' A quick run: its rounds are short.' : ''}` +
      `${report.smoke ? ' **A smoke run: it shows that it works, no figures.**' : ''}`,
    processorTable(report),
    fixedRateTable(report),
    fixedRateLatencyTable(report),
    ratioTable(report),
    rateTable(report),
    latencyTable(report),
    workersLine(report),
    pauseLine(report),
    shedLine(report),
    stormTable(report),
    namesTable(report),
    memoryTable(report),
    `Versions: ${CONTENDERS.filter(({ kind, variant }) => kind !== 'floor' && !variant)
      .map(({ key, title }) => `${title} ${report.versions[key] ?? 'not installed'}`)
      .join(', ')}.${otherNode(report)}`,
    report.notes.length === 0 ? '' : `Notes:\n${report.notes.map((note) => `- ${note}`).join('\n')}`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function otherNode(report: Report): string {
  const version = report.versions['unloop-other-node'];
  return version == null ? '' : ` The other Node.js: ${version}.`;
}

const LOADS = SCENARIOS.filter((scenario) => scenario.kind === 'load');

function processorTable(report: Report): string {
  return matrix(report, 'Processor time of the server per query, µs', LOADS, 'cpuMicros', (x) =>
    x.toFixed(1),
  );
}

function fixedRateTable(report: Report): string {
  const title = 'The same at fixed rates, from 20 clients (a cluster: 200)';
  return matrix(report, title, RATE_SCENARIOS, 'cpuMicros', (x) => x.toFixed(1));
}

function fixedRateLatencyTable(report: Report): string {
  const title = '99 % of the answers at these rates came within, ms';
  return matrix(report, title, RATE_SCENARIOS, 'p99Us', (us) => (us / 1000).toFixed(2));
}

function rateTable(report: Report): string {
  return matrix(
    report,
    'Queries per second, load and server sharing the machine',
    LOADS,
    'queriesPerSecond',
    (x) => Math.round(x).toLocaleString('en'),
  );
}

/** unloop against the floor, the best peer as shipped, and the peer that was given batches. */
function ratioTable(report: Report): string {
  const rows: string[][] = [];
  for (const scenario of [...LOADS, ...RATE_SCENARIOS]) {
    const to = (key: string) => times(ratio(report, scenario.key, 'unloop', key, 'cpuMicros'));
    const peer = best(
      report,
      scenario.key,
      PEERS.map(({ key }) => key),
      'cpuMicros',
    );
    const row = [
      to(scenario.floor ?? ''),
      to(peer ?? ''),
      PEERS.find(({ key }) => key === peer)?.title ?? '–',
      to('dnsdist-batches'),
      times(ratio(report, scenario.key, 'unloop-2', 'unloop', 'cpuMicros')),
    ];
    if (hasFigures(['', ...row])) rows.push([scenario.title, ...row]);
  }
  if (rows.length === 0) return '';
  const head = [
    '',
    'of the C floor',
    'of the best peer',
    'which is',
    'of dnsdist in batches',
    'two workers, of one',
  ];
  return table('unloop’s processor time per query, as a multiple', head, rows);
}

function latencyTable(report: Report): string {
  const milliseconds = (us: number) => (us / 1000).toFixed(2);
  const columns = [
    ['median', 'p50Us', milliseconds],
    ['p99', 'p99Us', milliseconds],
    ['p99.9', 'p999Us', milliseconds],
    ['worst', 'maxUs', milliseconds],
    ['µs per query', 'cpuMicros', (x: number) => x.toFixed(1)],
  ] as const;
  return perContender(report, 'latency', 'At 20,000 queries a second, cached: latency in ms', columns);
}

function workersLine(report: Report): string {
  const one = figure(report, 'workers', 'unloop', 'cpuMicros');
  const two = figure(report, 'workers', 'unloop-2', 'cpuMicros');
  const multiple = ratio(report, 'workers', 'unloop-2', 'unloop', 'cpuMicros');
  if (Number.isNaN(multiple)) return '';
  return (
    `With 20,000 cached answers a second for each worker, one costs ${one.toFixed(1)} µs with one worker, ${two.toFixed(1)} µs with two: ` +
    `${times(multiple)} of it.`
  );
}

function pauseLine(report: Report): string {
  const value = (name: string) => figure(report, 'pause', 'unloop', name);
  if (Number.isNaN(value('maxUs'))) return '';
  const ms = (name: string) => (value(name) / 1000).toFixed(2);
  return (
    `At 20,000 queries a second for ${value('seconds').toFixed(0)} s, one in twenty for a new name, the cache full and scraped every second, ` +
    `unloop's longest answer took ${ms('maxUs')} ms (p99.9 ${ms('p999Us')} ms, ${value('over10Ms').toFixed(0)} of ${value('answered').toLocaleString('en')} ` +
    `over 10 ms); the load tool was held up by ${value('behindMs').toFixed(1)} ms at worst itself.`
  );
}

function shedLine(report: Report): string {
  const shed = figure(report, 'shed', 'unloop', 'cpuMicros');
  const cached = figure(report, 'shed-cached', 'unloop', 'cpuMicros');
  if (Number.isNaN(shed)) return '';
  return (
    `Turning a query of its own away that came back costs unloop ${shed.toFixed(1)} µs, a cached answer with OPT under the same load ` +
    `${cached.toFixed(1)} µs: ${times(shed / cached)} of it.`
  );
}

function stormTable(report: Report): string {
  const title =
    'A forwarding loop: 1,000 queries a second whose upstream sends everything back, 1,000 for other names';
  return perContender(report, 'storm', title, [
    ['packets per looping query', 'packetsPerQuery', (x) => x.toFixed(x < 100 ? 2 : 0)],
    ['processor time, s', 'cpuSeconds', (x) => x.toFixed(1)],
    ['looping: median, ms', 'loopingP50Us', (us) => (us / 1000).toFixed(2)],
    ['looping: unanswered, %', 'loopingLostPercent', (x) => x.toFixed(1)],
    ['others: p99, ms', 'unrelatedP99Us', (us) => (us / 1000).toFixed(2)],
    ['others: unanswered, %', 'unrelatedLostPercent', (x) => x.toFixed(1)],
  ]);
}

function memoryTable(report: Report): string {
  const start = perContender(report, 'start', 'From start to first answer', [
    ['ms', 'startMs', (x) => x.toFixed(0)],
  ]);
  const memory = perContender(report, 'memory', 'Resident memory, MiB', [
    ['idle', 'idleMib', (x) => x.toFixed(0)],
    ['with 100,000 names', 'filledMib', (x) => x.toFixed(0)],
  ]);
  return [memory, start].filter((part) => part !== '').join('\n\n');
}

function namesTable(report: Report): string {
  const few = figure(report, 'names-few', 'unloop', 'cpuMicros');
  const many = figure(report, 'names-many', 'unloop', 'cpuMicros');
  if (Number.isNaN(many)) return '';
  const names = report.smoke ? '50,000' : '1,000,000';
  return `An answer out of ${names} cached names costs unloop ${many.toFixed(1)} µs, out of 10,000 ${few.toFixed(1)} µs: ${times(many / few)} of it.`;
}

type Column = readonly [title: string, value: string, show: (value: number) => string];

function perContender(report: Report, scenario: string, title: string, columns: readonly Column[]): string {
  const rows = CONTENDERS.map(({ key, title }) => [
    title,
    ...columns.map(([, value, show]) => orDash(figure(report, scenario, key, value), show)),
  ]).filter(hasFigures);
  return rows.length === 0 ? '' : table(title, ['', ...columns.map(([name]) => name)], rows);
}

function matrix(
  report: Report,
  title: string,
  scenarios: readonly { key: string; title: string }[],
  value: string,
  show: (value: number) => string,
): string {
  const measured = scenarios.filter(({ key }) => report.measurements.some((m) => m.scenario === key));
  const rows = CONTENDERS.map(({ key, title }) => [
    title,
    ...measured.map((scenario) => orDash(figure(report, scenario.key, key, value), show)),
  ]).filter(hasFigures);
  return rows.length === 0 ? '' : table(title, ['', ...measured.map(({ title }) => title)], rows);
}

function hasFigures(row: readonly string[]): boolean {
  return row.slice(1).some((cell) => cell !== '–');
}

function orDash(value: number, show: (value: number) => string): string {
  return Number.isNaN(value) ? '–' : show(value);
}

function times(value: number): string {
  return orDash(value, (x) => `${x.toFixed(2)} ×`);
}

/** In Markdown, its columns aligned. */
export function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [`**${title}**`, '', line(head), rule, ...rows.map(line)].join('\n');
}
