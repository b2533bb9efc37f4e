// What operators see of a cache: each entry once, with what it is and how long it is good.
import { expect, it } from 'vitest';
import type { CachedEntry } from '../../src/cache/cache-listing.ts';
import { textToName } from '../../src/wire/text.ts';
import { CacheFixture } from './cache-fixture.ts';
import { soa, TYPE_AAAA } from './messages.ts';

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

it('says when each entry was stored', () => {
  const fixture = new CacheFixture();
  fixture.store('www.example');
  fixture.advanceSeconds(100);
  const agoMs = Date.now() - Date.parse(list(fixture)[0]!.storedAt);
  expect(Math.round(agoMs / 1000 / 10)).toBe(10);
});

it('knows negative answers; an NXDOMAIN is one of every type, and is shown with the type asked for', () => {
  const fixture = new CacheFixture();
  fixture.store('none.example', { rcode: 3, authorities: [soa(60, 60)] });
  fixture.store('empty.example', { authorities: [soa(60, 60)] });
  expect(names(list(fixture))).toEqual(['empty.example. A', 'none.example. any']);
  for (const entry of list(fixture)) expect(entry.kind).toBe('negative');
  expect(list(fixture, { qtype: TYPE_AAAA }).map(({ name }) => name)).toEqual(['none.example.']);
  const [asAsked] = list(fixture, { name: 'none.example', qtype: TYPE_AAAA });
  expect(asAsked!.message).toMatch(/none\.example\.\s+IN\s+AAAA/);
  const [asStored] = list(fixture, { name: 'none.example' });
  expect(asStored!.message).toMatch(/none\.example\.\s+IN\s+A\b/);
});

it('has no message of a failure, and none where no name was asked for', () => {
  const fixture = new CacheFixture();
  fixture.storeFailure('broken.example');
  fixture.store('www.example');
  expect(list(fixture, { name: 'broken.example' })[0]!.message).toBe('');
  expect(list(fixture).map(({ message }) => message)).toEqual(['', '']);
});

it('finds no name of another length, nor another name of the same length', () => {
  const fixture = new CacheFixture();
  fixture.store('www.example');
  expect(list(fixture, { name: 'example' })).toEqual([]);
  expect(list(fixture, { name: 'a.www.example' })).toEqual([]);
  expect(list(fixture, { name: 'wwx.example' })).toEqual([]);
});
