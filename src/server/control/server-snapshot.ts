// The running server at one moment, as plain data: what the admin pages, the status page, the
// metrics and the statistics in the log show is read here and nowhere else. Main thread, per
// request.
import type { Readiness, ServerSnapshot, UpstreamStatus } from '../../admin/admin-source.ts';
import { DRAINING } from '../../admin/admin-source.ts';
import { formatHostAndPort } from '../../base/host-and-port.ts';
import { readVersion } from '../../base/version.ts';
import { nativeStatus } from '../../io/open-socket.ts';
import { EVIDENCE_NAMES } from '../../loop/evidence.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { MetricsRoute } from '../../metrics/metrics-snapshot.ts';
import { FAILURE_REASON_NAMES } from '../../upstream/exchange.ts';
import { MARK_NAMES } from '../../upstream/marks.ts';
import { Rcode, rcodeName } from '../../wire/codes.ts';
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
    refusedClient: facts.refusedClient,
    workers: supervisor.running,
    workersDealtByName: supervisor.dealtByName,
    workerQueries: supervisor.queriesByWorker(),
    workerRestarts: supervisor.restarts,
    reloads: facts.reloads,
    isOnFallback: facts.isOnFallback,
    pods: facts.pods.counts,
    keptCache: facts.keptCache.counts,
    rewrittenUpstreams: new Set(stubs).size,
    failureReasons: FAILURE_REASON_NAMES,
    evidenceNames: EVIDENCE_NAMES,
    markNames: MARK_NAMES,
  };
}

function statusOf(upstream: RegisteredUpstream, facts: ServerFacts): UpstreamStatus {
  const { spec, origin } = upstream;
  const { registry, state, watch, totals } = facts;
  const { state: name, sinceMs } = facts.states.of(upstream);
  const rttMs = state.rttMs(spec.slot);
  const condition = conditionOf(name, watch.conduct.conditionOf(spec.slot));
  return {
    slot: spec.slot,
    address: spec.text,
    transport: spec.endpoint.transport,
    zones: registry.routes.filter((route) => route.upstream === upstream).map((route) => route.zone),
    state: name,
    since: new Date(sinceMs).toISOString(),
    condition,
    lastError: watch.health.reasonOf(spec.slot) || errorOf(condition, state.errorRcode(spec.slot)),
    source: origin.source,
    replaces: origin.replaces,
    rttMs: rttMs === 0 ? null : Math.round(rttMs * 1000) / 1000,
    learned: watch.lessons.lessons(spec),
    queries: totals.upstreamRequests(spec.slot),
    failures: failuresOf(spec.slot, totals),
    quarantinedUntil: quarantinedUntil(upstream, facts),
  };
}

/** What one that is down answered before it went is no longer true of it. */
function conditionOf(
  state: UpstreamStatus['state'],
  lately: UpstreamStatus['condition'],
): UpstreamStatus['condition'] {
  return state === 'down' && lately !== 'unasked' ? 'unheard' : lately;
}

/** Which error it is that one answers with and with nothing else. */
function errorOf(condition: UpstreamStatus['condition'], rcode: number): string {
  return condition === 'degraded' && rcode !== Rcode.NOERROR ? rcodeName(rcode) : '';
}

/** Queries that brought no usable answer, by reason. */
function failuresOf(slot: number, totals: CounterTotals): Record<string, number> {
  const failures: Record<string, number> = {};
  for (const [reason, name] of FAILURE_REASON_NAMES.entries()) {
    const count = totals.upstreamFailures(slot, reason);
    if (count > 0) failures[name] = count;
  }
  return failures;
}

/** When it is next tried for a zone that it loops in. */
function quarantinedUntil(upstream: RegisteredUpstream, { registry, loop }: ServerFacts): string | null {
  const times = registry.routes
    .filter((route) => route.upstream === upstream)
    .flatMap((route) => loop.quarantinedUntilMs(route.slot) ?? []);
  return times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
}

function readinessOf(facts: ServerFacts, upstreams: readonly UpstreamStatus[]): Readiness {
  const { registry, state, supervisor } = facts;
  if (facts.draining) return { ready: false, reason: DRAINING };
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
