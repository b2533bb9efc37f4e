// What a cache hit (look-up and copy), a miss and a store cost: `npx vitest bench bench/cache`.
// 100,000 answers to A questions, asked in a scattered order, so that hardly anything is in the
// processor's caches: the worst case. vitest's module loader makes every call across files dearer
// than in the built program: compare rows, not with other figures.
import { bench, describe } from 'vitest';
import { CacheHit, MessageCache } from '../../src/cache/message-cache.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { ScannedResponse, scanResponse, stripOpt } from '../../src/wire/response.ts';
import { answerTo, cacheOptions, queryFor } from '../../test/cache/messages.ts';

const NAMES = 100_000;
/** Coprime to NAMES: the walk visits every name before it comes back to one. */
const STEP = 7919;

const cache = new MessageCache(cacheOptions({ maxEntries: 120_000 }), new Counters(createCounterBlock()));
const q = new ParsedQuery();
const scanned = new ScannedResponse();
const hit = new CacheHit();
const out = new Uint8Array(4096);
const queries = Array.from({ length: NAMES }, (_, i) => queryFor(`host-${i}.example.com`));
const replies = queries.map((query) => answerTo(query, { ttlSeconds: 3600 }));
for (let i = 0; i < NAMES; i++) store(i);

function store(i: number): void {
  const query = queries[i]!;
  const reply = replies[i]!;
  parseQuery(query, query.length, q);
  scanResponse(reply, reply.length, scanned);
  stripOpt(reply, reply.length, scanned);
  cache.store({ ...q, query }, 0, reply, scanned, 0);
}

describe('message cache', () => {
  let at = 0;
  const next = () => {
    at = (at + STEP) % NAMES;
    const query = queries[at]!;
    parseQuery(query, query.length, q);
    return query;
  };

  bench('parseQuery alone, to subtract', () => {
    next();
  });
  bench('hit in its first second', () => {
    cache.lookup(next(), q, 0, 500, hit);
    cache.copy(hit, out, 500);
  });
  bench('hit with TTLs to age', () => {
    cache.lookup(next(), q, 0, 5_000, hit);
    cache.copy(hit, out, 5_000);
  });
  bench('miss', () => {
    cache.lookup(next(), q, 1, 500, hit);
  });
  bench('store in place of the same answer (parse and scan included)', () => {
    at = (at + STEP) % NAMES;
    store(at);
  });
});
