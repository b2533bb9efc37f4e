import dnsPacket from 'dns-packet';
import { expect, it } from 'vitest';
import { ownersOf } from '../../src/config/local-owners.ts';
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
  '9.0.0.10.in-addr.arpa PTR db.internal',
  '_ldap._tcp.internal SRV 1 5 389 db.internal',
  'internal TXT made here',
  'dkim.internal TXT "v=DKIM1; k=rsa" "\\"\\255"',
  'none._tcp.internal SRV 0 0 0 .',
  '*.apps.internal A 10.0.0.11',
  'home.internal CNAME shop.apps.internal',
  'own.apps.internal TXT mine',
];
const local = new LocalRecords(ownersOf(LINES.map(parseLocalRecord)), 60);

/** The answer, or null. */
function find(records: LocalRecords, bytes: Uint8Array, parsed: ParsedQuery): Uint8Array | null {
  const length = records.find(bytes, parsed);
  expect(records.has(bytes, parsed)).toBe(length > 0);
  return length === 0 ? null : records.message.slice(0, length);
}

function ask(name: string, type = 'A', records = local) {
  const bytes = queryBytes({ name, type });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  const message = find(records, bytes, parsed);
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
  return { bytes, questionEnd: parsed.questionEnd, message: find(local, bytes, parsed) };
}

it.each([
  ['db.internal', 'AAAA', [{ type: 'AAAA', data: '::1', ttl: 60 }]],
  ['DB.internal', 'A', [{ data: '10.0.0.9' }, { data: '10.0.0.10' }]],
  ['9.0.0.10.in-addr.arpa', 'PTR', [{ type: 'PTR', data: 'db.internal' }]],
  ['_ldap._tcp.internal', 'SRV', [{ data: { priority: 1, weight: 5, port: 389, target: 'db.internal' } }]],
  ['internal', 'TXT', [{ data: [Buffer.from('made here')] }]],
  ['dkim.internal', 'TXT', [{ data: [Buffer.from('v=DKIM1; k=rsa'), Buffer.from([0x22, 255])] }]],
  ['none._tcp.internal', 'SRV', [{ data: { target: '.' } }]],
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

it('follows an alias to a name of a wildcard', () => {
  expect(ask('home.internal', 'A')?.answers).toMatchObject([
    { name: 'home.internal', type: 'CNAME', data: 'shop.apps.internal' },
    { name: 'shop.apps.internal', type: 'A', data: '10.0.0.11' },
  ]);
});

it.each([
  [['a.b CNAME a.b'], 'a.b', 1],
  [['a.b CNAME c.b', 'c.b CNAME a.b'], 'a.b', 2],
  [['*.b CNAME x.b'], 'y.b', 1],
])('repeats no record of aliases that go round, should there be some: %j', (lines, name, count) => {
  const records = new LocalRecords(ownersOf(lines.map(parseLocalRecord)), 60);
  const answers = ask(name, 'A', records)!.answers!;
  expect(answers).toHaveLength(count);
});

it('gives a record that two lists have once', () => {
  const records = new LocalRecords(ownersOf(['a.b A 10.0.0.9', 'a.b A 10.0.0.9'].map(parseLocalRecord)), 60);
  expect(ask('a.b', 'A', records)?.answers).toHaveLength(1);
});

it('finds each of many names', () => {
  const names = Array.from({ length: 3000 }, (_, i) => `n${i}.many.internal`);
  const records = new LocalRecords(ownersOf(names.map((name) => parseLocalRecord(`${name} A 10.0.0.9`))), 60);
  for (const name of names) expect(ask(name, 'A', records)?.answers).toMatchObject([{ name }]);
  expect(ask('n3000.many.internal', 'A', records)).toBeNull();
});

it('tells names apart whose hashes are the same', () => {
  const records = new LocalRecords(ownersOf(LINES.map(parseLocalRecord)), 60);
  const bytes = queryBytes({ name: 'db.internal', type: 'A' });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  bytes[13] = 'x'.charCodeAt(0);
  expect(records.find(bytes, parsed)).toBe(0);
});

it('ends an answer that no message could hold', () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `a.b A 10.${i >> 8}.${i & 255}.1`);
  const records = new LocalRecords(ownersOf(lines.map(parseLocalRecord)), 60);
  const bytes = queryBytes({ name: 'a.b', type: 'A' });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  const length = records.find(bytes, parsed);
  expect(length).toBeGreaterThan(65_535);
  expect(length).toBeLessThan(65_535 + 300);
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

it('gives a wildcard the names below it that stand below no name of their own', () => {
  const lines = [
    '*.a.b A 10.0.0.1',
    '*.c.a.b A 10.0.0.2',
    'd.a.b TXT x',
    '*.e.d.a.b A 10.0.0.3',
    'a.b TXT y',
  ];
  const records = new LocalRecords(ownersOf(lines.map(parseLocalRecord)), 60);
  const addressOf = (name: string) =>
    ask(name, 'A', records)?.answers?.map((answer) => (answer as { data: string }).data);
  expect(addressOf('x.a.b')).toEqual(['10.0.0.1']);
  expect(addressOf('c.a.b')).toEqual(['10.0.0.1']);
  expect(addressOf('X.Y.C.a.b')).toEqual(['10.0.0.2']);
  expect(addressOf('x.d.a.b')).toBeUndefined();
  expect(addressOf('x.e.d.a.b')).toEqual(['10.0.0.3']);
  expect(addressOf('a.b')).toEqual([]);
});
