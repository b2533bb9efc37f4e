import { expect, it } from 'vitest';
import { isIdentityQuestion } from '../../src/local/identity-question.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { queryBytes } from '../kit/dns-client.ts';

const CHAOS = 3;

function asks(name: string, qclass = CHAOS, type = 'TXT'): boolean {
  const bytes = queryBytes({ name, type, qclass });
  const parsed = new ParsedQuery();
  expect(parseQuery(bytes, bytes.length, parsed)).toBe(QueryVerdict.ok);
  return isIdentityQuestion(bytes, parsed);
}

it.each([
  'version.bind',
  'HostName.BIND',
  'id.server',
  'anything.at.all.server',
  'bind',
  'server',
])('%s is one', (name) => expect(asks(name)).toBe(true));

it.each(['.', 'bind.example', 'xbind', 'version.binds', 'example'])('%s is not', (name) => {
  expect(asks(name)).toBe(false);
});

it('is of class CHAOS, whatever its type', () => {
  expect(asks('version.bind', 1)).toBe(false);
  expect(asks('version.bind', CHAOS, 'A')).toBe(true);
});
