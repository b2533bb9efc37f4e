// What people are told of a question: the state of its entry, without a trace left in the cache.
import { expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { CacheFixture } from './cache-fixture.ts';
import { address, soa, TYPE_AAAA } from './messages.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(60, 60)] };
const NOTHING = { state: 'none', ttlSeconds: 0, storedAtMs: 0, answererSlot: -1 };

it('says that nothing is known', () => {
  expect(new CacheFixture().peek('www.example')).toEqual(NOTHING);
});

it('says what is left of a fresh answer, when it came and who gave it', () => {
  const fixture = new CacheFixture();
  fixture.store('www.example', { answers: [address(300)] }, { answererSlot: 4 });
  const storedAtMs = fixture.nowMs;
  fixture.nowMs += 9500;
  expect(fixture.peek('WWW.example')).toEqual({
    state: 'fresh',
    ttlSeconds: 291,
    storedAtMs,
    answererSlot: 4,
  });
  expect(fixture.peek('www.example', { type: TYPE_AAAA })).toEqual(NOTHING);
  expect(fixture.peek('www.example', { partition: 1 })).toEqual(NOTHING);
});

it('says when nobody is known to have answered', () => {
  const fixture = new CacheFixture();
  fixture.store('www.example');
  expect(fixture.peek('www.example').answererSlot).toBe(-1);
});

it('knows a negative answer, of an NXDOMAIN for every type', () => {
  const fixture = new CacheFixture();
  fixture.store('none.example', NXDOMAIN);
  fixture.store('empty.example', { authorities: [soa(60, 60)] });
  for (const type of [1, TYPE_AAAA])
    expect(fixture.peek('none.example', { type })).toMatchObject({ state: 'negative', ttlSeconds: 60 });
  expect(fixture.peek('empty.example').state).toBe('negative');
  expect(fixture.peek('empty.example', { type: TYPE_AAAA }).state).toBe('none');
});

it('knows a failure while it is kept, and no longer', () => {
  const fixture = new CacheFixture({ failureTtlSeconds: 5 });
  fixture.storeFailure('bad.example', 2, { ede: 23 });
  expect(fixture.peek('bad.example')).toEqual({
    state: 'failure',
    ttlSeconds: 5,
    storedAtMs: fixture.nowMs,
    answererSlot: -1,
  });
  fixture.advanceSeconds(5);
  expect(fixture.peek('bad.example')).toEqual(NOTHING);
});

it('prefers data to a failure, fresh or stale', () => {
  const fixture = new CacheFixture({ failureTtlSeconds: 60 });
  fixture.store('www.example', { answers: [address(10)] }, { answererSlot: 2 });
  fixture.storeFailure('www.example');
  expect(fixture.peek('www.example')).toMatchObject({ state: 'fresh', answererSlot: 2 });
  fixture.advanceSeconds(12);
  expect(fixture.peek('www.example')).toMatchObject({ state: 'stale', ttlSeconds: -2, answererSlot: 2 });
});

it('counts nothing and refreshes nothing', () => {
  const fixture = new CacheFixture({ prefetch: { hits: 1, remainingPercent: 100 } });
  fixture.store('www.example');
  for (let i = 0; i < 5; i++) fixture.peek('www.example');
  expect(fixture.count(Counter.cacheHits)).toBe(0);
  expect(fixture.lookup('www.example')).toBe('prefetch');
});
