// What the server has done so far, as one line of the log: the answer to SIGUSR1 and SIGUSR2. Main
// thread.
import { Counter, DROP_REASONS } from '../../metrics/counters.ts';
import type { ServerFacts } from './server-facts.ts';
import { takeSnapshot } from './server-snapshot.ts';

/** Fields of a log line. Gauges are up to a second old. */
export function statisticsOf(facts: ServerFacts): object {
  const { totals } = facts;
  const count = (counter: Counter) => totals.counter(counter);
  const { upstreams, failureReasons } = takeSnapshot(facts);
  const dropped = DROP_REASONS.map((reason, index) => [reason, totals.dropped(index)] as const);
  return {
    uptimeSeconds: Math.round((Date.now() - facts.startedAtMs) / 1000),
    queriesUdp: count(Counter.queriesUdp),
    queriesTcp: count(Counter.queriesTcp),
    inFlight: count(Counter.inFlight),
    tcpConnections: count(Counter.tcpConnections),
    cacheHits: count(Counter.cacheHits),
    cacheMisses: count(Counter.cacheMisses),
    cacheEntries: count(Counter.cacheEntries),
    cacheEvictions: count(Counter.cacheEvictions),
    loopShed: count(Counter.loopShed),
    dropped: Object.fromEntries(dropped.filter(([, times]) => times > 0)),
    upstreams: upstreams.map(({ slot, address, state }) => ({
      address,
      state,
      requests: totals.upstreamRequests(slot),
      failures: failureReasons.reduce((sum, _, reason) => sum + totals.upstreamFailures(slot, reason), 0),
    })),
  };
}
