// docs/doctor.md: its examples are real output, its codes are those of the program.
// UPDATE_GENERATED=1 writes the examples again from the golden files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/doctor.md');
const EXAMPLE = /(<!-- example: ([\w-]+) -->\n```\n).*?(```\n)/gs;

function golden(name: string): string {
  return readFileSync(join(import.meta.dirname, 'fixtures', name, 'report.golden.txt'), 'utf8');
}

/** The page with its examples as they should be; the fixture's folder is no part of an example. */
function renderPage(text: string): string {
  return text.replaceAll(
    EXAMPLE,
    (_all, head: string, name: string, tail: string) =>
      head + golden(name).replaceAll(`test/doctor/fixtures/${name}/`, '') + tail,
  );
}

describe('docs/doctor.md', () => {
  it('shows what the doctor prints', () => {
    const before = readFileSync(PAGE, 'utf8');
    if (process.env.UPDATE_GENERATED === '1') writeFileSync(PAGE, renderPage(before));
    const text = readFileSync(PAGE, 'utf8');
    expect([...text.matchAll(EXAMPLE)].length).toBeGreaterThanOrEqual(5);
    expect(text, 'UPDATE_GENERATED=1 writes the examples again').toBe(renderPage(text));
  });

  it('explains every code of a finding, and no other', () => {
    const source = readFileSync(join(ROOT, 'src/doctor/report.ts'), 'utf8');
    const union = /export type FindingCode =([^;]*);/.exec(source)![1]!;
    const codes = [...union.matchAll(/'([\w-]+)'/g)].map((match) => match[1]!);
    const table = readFileSync(PAGE, 'utf8').split('| code | meaning |')[1]!.split('\n\n')[0]!;
    const explained = [...table.matchAll(/^\| (.*?) \|/gm)]
      .flatMap((row) => [...row[1]!.matchAll(/`([\w-]+)`/g)])
      .map((match) => match[1]!);
    expect(explained.toSorted()).toEqual(codes.toSorted());
  });

  it('lists the flags that the help lists', () => {
    const details = COMMANDS.find(({ name }) => name === 'doctor')!.details.join('\n');
    const ofHelp = new Set([...details.matchAll(/--[a-z-]+/g)].map((match) => match[0]));
    const table = readFileSync(PAGE, 'utf8').split('| flag | |')[1]!.split('\n\n')[0]!;
    const ofPage = new Set([...table.matchAll(/^\| `(--[a-z-]+)/gm)].map((match) => match[1]!));
    expect([...ofPage].toSorted()).toEqual([...ofHelp].toSorted());
  });
});
