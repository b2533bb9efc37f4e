import { expect, it } from 'vitest';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { SuffixTable } from '../../src/wire/suffix-table.ts';
import { textToName } from '../../src/wire/text.ts';
import { queryBytes } from '../kit/dns-client.ts';

const SUFFIXES = ['local', 'svc.cluster.local', 'example', 'a.b.c.example'];
const table = new SuffixTable<string>();
for (const suffix of SUFFIXES) table.add(textToName(suffix), suffix);

/** The suffix found, and the label of the name that it starts with. */
function find(name: string, first = 0, from = table) {
  const bytes = queryBytes({ name, type: 'A' });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  const found = from.find(bytes, parsed, first);
  return found === null ? null : [found, from.label];
}

it.each([
  ['local', 'local', 0],
  ['www.Local', 'local', 1],
  ['cluster.local', 'local', 1],
  ['db.default.SVC.cluster.local', 'svc.cluster.local', 2],
  ['svc.cluster.local', 'svc.cluster.local', 0],
  ['b.c.example', 'example', 2],
  ['x.a.b.c.example', 'a.b.c.example', 1],
])('%s ends in %s', (name, suffix, label) => expect(find(name)).toEqual([suffix, label]));

it.each(['.', 'com', 'example.com', 'locale', 'xlocal'])('%s ends in none', (name) => {
  expect(find(name)).toBeNull();
});

it('leaves QNAME itself out where names above it are asked for', () => {
  expect(find('local', 1)).toBeNull();
  expect(find('svc.cluster.local', 1)).toEqual(['local', 2]);
});

it('finds nothing where nothing is in it', () => {
  expect(find('local', 0, new SuffixTable())).toBeNull();
});
