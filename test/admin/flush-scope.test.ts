import { expect, it } from 'vitest';
import { readFlushScope } from '../../src/admin/flush-scope.ts';

const read = (query: string) => readFlushScope(new URLSearchParams(query));

it.each([
  ['', { name: null, zone: null }],
  ['name=WWW.Example.', { name: 'www.example', zone: null }],
  ['zone=example&name=a.example', { name: 'a.example', zone: 'example' }],
  ['zone=.', { name: null, zone: '.' }],
  [`name=${'a'.repeat(63)}`, { name: 'a'.repeat(63), zone: null }],
])('reads %j', (query, scope) => {
  expect(read(query)).toEqual(scope);
});

it.each([
  ['names=a', 'unknown parameter "names"'],
  ['name=a&name=b', 'name is given twice'],
  ['name=a&name=a', 'name is given twice'],
  ['name=', 'name is not a domain name: ""'],
  ['zone=a..b', 'zone is not a domain name: "a..b"'],
  ['zone=a%20b', 'zone is not a domain name: "a b"'],
  ['zone=%C3%A4', 'zone is not a domain name: "ä"'],
  [`name=${'a'.repeat(64)}`, 'name is not a domain name'],
  [`name=${Array(128).fill('a').join('.')}`, 'name is not a domain name'],
])('refuses %j', (query, error) => {
  expect(read(query)).toEqual({ error: expect.stringContaining(error) });
});
