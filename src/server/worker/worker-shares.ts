// What one worker gets of the limits that all workers hold together, and other values that the data
// plane takes from the configuration. Called by data-plane.
import { randomInt } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import { ClientGate } from '../../pipeline/client-gate.ts';
import type { ForwardTimes } from '../../pipeline/forward-times.ts';
import { parseNetwork, servedNetworks } from '../listen/client-networks.ts';

export function timesOf(config: Config): ForwardTimes {
  return { deadlineMs: config.forward.deadlineMs, staleAfterMs: config.cache.serveStale.afterMs };
}

/** The gate of one of so many workers: each holds a client to its share of the rate. */
export function gateFor(config: Config, workers: number): ClientGate {
  const { allow, deny, perClientQps } = config.limits;
  const share = perClientQps / workers;
  return new ClientGate(servedNetworks(allow), deny.map(parseNetwork), share, randomInt(2 ** 31));
}

/**
 * One worker's share of a limit on what waits at a time. The kernel spreads a client's sockets over
 * the workers at random, so one worker may get more than its part. Four standard deviations are
 * room enough for a client that keeps to the limit, as CoreDNS with `max_concurrent` does.
 */
export function shareOf(limit: number, workers: number): number {
  if (workers === 1) return limit;
  const share = limit / workers;
  return Math.ceil(share + 4 * Math.sqrt(share));
}
