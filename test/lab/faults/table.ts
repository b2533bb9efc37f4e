// The fault matrix as docs/faults.md shows it: printed, kept in build/lab/, and with
// UPDATE_GENERATED=1 written into the page.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { System } from './forwarders.ts';
import type { Figures, Matrix } from './run-matrix.ts';

const PAGE = fileURLToPath(new URL('../../../docs/faults.md', import.meta.url));
const KEPT = fileURLToPath(new URL('../../../build/lab/faults.md', import.meta.url));
const BEGIN = '<!-- figures: written by npm run test:lab with UPDATE_GENERATED=1 -->';
const END = '<!-- end of figures -->';

export function writeTable(matrix: Matrix, systems: readonly System[]): void {
  const table = tableOf(matrix, systems);
  console.log(table);
  mkdirSync(dirname(KEPT), { recursive: true });
  writeFileSync(KEPT, table);
  if (process.env.UPDATE_GENERATED !== '1' || !existsSync(PAGE)) return;
  const text = readFileSync(PAGE, 'utf8');
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  writeFileSync(PAGE, `${text.slice(0, from)}\n${table}${text.slice(to)}`);
}

function tableOf(matrix: Matrix, systems: readonly System[]): string {
  const versions = systems.map((system) => `${system.name} ${system.version()}`);
  const lines = [
    '| fault | | in time | … true | true in the end | late | wrong | twice | messages upstream | memory |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const [fault, row] of matrix) {
    let title = fault.title;
    for (const [system, figures] of row) {
      lines.push(line(title, system.name, figures));
      title = '';
    }
  }
  return `${versions.join(', ')}; Node.js ${process.version}.\n\n${lines.join('\n')}\n`;
}

function line(fault: string, system: string, figures: Figures): string {
  const { answeredInTime, goodInTime, good, late, wrong, surplus, messages, mostMessages } = figures;
  const memory = figures.crashed
    ? 'crashed'
    : `${Math.round(figures.residentMib)} + ${figures.grownMib.toFixed(1)} MiB`;
  const cells = [
    fault,
    system,
    answeredInTime,
    goodInTime,
    good,
    late,
    wrong,
    surplus,
    `${messages}, ≤ ${mostMessages} each`,
    memory,
  ];
  return `| ${cells.join(' | ')} |`;
}
