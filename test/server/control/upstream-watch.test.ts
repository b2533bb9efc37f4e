import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/base/clock.ts';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import type { Log } from '../../../src/base/log.ts';
import { RepeatLimiter } from '../../../src/base/repeat-limiter.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../../src/metrics/counters.ts';
import { MainUpstreams } from '../../../src/server/control/main-upstreams.ts';
import { UpstreamRegistry } from '../../../src/server/control/upstream-registry.ts';
import { UpstreamWatch } from '../../../src/server/control/upstream-watch.ts';
import { FailureReason } from '../../../src/upstream/exchange.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';

const CAUSE = 'connection refused (ECONNREFUSED)';

let lines: string[];
let counters: Counters;
let registry: UpstreamRegistry;
let watch: UpstreamWatch;

beforeEach(() => {
  lines = [];
  const say = (_fields: object, text: string) => void lines.push(text);
  const log: Log = { trace: say, debug: say, info: say, warn: say, error: say, fatal: say };
  const clock = new ManualClock();
  const [state, totals] = [new SharedUpstreamState(), new CounterTotals()];
  const block = createCounterBlock();
  counters = new Counters(block);
  totals.add(block);
  registry = new UpstreamRegistry(state, totals);
  watch = new UpstreamWatch({
    clock,
    log,
    limiter: new RepeatLimiter(log, clock),
    state,
    totals,
    registry,
    upstreams: new MainUpstreams(clock),
    settings: { intervalMs: 500, maxFails: 2 },
  });
  use('192.0.2.1', '192.0.2.2');
});

/** Puts these upstreams into force. */
function use(...hosts: string[]): void {
  const upstreams = hosts.map((host) => ({ endpoint: plainEndpoint(host), origin: FROM_CONFIGURATION }));
  const check = { name: '.', type: 'NS' } as const;
  registry.update([{ suffix: '.', policy: 'random', check, upstreams }]);
  watch.followRegistry();
}

const specOf = (host: string) => registry.upstreams.find(({ spec }) => spec.endpoint.host === host)!.spec;

describe('why an upstream failed', () => {
  it('is shown for that upstream, on its page and in the log', () => {
    const [one, other] = [specOf('192.0.2.1'), specOf('192.0.2.2')];
    watch.failed(one.key, FailureReason.unreachable, CAUSE);
    expect(watch.health.reasonOf(one.slot)).toBe(CAUSE);
    expect(watch.health.reasonOf(other.slot)).toBe('');
    counters.upstreamFailure(one.slot, FailureReason.unreachable);
    watch.look();
    expect(lines).toEqual([`upstream 192.0.2.1:53 cannot be reached: ${CAUSE}`]);
  });

  it('is forgotten with the upstream', () => {
    watch.failed(specOf('192.0.2.1').key, FailureReason.unreachable, CAUSE);
    use('192.0.2.2');
    use('192.0.2.1', '192.0.2.2');
    const { slot } = specOf('192.0.2.1');
    expect(watch.health.reasonOf(slot)).toBe('');
    counters.upstreamFailure(slot, FailureReason.unreachable);
    watch.look();
    expect(lines).toEqual(['upstream 192.0.2.1:53 cannot be reached']);
  });
});

it('ignores what a worker says about an upstream that is gone', () => {
  watch.failed('udp://192.0.2.9:53#', FailureReason.unreachable, CAUSE);
  watch.stumbled(200, 1, 'example');
  watch.look();
  expect(lines).toEqual([]);
  expect(registry.upstreams.map(({ spec }) => watch.health.reasonOf(spec.slot))).toEqual(['', '']);
});
