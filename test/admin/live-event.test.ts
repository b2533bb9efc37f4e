// The messages of `GET /events`.
import { expect, it } from 'vitest';
import { liveRates, pageEvent, statusEvent } from '../../src/admin/live-event.ts';
import { RateHistory } from '../../src/admin/rate-history.ts';
import { Counter, RCODE_SLOTS } from '../../src/metrics/counters.ts';
import { SampleAdmin } from './sample-admin.ts';

function busy(): { admin: SampleAdmin; history: RateHistory } {
  const admin = new SampleAdmin();
  const history = new RateHistory(admin.totals, 0);
  const { counters } = admin;
  counters.values[Counter.queriesUdp] = 20;
  counters.values[Counter.cacheHits] = 3;
  counters.values[Counter.cacheMisses] = 1;
  counters.duration(0.2, 98);
  counters.duration(60_000, 2);
  for (const rcode of [0, 0, 0, 0, 3, 3, 2, RCODE_SLOTS - 1]) counters.response(rcode);
  return { admin, history };
}

it('has the rates of the last seconds, with codes by name', () => {
  expect(liveRates(busy().history, 2000)).toEqual({
    queriesPerSecond: 10,
    p50Ms: 0.25,
    p99Ms: 4096,
    hitShare: 0.75,
    rcodes: { NOERROR: 2, NXDOMAIN: 1, SERVFAIL: 0.5, other: 0.5 },
  });
});

it('has null for what did not occur', () => {
  const admin = new SampleAdmin();
  expect(liveRates(new RateHistory(admin.totals, 0), 2000)).toEqual({
    queriesPerSecond: 0,
    p50Ms: null,
    p99Ms: null,
    hitShare: null,
    rcodes: {},
  });
});

it('is /status and the live rates, or the page, on one line each', () => {
  const { admin, history } = busy();
  const status = statusEvent(admin.snapshot(), history, 2000);
  expect(JSON.parse(status)).toMatchObject({
    verdict: { headline: 'Healthy' },
    clients: { queries: 20 },
    live: { queriesPerSecond: 10 },
  });
  const page = pageEvent(admin.snapshot(), history, null, 2000);
  expect(JSON.parse(page)).toMatchObject({
    version: '1.2.3',
    title: 'Healthy · unloop',
    main: expect.stringMatching(/^<main data-version="1.2.3">[\s\S]*<\/main>$/),
  });
  expect(`${status}${page}`).not.toContain('\n');
});
