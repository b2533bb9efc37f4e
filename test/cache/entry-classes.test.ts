import { describe, expect, it } from 'vitest';
import { EntryClasses } from '../../src/cache/entry-classes.ts';
import { ENTRY_COST } from '../../src/cache/entry-store.ts';
import { SEGMENT_COST } from '../../src/cache/segment-arena.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { CacheFixture } from './cache-fixture.ts';
import { address, soa } from './messages.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(600, 600)] };

/** Fills a cache: hosts h0, h1 … */
function fill(fixture: CacheFixture, count: number): void {
  for (let i = 0; i < count; i++) fixture.store(`h${i}.example.com`, { ttlSeconds: 86_400 });
}

function freshOf(fixture: CacheFixture, count: number): number {
  let fresh = 0;
  for (let i = 0; i < count; i++) if (fixture.findUsable(`h${i}.example.com`) === 'fresh') fresh++;
  return fresh;
}

describe('the limit of entries', () => {
  it('evicts the least recently used entry', () => {
    const fixture = new CacheFixture({ maxEntries: 10 });
    fill(fixture, 10);
    fixture.lookup('h0.example.com');
    fixture.store('new.example.com');
    expect(fixture.cache.entries).toBe(10);
    expect(fixture.lookup('h0.example.com')).toBe('fresh');
    expect(fixture.lookup('h1.example.com')).toBe('miss');
    expect(fixture.count(Counter.cacheEvictions)).toBe(1);
  });

  it('of zero keeps nothing', () => {
    const fixture = new CacheFixture({ maxEntries: 0 });
    fixture.store('www.example.com');
    fixture.store('gone.example.com', NXDOMAIN);
    fixture.storeFailure('bad.example.com');
    expect(fixture.cache.entries).toBe(0);
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  it('of one keeps one', () => {
    const fixture = new CacheFixture({ maxEntries: 1 });
    fixture.store('www.example.com');
    fixture.store('gone.example.com', NXDOMAIN);
    expect(fixture.cache.entries).toBe(1);
    expect(fixture.lookup('gone.example.com')).toBe('fresh');
    fixture.storeFailure('bad.example.com');
    expect(fixture.cache.entries).toBe(1);
  });
});

describe('budgets of the classes', () => {
  it('a flood of nonexistent names takes half of the entries, and hot answers stay', () => {
    const fixture = new CacheFixture({ maxEntries: 100 });
    fill(fixture, 100);
    for (let i = 0; i < 20; i++) fixture.lookup(`h${i}.example.com`);
    for (let i = 0; i < 1000; i++) {
      fixture.store(`x${i}.example.com`, NXDOMAIN);
      fixture.lookup(`h${i % 20}.example.com`);
    }
    expect(fixture.cache.entries).toBe(100);
    expect(freshOf(fixture, 20)).toBe(20);
    expect(freshOf(fixture, 100)).toBe(50);
  });

  it('an outage takes a tenth of the entries', () => {
    const fixture = new CacheFixture({ maxEntries: 100 });
    fill(fixture, 100);
    for (let i = 0; i < 1000; i++) fixture.storeFailure(`x${i}.example.com`);
    expect(freshOf(fixture, 100)).toBe(90);
  });

  it('both together leave 40 % for positive answers', () => {
    const fixture = new CacheFixture({ maxEntries: 100 });
    fill(fixture, 100);
    for (let i = 0; i < 1000; i++) {
      fixture.store(`x${i}.example.com`, NXDOMAIN);
      fixture.storeFailure(`y${i}.example.com`);
    }
    expect(freshOf(fixture, 100)).toBe(40);
  });

  it('expired negatives and failures are evicted before any positive answer', () => {
    const fixture = new CacheFixture({ maxEntries: 100 });
    for (let i = 0; i < 50; i++) fixture.store(`x${i}.example.com`, NXDOMAIN);
    for (let i = 0; i < 10; i++) fixture.storeFailure(`y${i}.example.com`);
    fill(fixture, 40);
    fixture.advanceSeconds(601);
    for (let i = 0; i < 60; i++) fixture.store(`new${i}.example.com`, { ttlSeconds: 86_400 });
    expect(fixture.cache.entries).toBe(100);
    expect(freshOf(fixture, 40)).toBe(40);
  });

  it('negatives take at most half of the bytes too', () => {
    const maxBytes = 400 * SEGMENT_COST;
    const fixture = new CacheFixture({ maxEntries: 100_000, maxBytes });
    fill(fixture, 1000);
    for (let i = 0; i < 1000; i++) fixture.store(`x${i}.example.com`, NXDOMAIN);
    const positives = freshOf(fixture, 1000);
    expect(positives * (SEGMENT_COST + ENTRY_COST)).toBeGreaterThan(maxBytes * 0.48);
  });
});

describe('the limit of bytes', () => {
  const maxBytes = 128 * 1024;

  /** About so many bytes of answer. */
  function store(fixture: CacheFixture, name: string, bytes: number): void {
    const answers = Array.from({ length: Math.max(1, Math.round(bytes / 16)) }, () => address(3600));
    fixture.store(name, { answers });
  }

  it('holds for any sizes, however they change', () => {
    const fixture = new CacheFixture({ maxEntries: 100_000, maxBytes });
    for (const bytes of [16, 4000, 300, 60_000, 100, 16, 20_000, 1200]) {
      for (let i = 0; i < (2 * maxBytes) / (bytes + 200); i++) {
        store(fixture, `h${i}.s${bytes}.example.com`, bytes);
        expect(fixture.cache.bytes).toBeLessThanOrEqual(maxBytes);
      }
      // What came last fills the memory: nothing of it is lost to the sizes that were there before.
      expect(fixture.cache.bytes).toBeGreaterThan(maxBytes - 1.2 * bytes - 1000);
    }
  });

  it('holds for all classes together, and the newest entry is kept', () => {
    const fixture = new CacheFixture({ maxEntries: 100_000, maxBytes: 16 * 1024 });
    for (let i = 0; i < 200; i++) {
      fixture.store(`h${i}.example.com`);
      fixture.store(`x${i}.example.com`, NXDOMAIN);
      fixture.storeFailure(`y${i}.example.com`);
      expect(fixture.cache.bytes).toBeLessThanOrEqual(16 * 1024);
      expect(fixture.lookup(`h${i}.example.com`)).toBe('fresh');
      expect(fixture.lookup(`x${i}.example.com`)).toBe('fresh');
      expect(fixture.lookup(`y${i}.example.com`)).toBe('failure');
    }
  });

  it('refuses a message larger than the limit, and keeps the other entries', () => {
    const fixture = new CacheFixture({ maxBytes: 8192 });
    fill(fixture, 5);
    store(fixture, 'large.example.com', 10_000);
    expect(fixture.lookup('large.example.com')).toBe('miss');
    expect(freshOf(fixture, 5)).toBe(5);
  });

  it('can be filled to the last byte', () => {
    const cost = SEGMENT_COST + ENTRY_COST;
    for (const count of [1, 2, 7]) {
      const fixture = new CacheFixture({ maxBytes: count * cost });
      fill(fixture, count);
      expect(freshOf(fixture, count)).toBe(count);
      fixture.store('one.too.many.com');
      expect(fixture.cache.entries).toBe(count);
    }
    const less = new CacheFixture({ maxBytes: 3 * cost - 1 });
    fill(less, 3);
    expect(freshOf(less, 3)).toBe(2);
  });

  it('is exactly half for negatives', () => {
    const fixture = new CacheFixture();
    fixture.store('x.example.com', NXDOMAIN);
    const cost = fixture.cache.bytes;
    const half = new CacheFixture({ maxBytes: 2 * 4 * cost });
    for (let i = 0; i < 9; i++) half.store(`${i}.example.com`, NXDOMAIN);
    expect(half.cache.bytes).toBe(4 * cost);
    const less = new CacheFixture({ maxBytes: 2 * 4 * cost - 2 });
    for (let i = 0; i < 9; i++) less.store(`${i}.example.com`, NXDOMAIN);
    expect(less.cache.bytes).toBe(3 * cost);
  });

  it('is the memory that is reserved', () => {
    const classes = new EntryClasses(1000, 100 * SEGMENT_COST + 1, new Counters(createCounterBlock()));
    expect(classes.table.arena.capacity).toBe(100);
  });

  it('of zero keeps nothing', () => {
    const fixture = new CacheFixture({ maxBytes: 0 });
    fixture.store('www.example.com');
    expect(fixture.cache.entries).toBe(0);
  });

  it('counts 212 bytes for an answer of one segment', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com');
    expect(fixture.cache.bytes).toBe(SEGMENT_COST + ENTRY_COST);
    expect(fixture.cache.bytes).toBe(212);
  });
});
