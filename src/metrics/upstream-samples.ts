// The samples of the metrics that are per upstream: state, what it is asked without, round trip.
import type { Sample } from './metric.ts';
import { type MetricsSnapshot, type MetricsUpstream, UPSTREAM_STATE_NAMES } from './metrics-snapshot.ts';

export function states(upstreams: readonly MetricsUpstream[]): Sample[] {
  // Two slots of one text (a server used by two zones' lists) show the worse state; a sum would
  // show 2.
  const worst = new Map<string, number>();
  for (const { address, state } of upstreams) {
    worst.set(address, Math.max(worst.get(address) ?? 0, UPSTREAM_STATE_NAMES.indexOf(state)));
  }
  return [...worst].flatMap(([upstream, current]) =>
    UPSTREAM_STATE_NAMES.map((state, index) => ({
      labels: { upstream, state },
      value: index === current ? 1 : 0,
    })),
  );
}

export function lessons(source: MetricsSnapshot): Sample[] {
  // As for states: what one of two slots of one text is asked without, the text is shown with.
  const learnedBy = new Map<string, Set<string>>();
  for (const { address, learned } of source.upstreams) {
    const known = learnedBy.get(address) ?? [];
    learnedBy.set(address, new Set([...known, ...learned.map(({ what }) => what)]));
  }
  return [...learnedBy].flatMap(([upstream, learned]) =>
    source.markNames.map((what) => ({ labels: { upstream, what }, value: learned.has(what) ? 1 : 0 })),
  );
}

export function rtts(upstreams: readonly MetricsUpstream[]): Sample[] {
  return upstreams.flatMap(({ address, rttMs }) =>
    rttMs === null ? [] : [{ labels: { upstream: address }, value: rttMs / 1000 }],
  );
}
