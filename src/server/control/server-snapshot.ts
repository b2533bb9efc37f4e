// The running server at one moment, as plain data: what the admin pages, the status page, the
// metrics and the statistics in the log show is read here and nowhere else. Main thread, per
// request.
import type { Readiness, ServerSnapshot, UpstreamStatus } from '../../admin/admin-source.ts';
import { formatHostAndPort } from '../../base/host-and-port.ts';
import { readVersion } from '../../base/version.ts';
import { nativeStatus } from '../../io/open-socket.ts';
import { EVIDENCE_NAMES } from '../../loop/evidence.ts';
import type { MetricsRoute, UpstreamStateName } from '../../metrics/metrics-snapshot.ts';
import { FAILURE_REASON_NAMES } from '../../upstream/exchange.ts';
import { MARK_NAMES } from '../../upstream/marks.ts';
import type { ServerFacts } from './server-facts.ts';
import type { RegisteredUpstream } from './upstream-registry.ts';

/** Takes it. */
export function takeSnapshot(facts: ServerFacts): ServerSnapshot {
  const { registry, supervisor } = facts;
  const routes = registry.routes.map(
    (route): MetricsRoute => ({
      slot: route.slot,
      upstream: route.upstream.spec.text,
      zone: route.zone,
      quarantined: facts.state.isQuarantined(route.slot),
      usable: !facts.state.isQuarantined(route.slot) && facts.state.isUp(route.upstream.spec.slot),
    }),
  );
  const upstreams = registry.upstreams.map((upstream) => statusOf(upstream, facts));
  const stubs = registry.upstreams.flatMap(({ origin }) => origin.replaces ?? []);
  return {
    build: {
      version: readVersion(),
      node: process.versions.node,
      socket: nativeStatus().available ? 'batch' : 'node',
    },
    totals: facts.totals,
    startedAtMs: facts.startedAtMs,
    config: facts.config,
    listen: facts.listen.map(({ host, port }) => formatHostAndPort(host, port)),
    readiness: readinessOf(facts, upstreams),
    upstreams,
    routes,
    zones: registry.routing.zones.map(({ suffix }) => suffix),
    loops: facts.loop.list(),
    workers: supervisor.running,
    workersDealtByName: supervisor.dealtByName,
    workerQueries: supervisor.queriesByWorker(),
    workerRestarts: supervisor.restarts,
    reloads: facts.reloads,
    rewrittenUpstreams: new Set(stubs).size,
    failureReasons: FAILURE_REASON_NAMES,
    evidenceNames: EVIDENCE_NAMES,
    markNames: MARK_NAMES,
  };
}

function statusOf(upstream: RegisteredUpstream, facts: ServerFacts): UpstreamStatus {
  const { spec, origin } = upstream;
  const { registry, state, watch } = facts;
  const rttMs = state.rttMs(spec.slot);
  return {
    slot: spec.slot,
    address: spec.text,
    transport: spec.endpoint.transport,
    zones: registry.routes.filter((route) => route.upstream === upstream).map((route) => route.zone),
    state: stateOf(upstream, facts),
    condition: watch.conduct.conditionOf(spec.slot),
    lastError: watch.health.reasonOf(spec.slot),
    source: origin.source,
    replaces: origin.replaces,
    rttMs: rttMs === 0 ? null : Math.round(rttMs * 1000) / 1000,
    learned: watch.lessons.lessons(spec),
  };
}

/** Quarantined when it loops for any zone. */
function stateOf(upstream: RegisteredUpstream, { registry, state }: ServerFacts): UpstreamStateName {
  const loops = registry.routes.some(
    (route) => route.upstream === upstream && state.isQuarantined(route.slot),
  );
  if (loops) return 'quarantined';
  return state.isUp(upstream.spec.slot) ? 'up' : 'down';
}

function readinessOf(facts: ServerFacts, upstreams: readonly UpstreamStatus[]): Readiness {
  const { registry, state, supervisor } = facts;
  if (facts.draining) return { ready: false, reason: 'draining' };
  if (supervisor.running === 0) return { ready: false, reason: 'no worker is running' };
  if (upstreams.length === 0) return { ready: false, reason: 'no upstream is known' };
  // One that loops for one zone may work for another. One that is down and has answered before is
  // tried all the same: an outage that all replicas see must not leave their clients without the
  // answers that they keep.
  const mayWork = registry.routes.some(({ slot, upstream }) => {
    const upstreamSlot = upstream.spec.slot;
    if (state.isQuarantined(slot)) return false;
    return state.isUp(upstreamSlot) || state.answers(upstreamSlot) !== 0;
  });
  if (mayWork) return { ready: true, reason: '' };
  const states = new Set(upstreams.map((upstream) => upstream.state));
  return { ready: false, reason: `every upstream is ${[...states].join(' or ')}` };
}
