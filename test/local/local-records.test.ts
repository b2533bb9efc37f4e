import dnsPacket from 'dns-packet';
import { expect, it } from 'vitest';
import { parseLocalRecord } from '../../src/config/local-record.ts';
import { LocalRecords } from '../../src/local/local-records.ts';
import { writeQuestion } from '../../src/wire/build-query.ts';
import { Class, Type } from '../../src/wire/codes.ts';
import { FLAG_RD, HEADER_LENGTH } from '../../src/wire/header.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { textToName } from '../../src/wire/text.ts';
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

/** The answer to a question for a name as text, escapes and all. */
function askText(text: string) {
  const bytes = new Uint8Array(512);
  const length = writeQuestion(bytes, textToName(text), Type.A, Class.IN, FLAG_RD);
  const parsed = new ParsedQuery();
  parseQuery(bytes, length, parsed);
  return { bytes, questionEnd: parsed.questionEnd, message: local.find(bytes, parsed) };
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

it.each([
  ['a dot', 'a\\.b.apps.internal'],
  ['a backslash', 'a\\\\.apps.internal'],
  ['63 bytes that are written as 252', `${'\\001'.repeat(63)}.apps.internal`],
])('answers a name of a wildcard that has %s in a label', (_, text) => {
  const { bytes, questionEnd, message } = askText(text);
  expect(message!.subarray(HEADER_LENGTH, questionEnd)).toEqual(bytes.subarray(HEADER_LENGTH, questionEnd));
  // The record follows the question: its owner is QNAME.
  expect([...message!.subarray(questionEnd, questionEnd + 2)]).toEqual([0xc0, HEADER_LENGTH]);
  expect([...message!.subarray(questionEnd + 12)]).toEqual([10, 0, 0, 11]);
});

it('does not take a dot within a label for the end of one', () => {
  expect(askText('a\\.apps.internal').message).toBeNull();
});

it('answers more names of a wildcard than it keeps', () => {
  for (let i = 0; i < 1100; i++) expect(ask(`n${i}.apps.internal`)?.answers).toHaveLength(1);
});
