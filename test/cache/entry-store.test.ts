import { beforeEach, describe, expect, it } from 'vitest';
import { segmentsFor, writeKey, writeLifetime } from '../../src/cache/entry.ts';
import { copyMessage, writeMessage } from '../../src/cache/entry-message.ts';
import { ENTRY_COST, EntryStore } from '../../src/cache/entry-store.ts';
import type { QuestionKey } from '../../src/cache/question-key.ts';
import { NONE, SEGMENT_COST, SegmentArena } from '../../src/cache/segment-arena.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryFor } from './messages.ts';

/** The same for every name: what an attacker would like, and what chance brings now and then. */
const HASH = -559038737;

let arena: SegmentArena;
let store: EntryStore;

beforeEach(() => {
  arena = new SegmentArena(100);
  store = new EntryStore(arena, 50, 100_000);
});

function parse(name: string): { query: Uint8Array; q: ParsedQuery } {
  const query = queryFor(name);
  const q = new ParsedQuery();
  parseQuery(query, query.length, q);
  return { query, q };
}

function key({ qnameLength, qtype, qclass, nameHash, keyHash, keyFlags }: ParsedQuery): QuestionKey {
  return { qnameLength, qtype, qclass, nameHash, keyHash, keyFlags };
}

function insert(name: string, hash: number, partition = 0): number {
  const { query, q } = parse(name);
  const ref = arena.allocate(segmentsFor(query.length, 0));
  writeKey(arena, ref, hash, q, false, partition);
  writeLifetime(arena, ref, 0, 60, 0, -1);
  writeMessage(arena, ref, query, query.length, new Uint16Array(0), 0);
  return store.insert(ref);
}

function find(name: string, hash: number, partition = 0): number {
  const { query, q } = parse(name);
  return store.find(hash, query, q, false, partition);
}

/** QNAME of the entry found, lower case: the proof that it is the right one. */
function nameFound(name: string, hash: number, partition = 0): string | undefined {
  const ref = find(name, hash, partition);
  if (ref === NONE) return undefined;
  const out = new Uint8Array(512);
  const length = copyMessage(arena, ref, out, 0, 30);
  expect([...out.subarray(0, length)]).toEqual([...queryFor(name)]);
  return name;
}

describe('names that share a hash', () => {
  it('are told apart by their bytes', () => {
    insert('a.example', HASH);
    insert('b.example', HASH);
    expect(nameFound('a.example', HASH)).toBe('a.example');
    expect(nameFound('b.example', HASH)).toBe('b.example');
    expect(find('c.example', HASH)).toBe(NONE);
  });

  it('are told apart by partition', () => {
    insert('a.example', HASH, 1);
    expect(find('a.example', HASH, 2)).toBe(NONE);
    expect(find('a.example', HASH, 1)).not.toBe(NONE);
  });

  it('are told apart by their last byte, however far it is', () => {
    const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}`;
    insert(`${long}.com`, HASH);
    expect(nameFound(`${long}.com`, HASH)).toBe(`${long}.com`);
    expect(find(`${long}.con`, HASH)).toBe(NONE);
    expect(find(`${long.replace('y', 'w')}.com`, HASH)).toBe(NONE);
  });

  it('are told apart by type, class, flags, and whether the name exists', () => {
    const { query, q } = parse('a.example');
    insert('a.example', HASH);
    const found = (changes: object, anyType = false): boolean =>
      store.find(HASH, query, { ...key(q), ...changes }, anyType, 0) !== NONE;
    expect(found({})).toBe(true);
    expect(found({ qtype: q.qtype + 1 })).toBe(false);
    expect(found({ qclass: 3 })).toBe(false);
    expect(found({ keyFlags: q.keyFlags ^ 1 })).toBe(false);
    expect(found({}, true)).toBe(false);
    expect(found({ qnameLength: q.qnameLength - 1 })).toBe(false);
  });

  it('are four at most: a fifth pushes the first out', () => {
    expect(['a', 'b', 'c', 'd'].map((name) => insert(name, HASH))).toEqual([0, 0, 0, 0]);
    expect(insert('e', HASH)).toBe(1);
    expect(find('a', HASH)).toBe(NONE);
    for (const name of ['b', 'c', 'd', 'e']) expect(nameFound(name, HASH)).toBe(name);
    expect(store.entries).toBe(4);
    expect(arena.used).toBe(4);
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
  it('evicts what was not used for longest', () => {
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

  it('says whether its oldest has expired', () => {
    insert('a', 0); // lives 60 s from 0
    expect(store.isOldestExpired(59_999)).toBe(false);
    expect(store.isOldestExpired(60_000)).toBe(true);
  });

  it('accounts for every byte and gives it back', () => {
    insert('a', 0);
    insert(`${'x'.repeat(60)}.${'y'.repeat(60)}`, 1); // two segments
    expect(store.bytes).toBe(3 * SEGMENT_COST + 2 * ENTRY_COST);
    expect(store.removeWhere(() => true)).toBe(2);
    expect(store.bytes).toBe(0);
    expect(store.entries).toBe(0);
    expect(arena.used).toBe(0);
  });
});
