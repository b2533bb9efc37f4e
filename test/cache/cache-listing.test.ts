// What operators see of a cache: each entry once, with what it is and how long it is good.
import { expect, it } from 'vitest';
import type { CachedEntry } from '../../src/cache/cache-listing.ts';
import { textToName } from '../../src/wire/text.ts';
import { CacheFixture } from './cache-fixture.ts';
import { TYPE_AAAA } from './messages.ts';

const ZONES = new Map([
  [0, '.'],
  [1, 'corp.example'],
]);

interface Wanted {
  name?: string;
  qtype?: number;
  limit?: number;
  zones?: ReadonlyMap<number, string>;
}

function list(fixture: CacheFixture, wanted: Wanted = {}): CachedEntry[] {
  const { name, qtype = 0, limit = 100, zones = ZONES } = wanted;
  const of = { name: name === undefined ? null : textToName(name), qtype, zones, limit };
  return fixture.cache.list(of, fixture.nowMs);
}

const names = (entries: readonly CachedEntry[]) => entries.map(({ name, type }) => `${name} ${type}`).sort();

it('lists answers and failures of the zones, with their kind and what is left of their time', () => {
  const fixture = new CacheFixture();
  fixture.store('WWW.example');
  fixture.store('host.corp.example', {}, { partition: 1 });
  fixture.store('old.example', {}, { partition: 7 });
  fixture.storeFailure('broken.example');
  const entries = list(fixture);
  expect(names(entries)).toEqual(['broken.example. A', 'host.corp.example. A', 'www.example. A']);
  const www = entries.find(({ name }) => name === 'www.example.')!;
  expect(www).toMatchObject({ qclass: 'IN', zone: '.', kind: 'positive', rcode: 'NOERROR', message: '' });
  expect(www.ttlSeconds).toBeGreaterThan(0);
  fixture.nowMs += (www.ttlSeconds + 5) * 1000;
  const later = list(fixture, { name: 'www.example' });
  expect(later[0]!.ttlSeconds).toBe(-5);
  expect(Date.parse(later[0]!.storedAt)).toBeLessThanOrEqual(Date.now());
  expect(entries.find(({ kind }) => kind === 'failure')).toMatchObject({ rcode: 'SERVFAIL', hits: 0 });
});

it('shows the answers for exactly one name as text, in any letter case', () => {
  const fixture = new CacheFixture();
  fixture.store('www.example');
  const AAAA = { type: TYPE_AAAA, ttlSeconds: 60, rdata: new Uint8Array(16) };
  fixture.store('www.example', { answers: [AAAA] }, { type: TYPE_AAAA });
  fixture.store('sub.www.example');
  const found = list(fixture, { name: 'WwW.Example' });
  expect(names(found)).toEqual(['www.example. A', 'www.example. AAAA']);
  expect(found[0]!.message).toMatch(/NOERROR/);
  expect(names(list(fixture, { name: 'www.example', qtype: TYPE_AAAA }))).toEqual(['www.example. AAAA']);
  expect(list(fixture, { name: 'nowhere.example' })).toEqual([]);
});

it('is bounded, and knows one zone alone', () => {
  const fixture = new CacheFixture();
  for (let i = 0; i < 20; i++) fixture.store(`n${i}.example`, {}, { partition: i % 2 });
  expect(list(fixture, { limit: 7 })).toHaveLength(7);
  const corp = list(fixture, { zones: new Map([[1, 'corp.example']]) });
  expect(corp).toHaveLength(10);
  expect(new Set(corp.map(({ zone }) => zone))).toEqual(new Set(['corp.example']));
});
