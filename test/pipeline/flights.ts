// Flights for the tests of the pipeline's parts, without a pipeline around them.
import { RandomPool } from '../../src/base/random.ts';
import { Flight } from '../../src/pipeline/pending/flight.ts';
import { Zone } from '../../src/pipeline/zone.ts';
import { Selection } from '../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import type { FakeUpstream } from './pipeline-fixture.ts';
import { type TestQuery, testQuery } from './queries.ts';

/** The root zone; the route of upstream i has slot 10 + i. */
export function rootZone(upstreams: readonly FakeUpstream[] = [], state = new SharedUpstreamState()): Zone {
  const slots = upstreams.map(({ slot }) => slot);
  const routeSlots = upstreams.map((_, i) => 10 + i);
  return new Zone({
    suffix: '.',
    wireSuffix: new Uint8Array(1),
    partition: 1,
    upstreams: upstreams as unknown as Upstream[],
    routeSlots,
    selection: new Selection('sequential', slots, routeSlots, state, new RandomPool()),
  });
}

/** An active flight that nobody waits for yet. */
export function activeFlight(
  zone: Zone = rootZone(),
  { query }: TestQuery = testQuery('www.example'),
): Flight {
  const flight = new Flight({ onFlightTimer() {} });
  flight.begin(query, zone);
  flight.deadlineMs = 1800;
  return flight;
}
