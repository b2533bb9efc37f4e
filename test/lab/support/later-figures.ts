// The table of docs/loops.md about loops that begin later: one row per box, one column per setting,
// in each cell the time to proof. Kept in build/lab/later-loops.json; with UPDATE_GENERATED=1 the
// table is written again from that file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../../../build/lab/later-loops.json', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../../docs/loops.md', import.meta.url));
const BEGIN = '<!-- later loops: written by npm run test:lab with UPDATE_GENERATED=1 -->';
const END = '<!-- end of later loops -->';

type Rows = Record<string, Record<string, string>>;

/** Keeps what a box's setting gave. */
export function recordLater(box: string, setting: string, cell: string): void {
  console.log(`a loop that begins later, through ${box}, ${setting}: ${cell}`);
  const rows = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Rows) : {};
  rows[box] = { ...rows[box], [setting]: cell };
  mkdirSync(new URL('.', `file://${FILE}`), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(rows, null, 2)}\n`);
  if (process.env.UPDATE_GENERATED === '1') writeTable(rows);
}

function writeTable(rows: Rows): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const settings = [...new Set(Object.values(rows).flatMap((row) => Object.keys(row)))];
  const table = [
    `| box | ${settings.join(' | ')} |`,
    `|---|${settings.map(() => '---|').join('')}`,
    ...Object.entries(rows).map(
      ([box, row]) => `| ${box} | ${settings.map((setting) => row[setting] ?? '–').join(' | ')} |`,
    ),
  ].join('\n');
  const from = text.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(DOCUMENT, `${text.slice(0, from)}\n${table}\n${text.slice(text.indexOf(END))}`);
}
