import { expect, it } from 'vitest';
import { ownersOf } from '../../src/config/local-owners.ts';
import { parseLocalRecord } from '../../src/config/local-record.ts';

/** "NAME → NAME" for each alias, "NAME →" where it leads away. */
function aliasesOf(...lines: string[]): string[] {
  return ownersOf(lines.map(parseLocalRecord)).flatMap(({ name, alias, next }) =>
    alias === null ? [] : [`${name} → ${next?.name ?? ''}`.trim()],
  );
}

it('has each name with all its records, each once', () => {
  const owners = ownersOf(
    ['a.b A 10.0.0.1', 'c.b TXT x', 'a.b A 10.0.0.2', 'a.b A 10.0.0.1'].map(parseLocalRecord),
  );
  expect(owners.map(({ name, records }) => [name, records.length])).toEqual([
    ['a.b', 2],
    ['c.b', 1],
  ]);
});

it('follows an alias to the name, or to the closest wildcard above it', () => {
  expect(aliasesOf('a.b CNAME c.b', 'c.b TXT x')).toEqual(['a.b → c.b']);
  expect(aliasesOf('a.b CNAME d.c.b', '*.b TXT x', '*.c.b TXT y')).toEqual(['a.b → *.c.b']);
  expect(aliasesOf('*.b CNAME x.b')).toEqual(['*.b → *.b']);
});

it('ends a wildcard at a name with records of its own', () => {
  expect(aliasesOf('a.b CNAME x.c.b', '*.b TXT x', 'c.b TXT y')).toEqual(['a.b →']);
  expect(aliasesOf('a.b CNAME c.b', '*.b TXT x', 'd.c.b TXT y')).toEqual(['a.b → *.b']);
  expect(aliasesOf('a.b CNAME www.example')).toEqual(['a.b →']);
});
