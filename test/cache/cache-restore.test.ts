// What a restart keeps: a dump of one cache, taken in by another.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRecords } from '../../src/cache/cache-dump.ts';
import { restoreRecords } from '../../src/cache/cache-restore.ts';
import { CacheFixture } from './cache-fixture.ts';
import { address, alias, answerTo, queryFor, soa, TYPE_AAAA } from './messages.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(60, 60)] };
const NODATA = { authorities: [soa(60, 60)] };
const ALL = 1_000_000;
const SAME = new Map([0, 1].map((partition) => [partition, partition]));

/** Another process, which has another time. */
function restart(dump: Uint8Array, ageMs = 0, partitions: ReadonlyMap<number, number> = SAME) {
  const next = new CacheFixture();
  next.nowMs = 5_000_000;
  const restored = restoreRecords(next.cache, dump, { partitions, ageMs }, next.nowMs);
  return { next, restored };
}

function dumpOf(fixture: CacheFixture, maxBytes = ALL): Uint8Array {
  return fixture.cache.dump(maxBytes, fixture.nowMs);
}

describe('an answer that is kept', () => {
  it('comes back byte for byte, with the TTL that is left', () => {
    const fixture = new CacheFixture();
    const answers = [alias(300, 'other.example.com'), address(200, 2)];
    fixture.store('www.example.com', { answers });
    fixture.advanceSeconds(50);
    const { next, restored } = restart(dumpOf(fixture), 20_000);
    expect(restored).toBe(1);
    expect(next.ttls('www.example.com')).toEqual([230, 130]);
    const left = [alias(230, 'other.example.com'), address(130, 2)];
    next.lookup('www.example.com');
    expect(next.copy()).toEqual(answerTo(queryFor('www.example.com'), { answers: left }));
  });

  it.each<[string, Parameters<CacheFixture['store']>[1], Parameters<CacheFixture['store']>[2]]>([
    ['of another type', { answers: [] }, { type: TYPE_AAAA }],
    ['with CD', {}, { flags: 0x0110 }],
    ['without RD', {}, { flags: 0 }],
    ['with DO', {}, { dnssecOk: true }],
    ['of another partition', {}, { partition: 1 }],
  ])('%s is found by the same question only', (_, parts, asking) => {
    const fixture = new CacheFixture();
    const stored = asking?.type === TYPE_AAAA ? NODATA : parts;
    fixture.store('www.example.com', stored, asking);
    const { next, restored } = restart(dumpOf(fixture));
    expect(restored).toBe(1);
    expect(next.lookup('www.example.com', asking)).toBe('fresh');
    expect(next.lookup('www.example.com')).toBe('miss');
  });

  it('lives no longer than that, whatever cache.minTtl says', () => {
    const fixture = new CacheFixture({ minTtlSeconds: 100 });
    fixture.store('www.example.com', { ttlSeconds: 5 });
    fixture.advanceSeconds(70);
    const next = new CacheFixture({ minTtlSeconds: 100 });
    restoreRecords(next.cache, dumpOf(fixture), { partitions: SAME, ageMs: 0 }, next.nowMs);
    expect(next.ttls('www.example.com')).toEqual([30]);
  });

  it('may be a denial, which answers every type', () => {
    const fixture = new CacheFixture();
    fixture.store('gone.example.com', NXDOMAIN);
    fixture.store('www.example.com', NODATA);
    const { next } = restart(dumpOf(fixture), 10_000);
    expect(next.lookup('gone.example.com', { type: TYPE_AAAA })).toBe('fresh');
    expect(next.lookup('www.example.com')).toBe('fresh');
    next.advanceSeconds(50);
    expect(next.lookup('gone.example.com')).not.toBe('fresh');
  });

  it('has become the data of another partition, or of none', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com');
    expect(
      restart(dumpOf(fixture), 0, new Map([[0, 7]])).next.lookup('www.example.com', { partition: 7 }),
    ).toBe('fresh');
    expect(restart(dumpOf(fixture), 0, new Map([[5, 0]])).restored).toBe(0);
  });
});

describe('is left out', () => {
  it('what has expired, here or meanwhile, and a failure', () => {
    const fixture = new CacheFixture();
    fixture.store('short.example.com', { ttlSeconds: 10 });
    fixture.store('long.example.com', { ttlSeconds: 100 });
    fixture.storeFailure('bad.example.com');
    expect(restart(dumpOf(fixture), 9000).restored).toBe(2);
    expect(restart(dumpOf(fixture), 9001).restored).toBe(1);
    fixture.advanceSeconds(10);
    expect([...readRecords(dumpOf(fixture))]).toHaveLength(1);
  });

  it('what has been asked for again meanwhile', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 100 });
    const next = new CacheFixture();
    next.store('www.example.com', { ttlSeconds: 7 });
    const of = { partitions: SAME, ageMs: 0 };
    expect(restoreRecords(next.cache, dumpOf(fixture), of, next.nowMs)).toBe(0);
    expect(next.ttls('www.example.com')).toEqual([7]);
  });

  it('what is too much', () => {
    const fixture = new CacheFixture();
    for (let i = 0; i < 100; i++) fixture.store(`host${i}.example.com`);
    const dump = dumpOf(fixture, 1000);
    expect(dump.length).toBeLessThanOrEqual(1000);
    expect(restart(dump).restored).toBeGreaterThan(10);
  });
});

it('takes no harm from bytes that are damaged', () => {
  const fixture = new CacheFixture();
  for (let i = 0; i < 5; i++) fixture.store(`host${i}.example.com`, {}, { dnssecOk: i % 2 === 0 });
  fixture.store('gone.example.com', NXDOMAIN);
  const dump = dumpOf(fixture);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(dump.length - 1), fc.nat(255)), { maxLength: 20 }),
      fc.nat(dump.length),
      (changes, length) => {
        const damaged = dump.slice(0, length);
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        const { next, restored } = restart(damaged);
        expect(restored).toBeLessThanOrEqual(6);
        expect(next.cache.entries).toBeLessThanOrEqual(6);
      },
    ),
    { numRuns: 200 },
  );
});
