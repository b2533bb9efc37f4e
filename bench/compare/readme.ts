// The figures that the README shows, between its markers: a short table and the picture. Written by
// a whole run, so that they are never of another one than bench/results.
import { formatMachine } from '../../src/load/machine.ts';
import { CONTENDERS } from './contenders.ts';
import { figure, type Report } from './report.ts';
import { table } from './tables.ts';

const BEGIN = '<!-- compare -->';
const END = '<!-- /compare -->';

const micros = (value: number) => value.toFixed(1);
const COLUMNS = [
  { scenario: 'cached', title: 'cached', value: 'cpuMicros', show: micros },
  { scenario: 'forwarded', title: 'forwarded', value: 'cpuMicros', show: micros },
  { scenario: 'mixed', title: '90 % cached', value: 'cpuMicros', show: micros },
  { scenario: 'tcp', title: 'cached, TCP', value: 'cpuMicros', show: micros },
  {
    scenario: 'storm',
    title: 'packets a loop makes of a query',
    value: 'packetsPerQuery',
    show: (packets: number) => packets.toFixed(packets < 100 ? 2 : 0),
  },
] as const;

/**
 * The block for the README; `results` is the file that has all of it, from the repository's root.
 */
export function renderReadme(report: Report, results: string): string {
  const columns = COLUMNS.filter(({ scenario }) => report.measurements.some((m) => m.scenario === scenario));
  const rows = CONTENDERS.filter(({ variant }) => !variant)
    .map(({ key, title }) => [
      title,
      ...columns.map(({ scenario, value, show }) => {
        const measured = figure(report, scenario, key, value);
        return Number.isNaN(measured) ? '–' : show(measured);
      }),
    ])
    .filter((row) => row.slice(1).some((cell) => cell !== '–'));
  const head = ['', ...columns.map(({ title }) => title)];
  return [
    table('Processor time of the server per query, µs, one data thread each', head, rows),
    `${formatMachine(report.machine)}; ${report.date.slice(0, 10)},\nmedians of ${report.rounds} rounds: [all of it](${results}), [how](docs/performance.md).`,
    '![What a query costs](docs/images/compare.svg)',
  ].join('\n\n');
}

/** The README with the block between its markers. Throws when they are gone. */
export function putIntoReadme(readme: string, block: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${block}\n${readme.slice(end)}`;
}
