import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { WordBytes } from '../../src/base/word-bytes.ts';
import { Counter } from '../../src/metrics/counters.ts';
import { CacheFixture } from './cache-fixture.ts';
import { address, alias, answerTo, queryFor, soa, type TestRecord, TYPE_A, TYPE_AAAA } from './messages.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(60, 60)] };
const NODATA = { authorities: [soa(60, 60)] };

describe('a stored answer', () => {
  it('comes back byte for byte', () => {
    const fixture = new CacheFixture();
    const answers = [address(300), address(300, 2)];
    fixture.store('www.example.com', { answers });
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    expect(fixture.copy()).toEqual(answerTo(queryFor('www.example.com'), { answers }));
    expect(fixture.hit.rcode).toBe(0);
  });

  it('is found in any letter case of the name (RFC 4343)', () => {
    const fixture = new CacheFixture();
    fixture.store('wWw.ExAmPlE.com');
    expect(fixture.lookup('WWW.example.COM')).toBe('fresh');
  });

  it.each([
    ['name', 'www.example.net', {}],
    ['name below', 'a.www.example.com', {}],
    ['type', 'www.example.com', { type: TYPE_AAAA }],
    ['partition', 'www.example.com', { partition: 1 }],
    ['CD flag', 'www.example.com', { flags: 0x0110 }],
    ['RD flag', 'www.example.com', { flags: 0 }],
  ])('is not found for another %s', (_what, name, asking) => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com');
    expect(fixture.lookup(name, asking)).toBe('miss');
  });

  it('counts its TTLs down by whole seconds and never says 0 (RFC 1035 §3.2.1)', () => {
    const fixture = new CacheFixture({ prefetch: { hits: 1, remainingPercent: 0 } });
    fixture.store('www.example.com', { answers: [address(2), address(10, 2)] });
    expect(fixture.ttls('www.example.com')).toEqual([2, 10]);
    fixture.nowMs += 999;
    expect(fixture.ttls('www.example.com')).toEqual([2, 10]);
    fixture.nowMs += 1;
    expect(fixture.ttls('www.example.com')).toEqual([1, 9]);
    fixture.nowMs += 999;
    expect(fixture.ttls('www.example.com')).toEqual([1, 9]);
    fixture.nowMs += 1;
    expect(fixture.lookup('www.example.com')).toBe('stale');
  });

  it('ages from when it was stored, however often it was copied', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 100 });
    for (let second = 1; second <= 5; second++) {
      fixture.advanceSeconds(1);
      expect(fixture.ttls('www.example.com')).toEqual([100 - second]);
      expect(fixture.ttls('www.example.com')).toEqual([100 - second]);
    }
  });

  it('has TTLs within the configured limits', () => {
    const fixture = new CacheFixture({ minTtlSeconds: 10, maxTtlSeconds: 100 });
    fixture.store('www.example.com', { answers: [address(1), address(50, 2), address(1000, 3)] });
    expect(fixture.ttls('www.example.com')).toEqual([10, 50, 100]);
  });

  it('is replaced by a newer one', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { answers: [address(300, 1)] });
    fixture.store('www.example.com', { answers: [address(200, 2)] });
    expect(fixture.ttls('www.example.com')).toEqual([200]);
    expect(fixture.cache.entries).toBe(1);
  });

  it('is kept without OPT and without what followed it (RFC 6891 §6.2.1)', () => {
    const fixture = new CacheFixture();
    const opt: TestRecord = { type: 41, ttlSeconds: 0, rdata: new Uint8Array(0), owner: '.' };
    const behind: TestRecord = {
      type: TYPE_A,
      ttlSeconds: 77,
      rdata: new Uint8Array(4),
      owner: 'ns.example.com',
    };
    fixture.store('www.example.com', { answers: [address(300)], additionals: [opt, behind] });
    fixture.advanceSeconds(5);
    expect(fixture.ttls('www.example.com')).toEqual([295]);
    expect(dnsPacket.decode(Buffer.from(fixture.copy())).additionals).toEqual([]);
  });

  it.each([
    ['another name', queryFor('www.example.net')],
    ['another type', queryFor('www.example.com', TYPE_AAAA)],
    ['a longer name', queryFor('a.www.example.com')],
  ])('is not kept when it answers %s', (_what, otherQuery) => {
    const fixture = new CacheFixture();
    fixture.storeReply('www.example.com', answerTo(otherQuery));
    expect(fixture.cache.entries).toBe(0);
  });
});

describe('copying', () => {
  /** 40 records: several segments, the list of TTLs across their borders too. */
  const answers = Array.from({ length: 40 }, (_, i) => address(1000 + i, i));
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 20, 40];

  it.each(sizes)('gives the same bytes in aligned and unaligned buffers: %i records', (count) => {
    const fixture = new CacheFixture();
    const some = answers.slice(0, count);
    fixture.store('www.example.com', { answers: some });
    fixture.advanceSeconds(7);
    const aged = some.map((record) => ({ ...record, ttlSeconds: record.ttlSeconds - 7 }));
    const expected = answerTo(queryFor('www.example.com'), { answers: aged });
    const slab = new Uint8Array(8192);
    for (const offset of [0, 4, 1, 2, 3, 4096]) {
      fixture.lookup('www.example.com');
      const out =
        offset % 4 === 0
          ? new WordBytes(slab.buffer, offset, expected.length)
          : slab.subarray(offset, offset + expected.length);
      expect([...fixture.copy(out)]).toEqual([...expected]);
      expect(fixture.copy(new Uint8Array(4096))).toEqual(expected);
    }
  });

  it.each(sizes)('fills one buffer correctly again and again: %i records', (count) => {
    const fixture = new CacheFixture();
    const some = answers.slice(0, count);
    fixture.store('www.example.com', { answers: some });
    const slab = new Uint8Array(8192);
    for (const [passed, offset] of [0, 0, 0, 4, 64, 1, 4096, 2, 0].entries()) {
      // The bytes of the last copy must not stand in for those of the next.
      slab.fill(0xee);
      const aged = some.map((record) => ({ ...record, ttlSeconds: record.ttlSeconds - passed }));
      const expected = answerTo(queryFor('www.example.com'), { answers: aged });
      fixture.lookup('www.example.com');
      const out =
        offset % 4 === 0 ? new WordBytes(slab.buffer, offset, 4000) : slab.subarray(offset, offset + 4000);
      expect(fixture.copy(out)).toEqual(expected);
      expect(slab.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
      expect(slab.subarray(offset + expected.length).every((byte) => byte === 0xee)).toBe(true);
      fixture.advanceSeconds(1);
    }
  });

  it('fills one buffer correctly whatever its length', () => {
    const fixture = new CacheFixture({ maxBytes: 8192 });
    const slab = WordBytes.ofLength(1024);
    for (let length = 1; length < 300; length++) {
      const rdata = Uint8Array.from({ length }, (_, i) => i + length);
      const parts = { answers: [{ type: 16, ttlSeconds: 60, rdata }, address(60)] };
      fixture.store('t.example', parts);
      for (let copy = 0; copy < 3; copy++) {
        slab.fill(0xee);
        fixture.lookup('t.example');
        expect(Buffer.compare(fixture.copy(slab), answerTo(queryFor('t.example'), parts))).toBe(0);
      }
    }
  });

  it('keeps the TTLs of all answers apart, wherever their lists are stored', () => {
    const fixture = new CacheFixture({ maxBytes: 65_536 });
    const slab = WordBytes.ofLength(1024);
    for (let length = 1; length < 140; length++) {
      const text: TestRecord = { type: 16, ttlSeconds: 500, rdata: new Uint8Array(length) };
      const orders: [string, TestRecord[]][] = [
        ['a.example', [text, address(600), address(700, 2)]],
        ['b.example', [address(800), text, address(900, 2)]],
      ];
      for (const [name, answers] of orders) fixture.store(name, { answers });
      fixture.advanceSeconds(3);
      for (const [name, answers] of orders) {
        const aged = answers.map((record) => ({ ...record, ttlSeconds: record.ttlSeconds - 3 }));
        fixture.lookup(name);
        const expected = answerTo(queryFor(name), { answers: aged });
        expect(Buffer.compare(fixture.copy(slab), expected)).toBe(0);
      }
    }
  });

  it('has no RCODE when nothing was found', () => {
    const fixture = new CacheFixture();
    fixture.storeFailure('bad.example.com', 5);
    expect(fixture.lookup('bad.example.com')).toBe('failure');
    expect(fixture.hit.rcode).toBe(5);
    expect(fixture.lookup('www.example.com')).toBe('miss');
    expect(fixture.hit.rcode).toBe(0);
    fixture.store('www.example.com');
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    expect(fixture.hit.rcode).toBe(0);
  });

  it('knows why a failure was one', () => {
    const fixture = new CacheFixture();
    fixture.storeFailure('bad.example.com', 5, { ede: 22 });
    expect(fixture.lookup('bad.example.com')).toBe('failure');
    expect(fixture.hit).toMatchObject({ rcode: 5, ede: 22 });
    fixture.storeFailure('odd.example.com', 4095);
    expect(fixture.lookup('odd.example.com')).toBe('failure');
    expect(fixture.hit).toMatchObject({ rcode: 4095, ede: -1 });
  });

  it('writes nothing past the message', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { answers: answers.slice(0, 3) });
    fixture.lookup('www.example.com');
    const out = WordBytes.ofLength(4096).fill(0xee);
    fixture.copy(out);
    const length = fixture.copy(out).length;
    expect(out.subarray(length).every((byte) => byte === 0xee)).toBe(true);
  });

  it('copies the beginning into a buffer that is too small, with aged TTLs, and returns the whole length', () => {
    for (const [seconds, ttl] of [
      [0, 600],
      [7, 593],
      [700, 30],
    ] as const) {
      const fixture = new CacheFixture();
      const answers = Array.from({ length: 40 }, () => address(600));
      fixture.store('www.example.com', { answers });
      const whole = answerTo(queryFor('www.example.com'), { answers });
      const firstTtl = whole.length - 40 * 16 + 6;
      fixture.advanceSeconds(seconds);
      for (const size of [
        12 + 17 + 4,
        firstTtl + 3,
        firstTtl + 4,
        firstTtl + 16,
        200,
        333,
        whole.length - 1,
      ]) {
        for (const small of [new Uint8Array(size), WordBytes.ofLength(size)]) {
          fixture.lookup('www.example.com');
          expect(fixture.cache.copy(fixture.hit, small, fixture.nowMs)).toBe(whole.length);
          const expected = Buffer.from(whole);
          for (let at = firstTtl; at + 4 <= size; at += 16) expected.writeUInt32BE(ttl, at);
          expect(Buffer.from(small), `${size}`).toEqual(expected.subarray(0, size));
        }
      }
    }
  });

  it('clears AA, and no other bit: a cache is not authoritative', () => {
    const fixture = new CacheFixture();
    const reply = answerTo(queryFor('www.example.com'));
    reply[2]! |= 0x04;
    reply[3]! |= 0x20;
    fixture.storeReply('www.example.com', reply);
    fixture.lookup('www.example.com');
    const copy = fixture.copy();
    expect([copy[2], copy[3]]).toEqual([reply[2]! & ~0x04, reply[3]]);
    // Who waited for it is told what the server said.
    expect(reply[2]! & 0x04).toBe(0x04);
  });

  it('handles the largest possible message', () => {
    const fixture = new CacheFixture();
    const filler: TestRecord = { type: 65_280, ttlSeconds: 500, rdata: new Uint8Array(4000).fill(7) };
    const many = Array.from({ length: 16 }, () => filler);
    fixture.store('www.example.com', { answers: [address(600), ...many] });
    const expected = answerTo(queryFor('www.example.com'), { answers: [address(600), ...many] });
    expect(expected.length).toBeGreaterThan(64_000);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    expect(Buffer.compare(fixture.copy(), expected)).toBe(0);
  });
});

describe('NXDOMAIN (RFC 2308 §5: for ⟨QNAME, QCLASS⟩)', () => {
  it('answers every type, with the asked type in the question', () => {
    const fixture = new CacheFixture();
    fixture.store('gone.example.com', NXDOMAIN);
    expect(fixture.lookup('gone.example.com', { type: TYPE_AAAA })).toBe('fresh');
    expect(fixture.hit.rcode).toBe(3);
    const message = dnsPacket.decode(Buffer.from(fixture.copy()));
    expect(message.questions).toMatchObject([{ name: 'gone.example.com', type: 'AAAA' }]);
    expect(message.authorities).toMatchObject([{ type: 'SOA' }]);
  });

  it('does not apply to names below it (no RFC 8020)', () => {
    const fixture = new CacheFixture();
    fixture.store('gone.example.com', NXDOMAIN);
    expect(fixture.lookup('a.gone.example.com')).toBe('miss');
  });

  it('is replaced by data: a name that has an answer exists', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', NXDOMAIN, { type: TYPE_AAAA });
    fixture.store('www.example.com', { ttlSeconds: 30 });
    expect(fixture.ttls('www.example.com')).toEqual([30]);
    expect(fixture.lookup('www.example.com', { type: TYPE_AAAA })).toBe('miss');
  });

  it('does not hide a valid positive answer of another type', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 300 });
    fixture.store('www.example.com', NXDOMAIN, { type: TYPE_AAAA });
    expect(fixture.ttls('www.example.com')).toEqual([300]);
    expect(fixture.lookup('www.example.com', { type: TYPE_AAAA })).toBe('fresh');
    expect(fixture.hit.rcode).toBe(3);
  });

  it('replaces the positive answer to the same question', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com');
    fixture.store('www.example.com', NXDOMAIN);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    expect(fixture.hit.rcode).toBe(3);
    expect(fixture.cache.entries).toBe(1);
  });

  it('at the end of an alias holds for the asked type only, RCODE and all', () => {
    const fixture = new CacheFixture();
    const answers = [alias(60, 'gone.example.net')];
    fixture.store('www.example.com', { ...NXDOMAIN, answers });
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    expect(fixture.hit.rcode).toBe(3);
    expect(fixture.lookup('www.example.com', { type: TYPE_AAAA })).toBe('miss');
  });

  it('caps the TTL it hands out at its own lifetime', () => {
    const fixture = new CacheFixture({ maxNegativeTtlSeconds: 20 });
    fixture.store('gone.example.com', { rcode: 3, authorities: [soa(3600, 60)] });
    expect(fixture.ttls('gone.example.com')).toEqual([20]);
    fixture.advanceSeconds(19);
    expect(fixture.ttls('gone.example.com')).toEqual([1]);
  });
});

describe('NODATA (RFC 2308 §5: for ⟨QNAME, QTYPE, QCLASS⟩)', () => {
  it('answers the type it was given for', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', NODATA, { type: TYPE_AAAA });
    expect(fixture.lookup('www.example.com', { type: TYPE_AAAA })).toBe('fresh');
    expect(fixture.hit.rcode).toBe(0);
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  it('and positive answers replace each other', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', NODATA);
    fixture.store('www.example.com', { ttlSeconds: 200 });
    expect(fixture.ttls('www.example.com')).toEqual([200]);
    expect(fixture.cache.entries).toBe(1);
    fixture.store('www.example.com', NODATA);
    expect(fixture.ttls('www.example.com')).toEqual([60]);
    expect(fixture.cache.entries).toBe(1);
  });
});

describe('failures (RFC 9520 §3.2)', () => {
  it('because nobody could be asked are kept for a second, again and again', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    for (let i = 0; i < 4; i++) {
      fixture.storeFailure('www.example.com', 2, { isOutage: true });
      expect(fixture.peek('www.example.com')).toMatchObject({ state: 'failure', ttlSeconds: 1 });
      fixture.advanceSeconds(1);
      expect(fixture.lookup('www.example.com')).toBe('miss');
    }
  });

  it('because nobody could be asked do not keep stale data from being refreshed', () => {
    for (const [isOutage, outcome] of [
      [true, 'stale'],
      [false, 'staleNow'],
    ] as const) {
      const fixture = new CacheFixture({ failureTtlSeconds: 1 });
      fixture.store('www.example.com', { answers: [address(10)] });
      fixture.advanceSeconds(11);
      fixture.storeFailure('www.example.com', 2, { isOutage });
      fixture.advanceSeconds(2);
      expect(fixture.lookup('www.example.com'), String(isOutage)).toBe(outcome);
    }
  });

  it('are answered from the cache for failureTtl, then asked again', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    fixture.storeFailure('www.example.com', 5);
    expect(fixture.lookup('www.example.com')).toBe('failure');
    expect(fixture.hit.rcode).toBe(5);
    fixture.nowMs += 4999;
    expect(fixture.lookup('www.example.com')).toBe('failure');
    fixture.nowMs += 1;
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  it('are kept for at least a second', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 0 });
    fixture.storeFailure('www.example.com', 2);
    fixture.nowMs += 999;
    expect(fixture.lookup('www.example.com')).toBe('failure');
    fixture.nowMs += 1;
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  /**
   * Fails again and again, each time as soon as it may be asked; says for how long each failure
   * answered.
   */
  function lifetimes(fixture: CacheFixture, count: number): number[] {
    return Array.from({ length: count }, () => {
      fixture.storeFailure('www.example.com');
      let seconds = 0;
      for (; fixture.lookup('www.example.com') === 'failure'; seconds++) fixture.advanceSeconds(1);
      return seconds;
    });
  }

  it('in a row last twice as long each time, five minutes at most', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    expect(lifetimes(fixture, 9)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('start over after an answer', () => {
    const fixture = new CacheFixture({
      failureTtlSeconds: 5,
      serveStale: { maxAgeSeconds: 0, ttlSeconds: 30 },
    });
    expect(lifetimes(fixture, 2)).toEqual([5, 10]);
    fixture.store('www.example.com', { ttlSeconds: 1 });
    fixture.advanceSeconds(1);
    expect(lifetimes(fixture, 2)).toEqual([5, 10]);
  });

  it('start over after an answer that could not be kept', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    fixture.storeFailure('www.example.com');
    fixture.store('www.example.com', { ttlSeconds: 0 });
    expect(fixture.lookup('www.example.com')).toBe('miss');
    expect(lifetimes(fixture, 1)).toEqual([5]);
  });

  it('start over five minutes after the last one ended', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    expect(lifetimes(fixture, 2)).toEqual([5, 10]);
    fixture.advanceSeconds(300);
    expect(lifetimes(fixture, 2)).toEqual([5, 10]);
  });

  it('continue within five minutes after the last one ended', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    expect(lifetimes(fixture, 2)).toEqual([5, 10]);
    fixture.advanceSeconds(299);
    expect(lifetimes(fixture, 1)).toEqual([20]);
  });

  it('reported twice count once', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    fixture.storeFailure('www.example.com');
    fixture.advanceSeconds(3);
    fixture.storeFailure('www.example.com');
    fixture.advanceSeconds(2);
    expect(fixture.lookup('www.example.com')).toBe('miss');
    expect(lifetimes(fixture, 1)).toEqual([10]);
  });

  it('belong to one question', () => {
    const fixture = new CacheFixture();
    fixture.storeFailure('www.example.com');
    expect(fixture.lookup('www.example.com', { type: TYPE_AAAA })).toBe('miss');
    expect(fixture.lookup('www.example.com', { partition: 1 })).toBe('miss');
    expect(fixture.lookup('a.example.com')).toBe('miss');
  });

  it('do not hide a valid positive answer', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 300 });
    fixture.storeFailure('www.example.com');
    expect(fixture.ttls('www.example.com')).toEqual([300]);
  });

  it('given to store() are not kept', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { rcode: 2, answers: [] });
    expect(fixture.cache.entries).toBe(0);
  });
});

describe('stale answers (RFC 8767)', () => {
  it('may be used for maxAge after they expired, with the TTL for stale data', () => {
    const fixture = new CacheFixture({ serveStale: { maxAgeSeconds: 100, ttlSeconds: 30 } });
    fixture.store('www.example.com', { answers: [address(10), address(1000, 2)] });
    fixture.advanceSeconds(10);
    expect(fixture.ttls('www.example.com', 'stale')).toEqual([30, 30]);
    fixture.nowMs += 99_999;
    expect(fixture.ttls('www.example.com', 'stale')).toEqual([30, 30]);
    fixture.nowMs += 1;
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  it('are off with maxAge 0', () => {
    const fixture = new CacheFixture({ serveStale: { maxAgeSeconds: 0, ttlSeconds: 30 } });
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(10);
    expect(fixture.lookup('www.example.com')).toBe('miss');
  });

  it('may be negative', () => {
    const fixture = new CacheFixture();
    fixture.store('gone.example.com', NXDOMAIN);
    fixture.advanceSeconds(60);
    expect(fixture.ttls('gone.example.com', 'stale', { type: TYPE_AAAA })).toEqual([30]);
    expect(fixture.hit.rcode).toBe(3);
  });

  it('are served at once for 30 s after a refresh failed, then a refresh is tried again (§5)', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(10.5);
    expect(fixture.lookup('www.example.com')).toBe('stale');
    fixture.storeFailure('www.example.com');
    expect(fixture.ttls('www.example.com', 'staleNow')).toEqual([30]);
    fixture.advanceSeconds(29.9); // the failure itself has expired long since
    expect(fixture.lookup('www.example.com')).toBe('staleNow');
    fixture.advanceSeconds(1);
    expect(fixture.lookup('www.example.com')).toBe('stale');
  });

  it('are served at once after a failed refresh when they are negative, too', () => {
    for (const rcode of [0, 3]) {
      const fixture = new CacheFixture({ failureTtlSeconds: 5 });
      fixture.store('www.example.com', { rcode, authorities: [soa(10, 10)] });
      fixture.advanceSeconds(10.5);
      expect(fixture.lookup('www.example.com')).toBe('stale');
      fixture.storeFailure('www.example.com');
      fixture.advanceSeconds(29.9);
      expect(fixture.lookup('www.example.com')).toBe('staleNow');
      fixture.advanceSeconds(1);
      expect(fixture.lookup('www.example.com')).toBe('stale');
    }
  });

  it('are served at once for as long as a failure is kept, if that is longer', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 120 });
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(10);
    fixture.storeFailure('www.example.com');
    fixture.advanceSeconds(119);
    expect(fixture.lookup('www.example.com')).toBe('staleNow');
    fixture.advanceSeconds(1);
    expect(fixture.lookup('www.example.com')).toBe('stale');
  });

  it('are still there after a failure, but no longer than maxAge: then the failure answers', () => {
    const fixture = new CacheFixture({
      failureTtlSeconds: 60,
      serveStale: { maxAgeSeconds: 20, ttlSeconds: 30 },
    });
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(10);
    fixture.storeFailure('www.example.com');
    expect(fixture.lookup('www.example.com')).toBe('staleNow');
    fixture.advanceSeconds(20);
    expect(fixture.lookup('www.example.com')).toBe('failure');
  });

  it('are replaced only by NOERROR and NXDOMAIN (§4)', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(10);
    for (const rcode of [1, 2, 4, 5, 9]) fixture.store('www.example.com', { rcode, answers: [] });
    expect(fixture.lookup('www.example.com')).toBe('stale');
    fixture.store('www.example.com', { ttlSeconds: 20 });
    expect(fixture.ttls('www.example.com')).toEqual([20]);
  });

  it('are chosen by age: a newer NXDOMAIN counts before older data', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.advanceSeconds(5);
    fixture.store('www.example.com', NXDOMAIN, { type: TYPE_AAAA });
    fixture.advanceSeconds(100);
    expect(fixture.lookup('www.example.com')).toBe('stale');
    expect(fixture.hit.rcode).toBe(3);
  });

  it('can be read when an upstream is slow, without counting a hit or a miss', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com', { ttlSeconds: 10 });
    expect(fixture.findUsable('www.example.com')).toBe('fresh');
    fixture.advanceSeconds(10);
    fixture.storeFailure('www.example.com');
    expect(fixture.findUsable('www.example.com')).toBe('stale');
    expect(dnsPacket.decode(Buffer.from(fixture.copy())).answers).toMatchObject([{ ttl: 30 }]);
    expect(fixture.findUsable('other.example.com')).toBe('miss');
    expect(fixture.count(Counter.cacheHits)).toBe(0);
    expect(fixture.count(Counter.cacheMisses)).toBe(0);
  });
});

describe('prefetch', () => {
  /** Asked `times` times in its first seconds, then at 91 of its 100 seconds. */
  function popular(times: number): CacheFixture {
    const fixture = new CacheFixture({ prefetch: { hits: 3, remainingPercent: 10 } });
    fixture.store('www.example.com', { ttlSeconds: 100 });
    for (let i = 0; i < times; i++) expect(fixture.lookup('www.example.com')).toBe('fresh');
    fixture.advanceSeconds(91);
    return fixture;
  }

  it('is requested once, with enough hits and little time left', () => {
    const fixture = popular(2);
    expect(fixture.ttls('www.example.com', 'prefetch')).toEqual([9]);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
  });

  it('is not requested with fewer hits', () => {
    expect(popular(1).lookup('www.example.com')).toBe('fresh');
  });

  it('is not requested earlier', () => {
    const fixture = new CacheFixture({ prefetch: { hits: 1, remainingPercent: 10 } });
    fixture.store('www.example.com', { ttlSeconds: 100 });
    fixture.nowMs += 89_999;
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    fixture.nowMs += 1;
    expect(fixture.lookup('www.example.com')).toBe('prefetch');
  });

  it('counts hits again once the answer is refreshed', () => {
    const fixture = popular(5);
    expect(fixture.lookup('www.example.com')).toBe('prefetch');
    fixture.store('www.example.com', { ttlSeconds: 100 });
    fixture.advanceSeconds(95);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
  });

  it('is requested again when no answer came', () => {
    const fixture = popular(5);
    expect(fixture.lookup('www.example.com')).toBe('prefetch');
    fixture.advanceSeconds(4);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    fixture.advanceSeconds(2);
    expect(fixture.lookup('www.example.com')).toBe('prefetch');
  });

  it('is not requested again for 30 s after it failed, whether the answer is fresh or stale', () => {
    const fixture = popular(5);
    expect(fixture.lookup('www.example.com')).toBe('prefetch');
    fixture.storeFailure('www.example.com');
    fixture.advanceSeconds(6);
    expect(fixture.lookup('www.example.com')).toBe('fresh');
    fixture.advanceSeconds(10); // expired
    expect(fixture.lookup('www.example.com')).toBe('staleNow');
  });
});

describe('counters', () => {
  it('count hits without an upstream, and misses that need one', () => {
    const fixture = new CacheFixture({ failureTtlSeconds: 5 });
    fixture.lookup('www.example.com'); // miss
    fixture.store('www.example.com', { ttlSeconds: 10 });
    fixture.lookup('www.example.com'); // fresh
    fixture.advanceSeconds(10);
    fixture.lookup('www.example.com'); // stale: an upstream is asked
    fixture.storeFailure('www.example.com');
    fixture.lookup('www.example.com'); // staleNow
    fixture.storeFailure('bad.example.com');
    fixture.lookup('bad.example.com'); // failure
    expect(fixture.count(Counter.cacheMisses)).toBe(2);
    expect(fixture.count(Counter.cacheHits)).toBe(3);
  });

  it('show the current entries and bytes', () => {
    const fixture = new CacheFixture();
    fixture.store('www.example.com');
    fixture.storeFailure('bad.example.com');
    expect(fixture.count(Counter.cacheEntries)).toBe(2);
    expect(fixture.count(Counter.cacheBytes)).toBe(fixture.cache.bytes);
    expect(fixture.cache.bytes).toBeGreaterThan(0);
  });
});
