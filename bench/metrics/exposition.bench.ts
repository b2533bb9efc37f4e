// What a scrape costs the main thread, with as many upstreams as a cluster has and with as many as
// there can be; and what counting costs a worker per query. Run: npx vitest bench --run
// bench/metrics
import { bench, describe } from 'vitest';
import { MAX_UPSTREAMS } from '../../src/base/slots.ts';
import { EVIDENCE_NAMES } from '../../src/loop/evidence.ts';
import { Counter, Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import type { MetricsSnapshot } from '../../src/metrics/metrics-snapshot.ts';
import { FAILURE_REASON_NAMES } from '../../src/upstream/exchange.ts';
import { MARK_NAMES } from '../../src/upstream/marks.ts';

const WORKERS = 8;

function createSnapshot(upstreamCount: number): MetricsSnapshot {
  const totals = new CounterTotals();
  for (let i = 0; i < WORKERS; i++) totals.add(createCounterBlock());
  const slots = Array.from({ length: upstreamCount }, (_, slot) => slot);
  return {
    totals,
    build: { version: '0', node: process.versions.node, socket: 'batch' },
    failureReasons: FAILURE_REASON_NAMES,
    evidenceNames: EVIDENCE_NAMES,
    markNames: MARK_NAMES,
    listen: ['127.0.0.1:5300'],
    upstreams: slots.map((slot) => ({
      slot,
      address: `10.0.0.${slot}:53`,
      state: 'up',
      rttMs: 1,
      learned: [],
    })),
    routes: slots.map((slot) => ({
      slot,
      upstream: `10.0.0.${slot}:53`,
      zone: '.',
      quarantined: false,
      usable: true,
    })),
    zones: ['.'],
    workers: WORKERS,
    workersDealtByName: WORKERS,
    workerQueries: new Array<number>(WORKERS).fill(1),
    workerRestarts: 0,
    keptCache: { restored: 0, refused: 0, saved: 0, failed: 0 },
    pods: null,
    reloads: { ok: 0, failed: 0, isLastOk: true, lastOkMs: 0 },
    isOnFallback: false,
    rewrittenUpstreams: 0,
  };
}

describe('a scrape of 8 workers', () => {
  for (const count of [3, 20, MAX_UPSTREAMS]) {
    const snapshot = createSnapshot(count);
    const scrape = createExposition(() => snapshot, { coredns: false });
    bench(`${count} upstreams`, async () => {
      await scrape();
    });
  }
});

describe('counting', () => {
  const counters = new Counters(createCounterBlock());
  bench('1000 answered queries: query, hit, RCODE, duration', () => {
    for (let i = 0; i < 1000; i++) {
      counters.increment(Counter.queriesUdp);
      counters.values[Counter.cacheHits]!++;
      counters.response(0);
      counters.duration(0.1, 1);
    }
  });
});
