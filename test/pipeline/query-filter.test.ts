// Which answers the query log takes: each condition alone, and all together.
import { expect, it } from 'vitest';
import { parsePeer } from '../../src/io/peer.ts';
import { AnswerRecord } from '../../src/pipeline/answer-record.ts';
import { networkWords } from '../../src/pipeline/client-gate.ts';
import { type QueryConditions, QueryFilter } from '../../src/pipeline/query-filter.ts';
import { NO_SINK } from '../../src/pipeline/reply-sink.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { textToName } from '../../src/wire/text.ts';
import { testQuery } from './queries.ts';

const ALL: QueryConditions = { zones: [], clients: [], rcodes: [], slowerThanMs: 0, sample: 1 };

interface Asked {
  readonly name?: string;
  readonly client?: string;
  readonly rcode?: number;
  readonly durationMs?: number;
}

function takes(filter: QueryFilter, asked: Asked = {}): boolean {
  const { name = 'www.example', client = '10.1.2.3', rcode = Rcode.NOERROR, durationMs = 0 } = asked;
  const { bytes } = testQuery(name);
  const record = Object.assign(new AnswerRecord(), { rcode, durationMs });
  const to = { replyTo: NO_SINK, peers: parsePeer(client, 4000)!, peerOffset: 0 };
  return filter.takes(to, bytes, bytes.length, record);
}

const only = (conditions: Partial<QueryConditions>) => new QueryFilter({ ...ALL, ...conditions });

it('takes everything without conditions', () => {
  expect(takes(only({}))).toBe(true);
});

it.each([
  ['corp.example', true],
  ['a.b.CORP.example', true],
  ['xcorp.example', false],
  ['example', false],
  ['corp.example.org', false],
])('of the zone Corp.example, takes %s: %s', (name, is) => {
  expect(takes(only({ zones: [textToName('other.test'), textToName('Corp.example')] }), { name })).toBe(is);
});

it('takes every name of the root', () => {
  expect(takes(only({ zones: [textToName('.')] }), { name: 'www.example' })).toBe(true);
  expect(takes(only({ zones: [textToName('.')] }), { name: '.' })).toBe(true);
});

it('takes clients of a network', () => {
  const filter = only({ clients: [networkWords(Uint8Array.of(10, 1, 0, 0), 16)] });
  const clients = ['10.1.2.3', '::ffff:10.1.2.3', '10.2.0.0', '2001:db8::1'];
  expect(clients.map((client) => takes(filter, { client }))).toEqual([true, true, false, false]);
});

it('takes RCODEs', () => {
  const filter = only({ rcodes: [Rcode.SERVFAIL, Rcode.REFUSED] });
  const rcodes = [Rcode.NOERROR, Rcode.SERVFAIL, Rcode.REFUSED];
  expect(rcodes.map((rcode) => takes(filter, { rcode }))).toEqual([false, true, true]);
});

it('takes what is slow', () => {
  const filter = only({ slowerThanMs: 100 });
  expect([99, 100].map((durationMs) => takes(filter, { durationMs }))).toEqual([false, true]);
});

it('takes one of N of those that meet the rest', () => {
  const filter = only({ sample: 3, rcodes: [Rcode.SERVFAIL] });
  const taken = Array.from({ length: 12 }, (_, i) =>
    takes(filter, { rcode: i % 2 === 0 ? Rcode.SERVFAIL : Rcode.NOERROR }),
  );
  expect(taken.flatMap((is, i) => (is ? [i] : []))).toEqual([0, 6]);
});
