// MessageCache against a model of plain objects: after any sequence of stores, failures, flushes
// and waits, both give the same answer. The model knows no bytes, hashes or budgets.
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lookup } from '../../src/cache/message-cache.ts';
import { CacheFixture } from './cache-fixture.ts';
import { address, soa, TYPE_A, TYPE_AAAA } from './messages.ts';

const NAMES = ['example.com', 'www.example.com', 'a.www.example.com', 'example.org'];
const MAX_AGE_SECONDS = 100;
const FAILURE_SECONDS = 8;

interface ModelEntry {
  kind: 'positive' | 'nodata' | 'nxdomain';
  storedAtMs: number;
  ttlSeconds: number;
  refreshAtMs: number;
}

interface ModelFailure {
  storedAtMs: number;
  seconds: number;
}

class Model {
  nowMs = 0;
  readonly data = new Map<string, ModelEntry>();
  readonly failures = new Map<string, ModelFailure>();

  store(kind: ModelEntry['kind'], name: string, type: number, ttlSeconds: number): void {
    const typeKey = `${name} ${type}`;
    this.failures.delete(typeKey);
    if (ttlSeconds === 0) return;
    this.data.delete(typeKey);
    this.data.delete(`${name} *`);
    const key = kind === 'nxdomain' ? `${name} *` : typeKey;
    this.data.set(key, { kind, storedAtMs: this.nowMs, ttlSeconds, refreshAtMs: 0 });
  }

  fail(name: string, type: number): void {
    for (const key of [`${name} ${type}`, `${name} *`]) {
      const entry = this.data.get(key);
      // Whole seconds of the entry's age, rounded up.
      if (entry) {
        const ageSeconds = Math.ceil((this.nowMs - entry.storedAtMs) / 1000);
        entry.refreshAtMs = entry.storedAtMs + (ageSeconds + 30) * 1000;
      }
    }
    const before = this.failures.get(`${name} ${type}`);
    const endMs = before ? before.storedAtMs + before.seconds * 1000 : 0;
    if (before && this.nowMs < endMs) return;
    const again = before && this.nowMs - endMs < 300_000;
    const seconds = again ? Math.min(before.seconds * 2, 300) : FAILURE_SECONDS;
    this.failures.set(`${name} ${type}`, { storedAtMs: this.nowMs, seconds });
  }

  flush(name: string): void {
    for (const map of [this.data, this.failures]) {
      for (const key of map.keys()) {
        const [cached, type] = key.split(' ') as [string, string];
        const isAtOrBelow = `.${cached}`.endsWith(`.${name}`);
        // What denies a name above denies this one as well.
        const deniesAbove = type === '*' && `.${name}`.endsWith(`.${cached}`);
        if (isAtOrBelow || deniesAbove) map.delete(key);
      }
    }
  }

  lookup(name: string, type: number): { outcome: keyof typeof Lookup; ttlSeconds?: number; rcode?: number } {
    const both = [`${name} ${type}`, `${name} *`].flatMap((key) => this.data.get(key) ?? []);
    for (const entry of both) {
      const ageMs = this.nowMs - entry.storedAtMs;
      if (ageMs < entry.ttlSeconds * 1000) {
        const ttlSeconds = entry.ttlSeconds - Math.floor(ageMs / 1000);
        return { outcome: 'fresh', ttlSeconds, rcode: entry.kind === 'nxdomain' ? 3 : 0 };
      }
    }
    const failure = this.failures.get(`${name} ${type}`);
    const failing = failure !== undefined && this.nowMs < failure.storedAtMs + failure.seconds * 1000;
    const newest = both.sort((a, b) => b.storedAtMs - a.storedAtMs)[0];
    if (newest && this.nowMs < newest.storedAtMs + (newest.ttlSeconds + MAX_AGE_SECONDS) * 1000) {
      const held = failing || this.nowMs < newest.refreshAtMs;
      return {
        outcome: held ? 'staleNow' : 'stale',
        ttlSeconds: 30,
        rcode: newest.kind === 'nxdomain' ? 3 : 0,
      };
    }
    return failing ? { outcome: 'failure', rcode: 2 } : { outcome: 'miss' };
  }
}

const name = fc.constantFrom(...NAMES);
const type = fc.constantFrom(TYPE_A, TYPE_AAAA);
const ttlSeconds = fc.constantFrom(0, 1, 5, 60);
const kind = fc.constantFrom('positive' as const, 'nodata' as const, 'nxdomain' as const);
const step = fc.oneof(
  fc.record({ do: fc.constant('store' as const), kind, name, type, ttlSeconds }),
  fc.record({ do: fc.constant('fail' as const), name, type }),
  fc.record({ do: fc.constant('flush' as const), name }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 499, 1000, 4999, 30_000, 70_000) }),
);

/**
 * The reply that the model's entry stands for. A records serve any type here: the asked type is
 * what counts.
 */
function partsOf(entryKind: ModelEntry['kind'], asked: number, ttl: number) {
  if (entryKind === 'positive') return { answers: [{ ...address(ttl), type: asked }] };
  return { rcode: entryKind === 'nxdomain' ? 3 : 0, authorities: [soa(ttl, 3600)] };
}

/** Letters in upper case here and there: a spelling that must not matter. */
function respell(text: string): string {
  return [...text].map((letter, i) => (i % 3 === 0 ? letter.toUpperCase() : letter)).join('');
}

function expectSame(fixture: CacheFixture, model: Model): void {
  for (const askedName of NAMES) {
    for (const askedType of [TYPE_A, TYPE_AAAA]) {
      const expected = model.lookup(askedName, askedType);
      const asking = { type: askedType };
      expect(fixture.lookup(respell(askedName), asking)).toBe(expected.outcome);
      if (expected.rcode !== undefined) expect(fixture.hit.rcode).toBe(expected.rcode);
      if (expected.ttlSeconds === undefined) continue;
      const message = dnsPacket.decode(Buffer.from(fixture.copy()));
      expect(message.questions).toMatchObject([{ type: askedType === TYPE_A ? 'A' : 'AAAA' }]);
      const records = [...(message.answers ?? []), ...(message.authorities ?? [])];
      expect(records.map((record) => ('ttl' in record ? record.ttl : -1))).toEqual([expected.ttlSeconds]);
    }
  }
}

describe('MessageCache and its model', () => {
  it('agree after every step', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const fixture = new CacheFixture({
          maxBytes: 64 * 1024,
          maxEntries: 100,
          failureTtlSeconds: FAILURE_SECONDS,
          serveStale: { maxAgeSeconds: MAX_AGE_SECONDS, ttlSeconds: 30 },
          prefetch: { hits: 0, remainingPercent: 0 },
        });
        const model = new Model();
        fixture.nowMs = 0;
        for (const action of steps) {
          if (action.do === 'store') {
            const parts = partsOf(action.kind, action.type, action.ttlSeconds);
            fixture.store(action.name, parts, { type: action.type });
            model.store(action.kind, action.name, action.type, action.ttlSeconds);
          } else if (action.do === 'fail') {
            fixture.storeFailure(action.name, 2, { type: action.type });
            model.fail(action.name, action.type);
          } else if (action.do === 'flush') {
            fixture.cache.flush(action.name);
            model.flush(action.name);
          } else {
            fixture.nowMs += action.ms;
            model.nowMs += action.ms;
          }
          expectSame(fixture, model);
        }
        expect(fixture.cache.entries).toBe(model.data.size + model.failures.size);
      }),
      { numRuns: 150 },
    );
  });
});
