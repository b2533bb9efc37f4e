import { expect, it } from 'vitest';
import { SlowUpstreams } from '../../../src/server/control/slow-upstreams.ts';
import type { RegisteredUpstream } from '../../../src/server/control/upstream-registry.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';

const upstream = { spec: { slot: 3, key: 'udp 10.0.0.1:53' } } as unknown as RegisteredUpstream;

it('reports once one that takes a second to answer, and when it takes less than half of that', () => {
  const state = new SharedUpstreamState();
  const slow = new SlowUpstreams(state);
  const look = () => {
    const { slower, quicker } = slow.look([upstream]);
    return [slower, quicker];
  };
  const none = [[], []];
  expect(look()).toEqual(none);
  state.measured(3, 1200, 0);
  expect(look()).toEqual([[upstream], []]);
  expect(look()).toEqual(none);
  state.measured(3, 0, 0); // halves the estimate: 600 ms
  expect(look()).toEqual(none);
  state.measured(3, 0, 0);
  expect(look()).toEqual([[], [upstream]]);
  expect(look()).toEqual(none);
});

it('forgets one that is gone', () => {
  const state = new SharedUpstreamState();
  const slow = new SlowUpstreams(state);
  state.measured(3, 1200, 0);
  slow.look([upstream]);
  expect(slow.look([])).toEqual({ slower: [], quicker: [] });
  expect(slow.look([upstream]).slower).toEqual([upstream]);
});
