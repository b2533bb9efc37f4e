// What is known of a query when its answer leaves.
import { expect, it } from 'vitest';
import { AnswerRecord, CacheState } from '../../src/pipeline/answer-record.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';

const FLIGHT = { zone: { upstreams: ['first', 'second'] }, timeline: { answeredBy: 1 } };

it('names the upstream whose reply the client gets, and none for what the cache gave', () => {
  const record = new AnswerRecord();
  expect(record.upstream).toBeNull();
  const flight = FLIGHT as unknown as Flight;
  record.ofFlight(flight, CacheState.none);
  expect(record.upstream).toBe('second');
  record.ofFlight(flight, CacheState.stale);
  expect(record.upstream).toBeNull();
  record.ofFlight({ ...FLIGHT, timeline: { answeredBy: -1 } } as unknown as Flight, CacheState.none);
  expect(record.upstream).toBeNull();
  record.durationMs = 7;
  record.atOnce(CacheState.fresh);
  expect(record).toMatchObject({ flight: null, durationMs: 0, cache: CacheState.fresh });
});
