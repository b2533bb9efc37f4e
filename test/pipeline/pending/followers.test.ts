// Flights that wait for another one's end: each can leave, in any order.
import { expect, it } from 'vitest';
import type { Flight } from '../../../src/pipeline/pending/flight.ts';
import { follow, leaveLeader } from '../../../src/pipeline/pending/followers.ts';
import { activeFlight } from '../flights.ts';

function followersOf(leader: Flight): Flight[] {
  const found: Flight[] = [];
  for (let flight = leader.followers; flight !== null; flight = flight.nextFollower) found.push(flight);
  return found;
}

it('follow, and leave from either end or the middle', () => {
  const leader = activeFlight();
  const [a, b, c] = [activeFlight(), activeFlight(), activeFlight()];
  for (const flight of [a, b, c]) follow(flight, leader);
  expect(followersOf(leader)).toEqual([c, b, a]);
  leaveLeader(b);
  expect(followersOf(leader)).toEqual([c, a]);
  expect(b).toMatchObject({ leader: null, previousFollower: null, nextFollower: null });
  leaveLeader(c);
  leaveLeader(c);
  expect(followersOf(leader)).toEqual([a]);
  leaveLeader(a);
  expect(leader.followers).toBeNull();
});
