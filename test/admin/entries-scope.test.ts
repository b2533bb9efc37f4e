import { expect, it } from 'vitest';
import { readEntriesScope } from '../../src/admin/entries-scope.ts';

const read = (query: string) => readEntriesScope(new URLSearchParams(query));

it('takes each parameter once, and a name in any spelling', () => {
  expect(read('')).toEqual({ name: null, type: null, zone: null, limit: 100 });
  expect(read('name=WWW.Example.&type=aaaa&zone=.&limit=10000')).toEqual({
    name: 'www.example',
    type: 'aaaa',
    zone: '.',
    limit: 10_000,
  });
});

it.each([
  ['nmae=a', 'unknown parameter "nmae"'],
  ['name=a&name=b', 'name is given twice'],
  ['name=', 'name is not a domain name: ""'],
  ['zone=a..b', 'zone is not a domain name: "a..b"'],
  ['limit=0', 'limit is not a number from 1 to 10000'],
  ['limit=10001', 'limit is not a number from 1 to 10000'],
  ['limit=many', 'limit is not a number from 1 to 10000'],
])('refuses %j', (query, error) => {
  expect(read(query)).toEqual({ error });
});
