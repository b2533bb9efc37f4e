// The table of docs/install.md, which `npm run test:packages` writes: it is where it is looked for,
// and has rows that a test can have written.
import { expect, it } from 'vitest';
import { readRepositoryFile } from '../guard/repository-files.ts';
import { BEGIN, END, rowOf, TITLES, tableOf, WAYS, type Way } from '../lab/support/package-figures.ts';

const page = readRepositoryFile('docs/install.md');

it('the page has the table of all ways, between its marks', () => {
  const [before, table, after] = [page.indexOf(BEGIN), page.indexOf('| way |'), page.indexOf(END)];
  expect(before).toBeGreaterThan(0);
  expect(table).toBeGreaterThan(before);
  expect(after).toBeGreaterThan(table);
  const rows = page
    .slice(before + BEGIN.length, after)
    .trim()
    .split('\n');
  expect(rows[0]).toBe(`| ${TITLES.join(' | ')} |`);
  const seen = rows.slice(2).map((row) => row.split(' | ').slice(0, 3).join(' | '));
  const known = Object.values(WAYS).map(
    ([way, platform, command]) => `| ${way} | ${platform} | \`${command}\``,
  );
  expect(seen.length).toBeGreaterThan(5);
  expect(seen).toEqual(known.filter((row) => seen.includes(row)));
  // The slow socket would serve, too: it must not stand here unnoticed.
  for (const row of rows.slice(2)) expect(row).toMatch(/ \| batch \|$/);
});

it('a row says what was seen, in seconds and MiB', () => {
  const figures = { firstAnswerMs: 1249, residentKib: 98_304, socket: 'batch' };
  expect(rowOf('rpm', figures)).toMatch(/^\| rpm \| .* \| `rpm --install` \| 1\.2 s \| 96 MiB \| batch \|$/);
  const unknown = { ...figures, firstAnswerMs: null, residentKib: null };
  expect(rowOf('rpm', unknown)).toMatch(/ \| – \| – \| batch \|$/);
  const all: Partial<Record<Way, typeof figures>> = { rpm: figures, 'deb-trixie': figures };
  expect(tableOf(all).split('\n')).toHaveLength(4);
  expect(tableOf(all).indexOf('| deb |')).toBeLessThan(tableOf(all).indexOf('| rpm |'));
});
