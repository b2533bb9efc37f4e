// The layout of an entry: what is written in one field is read there, and changes no other, in any
// of two entries side by side.
import { describe, expect, it } from 'vitest';
import { EntryKey } from '../../src/cache/entry-key.ts';
import { EntryTable, segmentsFor } from '../../src/cache/entry-table.ts';
import { NONE, SEGMENT_BYTES } from '../../src/cache/segment-arena.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryFor } from './messages.ts';

const NAME = 'www.example.com';

function keyOf(name: string, partition = 7): EntryKey {
  const query = queryFor(name);
  const q = new ParsedQuery();
  parseQuery(query, query.length, q);
  return new EntryKey().ofQuestion(query, q, partition);
}

/** Everything that can be read of an entry. */
function read(table: EntryTable, ref: number): Record<string, unknown> {
  return {
    storedAtMs: table.storedAtMs(ref),
    lifetimeMs: table.lifetimeMs(ref),
    next: table.nextOf(ref),
    hash: table.hashOf(ref),
    partition: table.partitionOf(ref),
    qnameLength: table.qnameLengthOf(ref),
    length: table.lengthOf(ref),
    ttlCount: table.ttlCountOf(ref),
    rcode: table.rcodeOf(ref),
    hits: table.hitsOf(ref),
  };
}

describe('entry-table', () => {
  it('starts an entry with its key and nothing else, whatever was there before', () => {
    const table = new EntryTable(4);
    const ref = table.allocate(1);
    table.arena.bytes.fill(0xff);
    const key = keyOf(NAME);
    table.writeKey(ref, key);
    expect(read(table, ref)).toEqual({
      storedAtMs: 0,
      lifetimeMs: 0,
      next: NONE,
      hash: key.hash,
      partition: 7,
      qnameLength: NAME.length + 2,
      length: 0,
      ttlCount: 0,
      rcode: 0,
      hits: 0,
    });
    expect(table.mayRefresh(ref, 0)).toBe(true);
  });

  it('keeps its fields apart', () => {
    const table = new EntryTable(4);
    const [first, second] = [table.allocate(1), table.allocate(1)];
    const key = keyOf(NAME);
    table.writeKey(first, key);
    table.writeKey(second, key);
    const untouched = read(table, second);
    table.writeLifetime(first, 123_456.5, 300, 0xfff);
    table.setLengths(first, 0xffff, 0xfff);
    table.setNext(first, second);
    table.setHits(first, 0x7fff_ffff);
    expect(read(table, first)).toEqual({
      storedAtMs: 123_456.5,
      lifetimeMs: 300_000,
      next: second,
      hash: key.hash,
      partition: 7,
      qnameLength: NAME.length + 2,
      length: 0xffff,
      ttlCount: 0xfff,
      rcode: 0xfff,
      hits: 0x7fff_ffff,
    });
    expect(read(table, second)).toEqual(untouched);
  });

  it('expires at the end of the lifetime', () => {
    const table = new EntryTable(4);
    const ref = table.allocate(1);
    table.writeKey(ref, keyOf(NAME));
    table.writeLifetime(ref, 1000, 60, 0);
    expect([table.remainingMs(ref, 1000), table.isExpired(ref, 60_999)]).toEqual([60_000, false]);
    expect([table.remainingMs(ref, 61_001), table.isExpired(ref, 61_000)]).toEqual([-1, true]);
  });

  it('delays a refresh in whole seconds since it was stored, until a new lifetime is set', () => {
    const table = new EntryTable(4);
    const ref = table.allocate(1);
    table.writeKey(ref, keyOf(NAME));
    table.writeLifetime(ref, 1000, 60, 0);
    table.delayRefresh(ref, 2500, 30);
    expect([table.mayRefresh(ref, 32_999), table.mayRefresh(ref, 33_000)]).toEqual([false, true]);
    table.writeLifetime(ref, 2500, 60, 0);
    expect(table.mayRefresh(ref, 2500)).toBe(true);
  });

  it('takes as many segments as header, message in whole words and TTL offsets need', () => {
    const room = SEGMENT_BYTES - 48;
    expect([segmentsFor(room, 0), segmentsFor(room + 1, 0)]).toEqual([1, 2]);
    expect([segmentsFor(room - 4, 2), segmentsFor(room - 4, 3)]).toEqual([1, 2]);
    expect([segmentsFor(room - 3, 0), segmentsFor(room - 3, 1)]).toEqual([1, 2]);
    const table = new EntryTable(4);
    const ref = table.allocate(2);
    table.setLengths(ref, room - 3, 1);
    expect(table.segmentsOf(ref)).toBe(2);
    table.free(ref);
    expect(table.arena.used).toBe(0);
  });
});
