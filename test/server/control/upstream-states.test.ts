// Since when an upstream is up, down or quarantined.
import { expect, it, vi } from 'vitest';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { CounterTotals } from '../../../src/metrics/counters.ts';
import { UpstreamRegistry } from '../../../src/server/control/upstream-registry.ts';
import { UpstreamStates } from '../../../src/server/control/upstream-states.ts';
import { SharedUpstreamState, UpstreamState } from '../../../src/upstream/shared-state.ts';

it('a state is dated from its change, and forgotten with its upstream', () => {
  vi.useFakeTimers({ now: 1000 });
  try {
    const state = new SharedUpstreamState();
    const registry = new UpstreamRegistry(state, new CounterTotals());
    const plan = (...hosts: string[]) =>
      registry.update([
        {
          suffix: '.',
          policy: 'random',
          check: { name: '.', type: 'NS' },
          upstreams: hosts.map((host) => ({ endpoint: plainEndpoint(host), origin: FROM_CONFIGURATION })),
        },
      ]);
    plan('192.0.2.1', '192.0.2.2');
    const states = new UpstreamStates(registry, state);
    const first = () => states.of(registry.upstreams[0]!);
    states.look();
    vi.setSystemTime(5000);
    states.look();
    expect(first()).toEqual({ state: 'up', sinceMs: 1000 });
    state.setState(registry.upstreams[0]!.spec.slot, UpstreamState.down);
    states.look();
    vi.setSystemTime(9000);
    expect(first()).toEqual({ state: 'down', sinceMs: 5000 });
    expect(states.of(registry.upstreams[1]!)).toEqual({ state: 'up', sinceMs: 1000 });
    // A loop in one zone is what is shown, whatever the checks say.
    state.setQuarantined(registry.routes[0]!.slot, true);
    expect(first()).toEqual({ state: 'quarantined', sinceMs: 9000 });

    plan('192.0.2.2');
    states.look();
    plan('192.0.2.1', '192.0.2.2');
    vi.setSystemTime(12_000);
    states.look();
    expect(first()).toMatchObject({ sinceMs: 12_000 });
  } finally {
    vi.useRealTimers();
  }
});
