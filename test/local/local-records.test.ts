import dnsPacket from 'dns-packet';
import { expect, it } from 'vitest';
import { parseLocalRecord } from '../../src/config/local-record.ts';
import { LocalRecords } from '../../src/local/local-records.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryBytes } from '../kit/dns-client.ts';

const LINES = [
  'db.internal A 10.0.0.9',
  'db.internal A 10.0.0.10',
  'db.internal AAAA ::1',
  'www.internal CNAME db.internal',
  'away.internal CNAME www.example',
  'round.internal CNAME again.internal',
  'again.internal CNAME round.internal',
  '9.0.0.10.in-addr.arpa PTR db.internal',
  '_ldap._tcp.internal SRV 1 5 389 db.internal',
  'internal TXT made here',
  '*.apps.internal A 10.0.0.11',
  'own.apps.internal TXT mine',
];
const local = new LocalRecords(LINES.map(parseLocalRecord), 60);

function ask(name: string, type = 'A') {
  const bytes = queryBytes({ name, type });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  const message = local.find(bytes, parsed);
  if (message === null) return null;
  const { answers, rcode } = dnsPacket.decode(Buffer.from(message)) as { answers?: object[]; rcode?: string };
  return { answers, rcode };
}

it.each([
  ['db.internal', 'AAAA', [{ type: 'AAAA', data: '::1', ttl: 60 }]],
  ['DB.internal', 'A', [{ data: '10.0.0.9' }, { data: '10.0.0.10' }]],
  ['9.0.0.10.in-addr.arpa', 'PTR', [{ type: 'PTR', data: 'db.internal' }]],
  ['_ldap._tcp.internal', 'SRV', [{ data: { priority: 1, weight: 5, port: 389, target: 'db.internal' } }]],
  ['internal', 'TXT', [{ data: [Buffer.from('made here')] }]],
])('answers %s %s', (name, type, answers) => {
  expect(ask(name, type)).toMatchObject({ rcode: 'NOERROR', answers });
});

it('answers a name of its own with nothing where it has no such record, and leaves other names alone', () => {
  expect(ask('db.internal', 'MX')).toEqual({ rcode: 'NOERROR', answers: [] });
  expect(ask('other.internal')).toBeNull();
  expect(ask('x.db.internal')).toBeNull();
});

it('follows an alias as far as it has records', () => {
  expect(ask('www.internal', 'A')?.answers).toMatchObject([
    { name: 'www.internal', type: 'CNAME', data: 'db.internal' },
    { name: 'db.internal', data: '10.0.0.9' },
    { name: 'db.internal', data: '10.0.0.10' },
  ]);
  expect(ask('www.internal', 'CNAME')?.answers).toHaveLength(1);
  expect(ask('away.internal')?.answers).toMatchObject([{ data: 'www.example' }]);
});

it('ends with aliases that go round', () => {
  expect(ask('round.internal')!.answers!.length).toBeLessThan(12);
});

it('gives a wildcard’s records to the names below it that have none', () => {
  expect(ask('a.apps.internal')?.answers).toMatchObject([{ name: 'a.apps.internal', data: '10.0.0.11' }]);
  expect(ask('a.b.apps.internal')?.answers).toHaveLength(1);
  expect(ask('own.apps.internal')?.answers).toEqual([]);
  expect(ask('x.own.apps.internal')).toBeNull();
  expect(ask('apps.internal')).toBeNull();
});

it('answers more names of a wildcard than it keeps', () => {
  for (let i = 0; i < 1100; i++) expect(ask(`n${i}.apps.internal`)?.answers).toHaveLength(1);
});
