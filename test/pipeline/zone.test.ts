// A name's zone: the longest suffix, by labels, whatever the case.
import { describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';
import { Zone, ZoneTable } from '../../src/pipeline/zone.ts';
import { Selection } from '../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { textToName } from '../../src/wire/text.ts';
import { testQuery } from './queries.ts';

/** A zone with upstreams 0 … n−1, whose routes have the slots given. */
function zone(suffix: string, routeSlots: number[] = [], state = new SharedUpstreamState()): Zone {
  const upstreams = routeSlots.map((_, i) => ({ text: `192.0.2.${i}:53` }) as Upstream);
  const slots = routeSlots.map((_, i) => i);
  const selection = new Selection('random', slots, routeSlots, state, new RandomPool());
  return new Zone({
    suffix,
    wireSuffix: textToName(suffix),
    partition: 0,
    upstreams,
    routeSlots,
    selection,
  });
}

function findSuffix(table: ZoneTable, qname: string): string {
  return table.find(testQuery(qname).query).suffix;
}

describe('zone table', () => {
  const table = new ZoneTable(['.', 'local', 'cluster.local', 'example.com', 'com'].map((s) => zone(s)));

  it.each([
    ['www.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['a.b.c.d.example.com', 'example.com'],
    ['wwwexample.com', 'com'],
    ['com', 'com'],
    ['printer.local', 'local'],
    ['db.default.svc.cluster.local', 'cluster.local'],
    ['CLUSTER.LoCaL', 'cluster.local'],
    ['cluster.local.example.org', '.'],
    ['example.org', '.'],
    ['', '.'],
  ])('sends %s to %s', (qname, suffix) => {
    expect(findSuffix(table, qname)).toBe(suffix);
  });

  it('sends everything to the root while there is nothing else', () => {
    expect(findSuffix(new ZoneTable([zone('.')]), 'www.example.com')).toBe('.');
  });

  it('finds every route by its slot, with the EDE text for a loop by it', () => {
    const routed = new ZoneTable([zone('.', [4, 9]), zone('local', [7])]);
    expect([...routed.routes.keys()].sort()).toEqual([4, 7, 9]);
    const route = routed.routes.get(9)!;
    expect(route.zone.suffix).toBe('.');
    expect(route.index).toBe(1);
    expect(new TextDecoder().decode(route.loopEde.text!)).toBe('forwarding loop: 192.0.2.1:53 (.)');
  });

  it('blames a loop only when every route is quarantined', () => {
    const state = new SharedUpstreamState();
    const looping = zone('local', [3, 5], state);
    const text = () => new TextDecoder().decode(looping.unusableText());
    expect(text()).toBe('no usable upstream (local)');
    state.setQuarantined(3, true);
    expect(text()).toBe('no usable upstream (local)');
    state.setQuarantined(5, true);
    expect(text()).toBe('forwarding loop: 192.0.2.0:53 (local)');
  });
});
