// A worker's routing: upstreams that stay keep their connections, those that go finish, zones keep
// their counts.
import { afterEach, describe, expect, it } from 'vitest';
import { Clock } from '../../../src/base/clock.ts';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { RandomPool } from '../../../src/base/random.ts';
import type { Policy } from '../../../src/config/config.ts';
import { Counters, createCounterBlock } from '../../../src/metrics/counters.ts';
import { Routing } from '../../../src/server/worker/routing.ts';
import type { RoutingSpec } from '../../../src/server/worker/routing-spec.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { specFor, type UpstreamSpec } from '../../../src/upstream/upstream.ts';

// By TCP, which connects only when asked: nothing is opened here.
const upstream = (slot: number, port: number): UpstreamSpec =>
  specFor(slot, {
    endpoint: { ...plainEndpoint('127.0.0.1', port), transport: 'tcp' },
    origin: FROM_CONFIGURATION,
  });

const spec = (upstreams: UpstreamSpec[], ...zones: [string, number, number[]][]): RoutingSpec => ({
  upstreams,
  zones: zones.map(([suffix, partition, slots]) => ({
    suffix,
    partition,
    policy: 'random',
    routes: slots.map((slot) => ({ upstreamSlot: slot, routeSlot: 10 * partition + slot })),
  })),
});

describe('routing', () => {
  const open: Routing[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((routing) => routing.close()));
  });
  const create = () => {
    const routing = new Routing({
      random: new RandomPool(),
      clock: new Clock(),
      counters: new Counters(createCounterBlock()),
      state: new SharedUpstreamState(),
      onFault: () => {},
    });
    open.push(routing);
    return routing;
  };

  it('builds the configured zones', async () => {
    const table = await create().apply(
      spec([upstream(0, 1), upstream(1, 2)], ['.', 1, [0, 1]], ['local', 2, [1]]),
    );
    expect(table.zones.map((zone) => [zone.suffix, zone.upstreams.map((one) => one.text)])).toEqual([
      ['.', ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2']],
      ['local', ['tcp://127.0.0.1:2']],
    ]);
    expect(table.root.routeSlots).toEqual([10, 11]);
    expect(table.zones[1]!.routeSlots).toEqual([21]);
    expect(table.zones[1]!.partition).toBe(2);
  });

  it('hands on what a zone does about names that do not exist', async () => {
    const asked = spec([upstream(0, 1)], ['.', 1, [0]], ['local', 2, [0]]);
    const [root, local] = asked.zones;
    const zones = [root!, { ...local!, nxdomainCut: true, search: 'on' } as const];
    const table = await create().apply({ ...asked, zones });
    expect(table.zones.map(({ nxdomainCut, search }) => [nxdomainCut, search])).toEqual([
      [false, 'off'],
      [true, 'on'],
    ]);
  });

  it('keeps an upstream that stays, with its sockets, and replaces one whose slot was given to another', async () => {
    const routing = create();
    const before = await routing.apply(spec([upstream(0, 1), upstream(1, 2)], ['.', 1, [0, 1]]));
    const after = await routing.apply(spec([upstream(0, 1), upstream(1, 3)], ['.', 2, [0, 1]]));
    expect(after.root.upstreams[0]).toBe(before.root.upstreams[0]);
    expect(after.root.upstreams[1]).not.toBe(before.root.upstreams[1]);
    expect(after.root.upstreams[1]!.text).toBe('tcp://127.0.0.1:3');
  });

  it('does not change the zones of flights in progress', async () => {
    const routing = create();
    const before = await routing.apply(spec([upstream(0, 1)], ['.', 1, [0]]));
    await routing.apply(spec([upstream(1, 2)], ['.', 2, [1]]));
    expect(before.root.upstreams[0]!.text).toBe('tcp://127.0.0.1:1');
  });

  it('takes the order of upstreams for a rank by one policy only', async () => {
    const routing = create();
    const { upstreams, zones } = spec([upstream(0, 1)], ['.', 1, [0]]);
    const isRanked = async (policy: Policy) => {
      const table = await routing.apply({ upstreams, zones: zones.map((zone) => ({ ...zone, policy })) });
      return table.root.isRanked;
    };
    expect([await isRanked('sequential'), await isRanked('fastest')]).toEqual([true, false]);
  });

  it('has no upstream until it is given one', async () => {
    const table = await create().apply(spec([], ['.', 0, []]));
    expect(table.root.upstreams).toEqual([]);
    expect(table.root.selection.pick(0)).toBe(-1);
  });
});
