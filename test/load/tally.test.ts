import { beforeEach, expect, it } from 'vitest';
import { fingerprint, InFlightTable } from '../../src/load/in-flight-table.ts';
import { Tally } from '../../src/load/tally.ts';

/** `a.example A`, ID 0. */
const QUERY = Buffer.from('0000010000010000000000000161076578616d706c650000010001', 'hex');

let tally: Tally;
let table: InFlightTable;
let id: number;

beforeEach(() => {
  tally = new Tally();
  table = new InFlightTable(16);
  id = ask(1000);
});

/** Sends the query; its ID. */
function ask(nowMs: number): number {
  return table.take(fingerprint(QUERY, 0), nowMs, nowMs);
}

function reply(flags = 0x8180, more: Partial<{ id: number; bytes: Buffer; nowMs: number }> = {}): void {
  const bytes = Buffer.from(more.bytes ?? QUERY);
  bytes.writeUInt16BE(more.id ?? id, 0);
  bytes.writeUInt16BE(flags, 2);
  tally.onMessage(table, bytes, bytes.length, more.nowMs ?? 1005);
}

it('counts an answer with its RCODE, its time and TC', () => {
  reply(0x8183);
  reply(0x8380, { id: ask(1000) });
  expect(tally.answered).toBe(2);
  expect([...tally.rcodes.slice(0, 4)]).toEqual([1, 0, 0, 1]);
  expect(tally.truncated).toBe(1);
  expect(tally.lastAnswerMs[0]).toBe(1005);
  expect(tally.latency.meanMs).toBeCloseTo(5, 0);
});

it.each([
  ['a query', () => reply(0x0100)],
  ['half a header', () => tally.onMessage(table, Buffer.alloc(11, 0x80), 11, 1005)],
  ['another question', () => reply(0x8180, { bytes: Buffer.from(QUERY).fill(0x62, 13, 14) })],
  ['an ID that is not in flight', () => reply(0x8180, { id: id + 1 })],
  ['an ID that no query has', () => reply(0x8180, { id: 16 })],
])('does not expect %s', (_, send) => {
  send();
  expect([tally.answered, tally.unexpected]).toEqual([0, 1]);
});

it('does not expect the same answer twice', () => {
  reply();
  reply();
  expect([tally.answered, tally.unexpected]).toEqual([1, 1]);
});

it('counts the errors of sockets by their code', () => {
  for (const code of ['ECONNREFUSED', 'ECONNREFUSED', 'EPERM']) tally.onError(code);
  expect([...tally.errors]).toEqual([
    ['ECONNREFUSED', 2],
    ['EPERM', 1],
  ]);
});

it('compares the shortest question too, that of the root', () => {
  const root = Buffer.from('0000818000010000000000000000020001', 'hex');
  const other = Buffer.from('0000818000010000000000000000060001', 'hex');
  const rootId = table.take(fingerprint(root, 0), 1000, 1000);
  reply(0x8180, { id: rootId, bytes: other });
  expect([tally.answered, tally.unexpected]).toEqual([0, 1]);
  reply(0x8180, { id: rootId, bytes: root });
  expect([tally.answered, tally.unexpected]).toEqual([1, 1]);
});
