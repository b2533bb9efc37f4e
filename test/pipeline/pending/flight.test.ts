// Who waits for a flight: one may be taken off wherever it stands.
import { describe, expect, it } from 'vitest';
import { RandomPool } from '../../../src/base/random.ts';
import { Flight } from '../../../src/pipeline/pending/flight.ts';
import { Waiter } from '../../../src/pipeline/waiter.ts';
import { Zone } from '../../../src/pipeline/zone.ts';
import { Selection } from '../../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { testQuery } from '../queries.ts';

function flightWith(waiters: readonly Waiter[]): Flight {
  const selection = new Selection('random', [], [], new SharedUpstreamState(), new RandomPool());
  const zone = new Zone({
    suffix: '.',
    wireSuffix: new Uint8Array(1),
    partition: 0,
    upstreams: [],
    routeSlots: [],
    selection,
  });
  const flight = new Flight({ onFlightTimer() {} });
  flight.begin(testQuery('www.example').query, zone);
  for (const waiter of waiters) flight.addWaiter(waiter);
  return flight;
}

function listed(first: Waiter | null): Waiter[] {
  const found: Waiter[] = [];
  for (let waiter = first; waiter !== null; waiter = waiter.next) {
    if (found.length > 10) throw new Error('a circle');
    found.push(waiter);
  }
  return found;
}

const ORDERS = [0, 1, 2].flatMap((a) =>
  [0, 1, 2].filter((b) => b !== a).map((b) => [a, b, 3 - a - b] as const),
);

describe('a flight’s waiters', () => {
  it.each(ORDERS)('may leave one by one, in the order %i, %i, %i', (...order) => {
    const waiters = [new Waiter(), new Waiter(), new Waiter()];
    const flight = flightWith(waiters);
    const { load } = flight.zone!;
    const left = new Set(waiters);
    for (const i of order) {
      const waiter = waiters[i]!;
      expect(waiter.flight).toBe(flight);
      flight.removeWaiter(waiter);
      left.delete(waiter);
      expect(waiter.flight).toBeNull();
      expect(new Set(listed(flight.waiters))).toEqual(left);
      expect([flight.waiterCount, load.waiters]).toEqual([left.size, left.size]);
    }
  });

  it('can all be taken at once, and no longer count', () => {
    const waiters = [new Waiter(), new Waiter(), new Waiter()];
    const flight = flightWith(waiters);
    const { load } = flight.zone!;
    expect(new Set(listed(flight.takeWaiters()))).toEqual(new Set(waiters));
    expect([flight.waiters, flight.waiterCount, load.waiters]).toEqual([null, 0, 0]);
    expect(waiters.map((waiter) => waiter.flight)).toEqual([null, null, null]);
    expect(load.clients.findSurplus(5)).toBeNull();
    flight.addWaiter(waiters[1]!);
    expect(listed(flight.waiters)).toEqual([waiters[1]]);
    flight.removeWaiter(waiters[1]!);
    expect(flight.waiters).toBeNull();
  });
});
