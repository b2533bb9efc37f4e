// Flights that wait for the answer to a shorter name: they follow the flight that asks for it,
// their leader, in a list. A flight that ends leaves its leader's list. See search-first.ts.
import type { Flight } from './flight.ts';

/** The flight waits for the leader's end. */
export function follow(flight: Flight, leader: Flight): void {
  flight.leader = leader;
  flight.previousFollower = null;
  flight.nextFollower = leader.followers;
  if (leader.followers !== null) leader.followers.previousFollower = flight;
  leader.followers = flight;
}

/** The flight waits no more. Does nothing if it does not wait. */
export function leaveLeader(flight: Flight): void {
  const { leader, previousFollower: previous, nextFollower: next } = flight;
  if (leader === null) return;
  if (previous === null) leader.followers = next;
  else previous.nextFollower = next;
  if (next !== null) next.previousFollower = previous;
  flight.leader = null;
  flight.previousFollower = null;
  flight.nextFollower = null;
}
