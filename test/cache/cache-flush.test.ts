// What a flush drops: everything, a zone's, a name's and what is below it.
import { expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { CacheFixture } from './cache-fixture.ts';
import { soa } from './messages.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(60, 60)] };

function filled(): CacheFixture {
  const fixture = new CacheFixture();
  fixture.store('example.com');
  fixture.store('www.EXAMPLE.com');
  fixture.store('gone.example.com', NXDOMAIN);
  fixture.storeFailure('bad.example.com');
  fixture.store('notexample.com');
  fixture.store('example.org', {}, { partition: 1 });
  return fixture;
}

it('reads names that go on in a second segment', () => {
  const fixture = new CacheFixture();
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}`;
  fixture.store(`${long}.example.com`);
  fixture.store(`${long}.example.net`);
  expect(fixture.lookup(`${long}.example.com`)).toBe('fresh');
  expect(fixture.cache.flush('y.example.com')).toBe(0);
  expect(fixture.cache.flush(`${'y'.repeat(60)}.example.com`)).toBe(1);
  expect(fixture.lookup(`${long}.example.com`)).toBe('miss');
  expect(fixture.cache.flush('example.net')).toBe(1);
});

it('drops everything', () => {
  const fixture = filled();
  expect(fixture.cache.flush()).toBe(6);
  expect(fixture.cache.entries).toBe(0);
  expect(fixture.cache.bytes).toBe(0);
  expect(fixture.count(Counter.cacheEntries)).toBe(0);
  expect(fixture.lookup('example.com')).toBe('miss');
});

it('drops a name and what is below it', () => {
  const fixture = filled();
  expect(fixture.cache.flush('Example.COM.')).toBe(4);
  for (const name of ['example.com', 'www.example.com', 'gone.example.com', 'bad.example.com']) {
    expect(fixture.lookup(name)).toBe('miss');
  }
  expect(fixture.lookup('notexample.com')).toBe('fresh');
  expect(fixture.lookup('example.org', { partition: 1 })).toBe('fresh');
});

it('drops a partition, or a name in it', () => {
  expect(filled().cache.flush(undefined, 1)).toBe(1);
  expect(filled().cache.flush('.', 0)).toBe(5);
  expect(filled().cache.flush('example.com', 1)).toBe(0);
});

it('rejects a text that is not a name', () => {
  expect(() => filled().cache.flush('a..b')).toThrow(RangeError);
});
