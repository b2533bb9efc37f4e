// What `POST /explain` may be asked for.
import { expect, it } from 'vitest';
import { readExplainScope } from '../../src/admin/explain-scope.ts';

const read = (text: string) => readExplainScope(new URLSearchParams(text));

it('needs a name alone', () => {
  expect(read('name=WWW.Example.')).toEqual({
    name: 'www.example',
    type: 'A',
    client: '127.0.0.1',
    dryRun: false,
  });
  expect(read('name=a&type=TYPE65&client=::1&dryRun=true')).toEqual({
    name: 'a',
    type: 'TYPE65',
    client: '::1',
    dryRun: true,
  });
});

it.each([
  ['', 'name is missing'],
  ['name=a..b', 'name is not a domain name: "a..b"'],
  ['name=a&name=b', 'name is given twice'],
  ['name=a&dryrun=true', 'unknown parameter "dryrun"'],
  ['name=a&dryRun=yes', 'dryRun is neither true nor false'],
  ['name=a&type=TYPE0000000', 'type is too long'],
])('refuses %s', (text, error) => {
  expect(read(text)).toEqual({ error });
});
