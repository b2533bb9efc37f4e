// Slots and partitions: what stays keeps its slot; what changes never inherits another's numbers or
// data.
import { beforeEach, describe, expect, it } from 'vitest';
import { type FoundUpstream, FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { MAX_UPSTREAMS } from '../../../src/base/slots.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../../src/metrics/counters.ts';
import { type PlannedZone, UpstreamRegistry } from '../../../src/server/control/upstream-registry.ts';
import { MAX_CANDIDATES } from '../../../src/upstream/selection.ts';
import { SharedUpstreamState, UpstreamState } from '../../../src/upstream/shared-state.ts';

const given = (host: string): FoundUpstream => ({
  endpoint: plainEndpoint(host),
  origin: FROM_CONFIGURATION,
});

const zone = (suffix: string, ...hosts: string[]): PlannedZone => ({
  suffix,
  policy: 'random',
  check: { name: suffix, type: 'NS' },
  upstreams: hosts.map(given),
});

describe('upstream-registry', () => {
  let state: SharedUpstreamState;
  let totals: CounterTotals;
  let counters: Counters;
  let registry: UpstreamRegistry;
  beforeEach(() => {
    state = new SharedUpstreamState();
    totals = new CounterTotals();
    const block = createCounterBlock();
    counters = new Counters(block);
    totals.add(block);
    registry = new UpstreamRegistry(state, totals);
  });
  const slotOf = (host: string) =>
    registry.upstreams.find(({ spec }) => spec.endpoint.host === host)!.spec.slot;
  const routeOf = (suffix: string, host: string) =>
    registry.routes.find((route) => route.zone === suffix && route.upstream.spec.endpoint.host === host)!
      .slot;
  const partitionOf = (suffix: string) =>
    registry.routing.zones.find((candidate) => candidate.suffix === suffix)!.partition;

  it('starts with a root zone without upstreams', () => {
    expect(registry.routing.zones).toEqual([{ suffix: '.', partition: 0, policy: 'random', routes: [] }]);
    expect(registry.routing.upstreams).toEqual([]);
  });

  it('keeps the slots, state and counters of upstreams that stay', () => {
    registry.update([zone('.', '10.0.0.1', '10.0.0.2')]);
    const [slot, route] = [slotOf('10.0.0.2'), routeOf('.', '10.0.0.2')];
    state.setState(slot, UpstreamState.down);
    state.setQuarantined(route, true);
    counters.upstreamRequest(slot);
    registry.update([zone('.', '10.0.0.3', '10.0.0.2')]);
    expect(slotOf('10.0.0.2')).toBe(slot);
    expect(routeOf('.', '10.0.0.2')).toBe(route);
    expect(state.isUp(slot)).toBe(false);
    expect(state.isQuarantined(route)).toBe(true);
    expect(totals.upstreamRequests(slot)).toBe(1);
    expect(slotOf('10.0.0.3')).not.toBe(slot);
  });

  it('resets a used slot for a new upstream', () => {
    registry.update([zone('.', '10.0.0.1')]);
    const [slot, route] = [slotOf('10.0.0.1'), routeOf('.', '10.0.0.1')];
    state.setState(slot, UpstreamState.down);
    state.setQuarantined(route, true);
    counters.upstreamRequest(slot);
    counters.loopDetected(route, 0);
    // Freed slots wait at the end of the queue: all others are used before.
    let seen = false;
    for (let i = 0; i < 4 * MAX_UPSTREAMS && !seen; i++) {
      registry.update([zone('.', `10.1.${i >> 8}.${i & 255}`)]);
      seen = registry.upstreams[0]!.spec.slot === slot;
      if (!seen) expect(i).toBeLessThan(MAX_UPSTREAMS);
    }
    expect(seen).toBe(true);
    expect(state.isUp(slot)).toBe(true);
    expect(totals.upstreamRequests(slot)).toBe(0);
    while (registry.routes[0]!.slot !== route)
      registry.update([zone('.', `10.2.0.${registry.routes[0]!.slot % 250}`)]);
    expect(state.isQuarantined(route)).toBe(false);
    expect(totals.loopsDetected(route, 0)).toBe(0);
  });

  it('shares an upstream between zones, with a route for each', () => {
    registry.update([zone('.', '10.0.0.1'), zone('local', '10.0.0.1', '10.0.0.2')]);
    expect(registry.upstreams).toHaveLength(2);
    expect(new Set(registry.routes.map((route) => route.slot)).size).toBe(3);
    const [root, local] = registry.routing.zones;
    expect(local!.routes[0]!.upstreamSlot).toBe(root!.routes[0]!.upstreamSlot);
    expect(local!.routes[0]!.routeSlot).not.toBe(root!.routes[0]!.routeSlot);
    // When in doubt it is asked for what its first zone chooses.
    expect(registry.upstreams.map(({ check }) => check.name)).toEqual(['.', 'local']);
  });

  it('changes a zone’s partition exactly when its set of servers changes', () => {
    registry.update([zone('.', '10.0.0.1', '10.0.0.2'), zone('local', '10.0.0.1')]);
    const [root, local] = [partitionOf('.'), partitionOf('local')];
    expect(root).not.toBe(local);
    registry.update([zone('.', '10.0.0.2', '10.0.0.1'), zone('local', '10.0.0.9')]);
    expect(partitionOf('.')).toBe(root);
    expect(partitionOf('local')).not.toBe(local);
    registry.update([zone('.', '10.0.0.2'), zone('local', '10.0.0.9')]);
    expect(partitionOf('.')).not.toBe(root);
    // Going back does not bring data back that others may have outdated.
    registry.update([zone('.', '10.0.0.1', '10.0.0.2'), zone('local', '10.0.0.9')]);
    expect(partitionOf('.')).not.toBe(root);
  });

  it('uses a server that is named twice only once', () => {
    registry.update([zone('.', '10.0.0.1', '10.0.0.1')]);
    expect(registry.upstreams).toHaveLength(1);
    expect(registry.routing.zones[0]!.routes).toHaveLength(1);
  });

  it('uses a server that is spelled in two ways only once, with the text of the first', () => {
    registry.update([zone('.', '2001:DB8::1', '2001:db8:0::1'), zone('local', '2001:db8::1')]);
    expect(registry.upstreams.map(({ spec }) => spec.text)).toEqual(['[2001:DB8::1]:53']);
    expect(registry.routing.zones.map(({ routes }) => routes.length)).toEqual([1, 1]);
    const slot = registry.upstreams[0]!.spec.slot;
    registry.update([zone('.', '2001:db8::1')]);
    expect(registry.upstreams.map(({ spec }) => [spec.slot, spec.text])).toEqual([
      [slot, '[2001:db8::1]:53'],
    ]);
  });

  it('leaves out what exceeds the candidates of a zone and the slots there are', () => {
    const hosts = Array.from({ length: MAX_UPSTREAMS + 10 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    registry.update([zone('.', ...hosts)]);
    expect(registry.upstreams).toHaveLength(MAX_UPSTREAMS);
    expect(registry.routing.zones[0]!.routes).toHaveLength(MAX_CANDIDATES);
    registry.update([zone('.', '10.9.9.9')]);
    expect(registry.upstreams.map(({ spec }) => spec.endpoint.host)).toEqual(['10.9.9.9']);
  });
});
