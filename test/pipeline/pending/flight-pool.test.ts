// How many flights there may be, and that their memory is used again.
import { expect, it } from 'vitest';
import { RandomPool } from '../../../src/base/random.ts';
import { type Flight, FlightState } from '../../../src/pipeline/pending/flight.ts';
import { FlightPool } from '../../../src/pipeline/pending/flight-pool.ts';
import { Zone } from '../../../src/pipeline/zone.ts';
import { Selection } from '../../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { testQuery } from '../queries.ts';

const ZONE = new Zone({
  suffix: '.',
  wireSuffix: new Uint8Array(1),
  partition: 0,
  upstreams: [],
  routeSlots: [],
  selection: new Selection('random', [], [], new SharedUpstreamState(), new RandomPool()),
});

const poolOf = (limit: number) => new FlightPool(limit, { onFlightTimer() {} });

function begin(pool: FlightPool, name = 'www.example'): Flight {
  const flight = pool.take()!;
  flight.begin(testQuery(name).query, ZONE);
  return flight;
}

it('gives no more flights than its limit', () => {
  const pool = poolOf(2);
  begin(pool);
  begin(pool);
  expect(pool.take()).toBeNull();
  expect([pool.inUse, pool.live]).toEqual([2, 2]);
});

it('gives a released flight again, free of its zone and its question', () => {
  const pool = poolOf(1);
  const flight = begin(pool);
  flight.truncatedReply = new Uint8Array(1);
  pool.release(flight);
  expect([flight.state, flight.zone, flight.truncatedReply]).toEqual([FlightState.free, null, null]);
  expect([pool.inUse, pool.live]).toEqual([0, 0]);
  expect(begin(pool)).toBe(flight);
  expect(pool.take()).toBeNull();
});

it('gives several released flights, each once', () => {
  const pool = poolOf(3);
  const flights = [begin(pool), begin(pool), begin(pool)];
  for (const flight of flights) pool.release(flight);
  expect(new Set([begin(pool), begin(pool), begin(pool)])).toEqual(new Set(flights));
});

it('does not count a flight that only awaits a late reply against its limit', () => {
  const pool = poolOf(1);
  const late = begin(pool);
  pool.awaitLateReply(late);
  expect(late.state).toBe(FlightState.awaitingLateReply);
  expect([pool.inUse, pool.live, pool.awaitingLateReply]).toEqual([1, 0, 1]);
  const next = begin(pool);
  expect(next).not.toBe(late);
  expect(pool.take()).toBeNull();
  pool.release(late);
  expect([pool.inUse, pool.live, pool.awaitingLateReply]).toEqual([1, 1, 0]);
});

it('counts the bytes of an opaque query off when its flight is over, and keeps no long buffer', () => {
  const pool = poolOf(1);
  const { query } = testQuery('signed.example');
  query.parsed.opaque = true;
  query.message = new Uint8Array(40_000);
  query.message.set(testQuery('signed.example').bytes);
  query.length = 40_000;
  const flight = pool.take()!;
  flight.begin(query, ZONE);
  pool.opaqueBytes += flight.queryLength;
  expect([pool.opaqueBytes, flight.query.length >= 40_000]).toEqual([40_000, true]);
  pool.release(flight);
  expect(pool.opaqueBytes).toBe(0);
  expect(flight.query.length).toBeLessThan(512);
});

it('gives a released attempt again, which holds neither its flight nor its owner', () => {
  const pool = poolOf(1);
  const flight = begin(pool);
  const attempt = pool.takeAttempt();
  attempt.begin(flight, 0, 0, 0, 0);
  attempt.owner = { onReply: () => true, onFailure() {} };
  expect(pool.takeAttempt()).not.toBe(attempt);
  pool.releaseAttempt(attempt);
  expect([attempt.flight, attempt.owner]).toEqual([null, null]);
  expect(pool.takeAttempt()).toBe(attempt);
  expect(pool.takeAttempt()).not.toBe(attempt);
});
