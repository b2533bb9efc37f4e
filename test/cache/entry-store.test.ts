import { beforeEach, describe, expect, it } from 'vitest';
import { EntryKey } from '../../src/cache/entry-key.ts';
import { EntryMessages } from '../../src/cache/entry-message.ts';
import { ENTRY_COST, EntryStore } from '../../src/cache/entry-store.ts';
import { EntryTable, segmentsFor } from '../../src/cache/entry-table.ts';
import { NONE, SEGMENT_COST } from '../../src/cache/segment-arena.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryFor } from './messages.ts';

/** The same for every name: what an attacker would like, and what chance brings now and then. */
const HASH = -559038737;

let table: EntryTable;
let messages: EntryMessages;
let store: EntryStore;

beforeEach(() => {
  table = new EntryTable(100);
  messages = new EntryMessages(table);
  store = new EntryStore(table, 50, 100_000);
});

function parse(name: string): { query: Uint8Array; q: ParsedQuery } {
  const query = queryFor(name);
  const q = new ParsedQuery();
  parseQuery(query, query.length, q);
  return { query, q };
}

function keyOf(name: string, hash: number, partition: number): EntryKey {
  const { query, q } = parse(name);
  q.keyHash = hash;
  return new EntryKey().ofQuestion(query, q, partition);
}

function insert(name: string, hash: number, partition = 0): number {
  const { query } = parse(name);
  const ref = table.allocate(segmentsFor(query.length, 0));
  table.writeKey(ref, keyOf(name, hash, partition));
  table.writeLifetime(ref, 0, 60, 0);
  messages.write(ref, query, query.length, new Uint16Array(0), 0);
  return store.insert(ref);
}

function find(name: string, hash: number, partition = 0): number {
  return store.find(keyOf(name, hash, partition));
}

/** QNAME of the entry found, lower case: the proof that it is the right one. */
function nameFound(name: string, hash: number, partition = 0): string | undefined {
  const ref = find(name, hash, partition);
  if (ref === NONE) return undefined;
  const out = new Uint8Array(512);
  const length = messages.copy(ref, out, 0, 30);
  expect([...out.subarray(0, length)]).toEqual([...queryFor(name)]);
  return name;
}

describe('names that share a hash', () => {
  it('are distinguished by their bytes', () => {
    insert('a.example', HASH);
    insert('b.example', HASH);
    expect(nameFound('a.example', HASH)).toBe('a.example');
    expect(nameFound('b.example', HASH)).toBe('b.example');
    expect(find('c.example', HASH)).toBe(NONE);
  });

  it('are distinguished by partition', () => {
    insert('a.example', HASH, 1);
    expect(find('a.example', HASH, 2)).toBe(NONE);
    expect(find('a.example', HASH, 1)).not.toBe(NONE);
  });

  it('are distinguished by their last byte, however long they are', () => {
    const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}`;
    insert(`${long}.com`, HASH);
    expect(nameFound(`${long}.com`, HASH)).toBe(`${long}.com`);
    expect(find(`${long}.con`, HASH)).toBe(NONE);
    expect(find(`${long.replace('y', 'w')}.com`, HASH)).toBe(NONE);
  });

  it('are distinguished by type, class, flags and existence of the name', () => {
    const { query, q } = parse('a.example');
    insert('a.example', HASH);
    const found = (changes: Partial<ParsedQuery>, isNameAlone = false): boolean => {
      const changed = { ...q, ...changes };
      const key = isNameAlone
        ? new EntryKey().ofName(query, changed, 0)
        : new EntryKey().ofQuestion(query, changed, 0);
      key.hash = HASH;
      return store.find(key) !== NONE;
    };
    expect(found({})).toBe(true);
    expect(found({ qtype: q.qtype + 1 })).toBe(false);
    expect(found({ qclass: 3 })).toBe(false);
    expect(found({ keyFlags: q.keyFlags ^ 1 })).toBe(false);
    expect(found({}, true)).toBe(false);
    expect(found({ qnameLength: q.qnameLength - 1 })).toBe(false);
  });

  it('are four at most: a fifth evicts the first', () => {
    expect(['a', 'b', 'c', 'd'].map((name) => insert(name, HASH))).toEqual([0, 0, 0, 0]);
    expect(insert('e', HASH)).toBe(1);
    expect(find('a', HASH)).toBe(NONE);
    for (const name of ['b', 'c', 'd', 'e']) expect(nameFound(name, HASH)).toBe(name);
    expect(store.entries).toBe(4);
    expect(table.arena.used).toBe(4);
  });

  it.each(['a', 'b', 'c'])('can each be removed without the others: %s', (gone) => {
    for (const name of ['a', 'b', 'c']) insert(name, HASH);
    store.remove(find(gone, HASH));
    for (const name of ['a', 'b', 'c']) {
      expect(nameFound(name, HASH)).toBe(name === gone ? undefined : name);
    }
    expect(store.entries).toBe(2);
  });

  it('are evicted together', () => {
    for (const name of ['a', 'b', 'c']) insert(name, HASH);
    insert('other', 1);
    expect(store.evictOldest()).toBe(3);
    expect(nameFound('other', 1)).toBe('other');
    expect(store.entries).toBe(1);
  });
});

describe('EntryStore', () => {
  it('evicts the least recently used entry', () => {
    for (const [hash, name] of ['a', 'b', 'c'].entries()) insert(name, hash);
    find('a', 0);
    store.evictOldest();
    expect(find('b', 1)).toBe(NONE);
    expect(nameFound('a', 0)).toBe('a');
    expect(nameFound('c', 2)).toBe('c');
  });

  it('evicts nothing that was removed before', () => {
    for (const [hash, name] of ['a', 'b', 'c'].entries()) insert(name, hash);
    store.remove(find('a', 0)); // the last one used, until the others are
    for (const [hash, name] of ['b', 'c'].entries()) find(name, hash + 1);
    expect(store.evictOldest()).toBe(1);
    expect(nameFound('c', 2)).toBe('c');
    expect(store.entries).toBe(1);
  });

  it('has nothing to evict when it is empty', () => {
    expect(store.evictOldest()).toBe(0);
    expect(store.isOldestExpired(1e12)).toBe(false);
  });

  it('knows whether its oldest entry has expired', () => {
    insert('a', 0); // lives 60 s from 0
    expect(store.isOldestExpired(59_999)).toBe(false);
    expect(store.isOldestExpired(60_000)).toBe(true);
  });

  it('counts every byte, and frees it', () => {
    insert('a', 0);
    insert(`${'x'.repeat(60)}.${'y'.repeat(60)}`, 1); // two segments
    expect(store.bytes).toBe(3 * SEGMENT_COST + 2 * ENTRY_COST);
    expect(store.removeWhere(() => true)).toBe(2);
    expect(store.bytes).toBe(0);
    expect(store.entries).toBe(0);
    expect(table.arena.used).toBe(0);
  });
});
