import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import { RepeatLimiter } from '../../../src/base/repeat-limiter.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../../src/metrics/counters.ts';
import { UpstreamFaults } from '../../../src/server/control/upstream-faults.ts';
import {
  logConduct,
  logHealthChange,
  logPace,
  UpstreamLog,
} from '../../../src/server/control/upstream-log.ts';
import type { RegisteredUpstream } from '../../../src/server/control/upstream-registry.ts';
import { FailureReason } from '../../../src/upstream/exchange.ts';
import type { HealthChange } from '../../../src/upstream/health.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { Rcode } from '../../../src/wire/codes.ts';

const upstream = {
  spec: { slot: 4, text: '10.0.0.1:53', key: 'udp 10.0.0.1:53' },
  origin: { source: 'configuration' },
} as unknown as RegisteredUpstream;

let lines: string[];
let fields: object[];
let log: Log;
beforeEach(() => {
  lines = [];
  fields = [];
  const at = (level: string) => (more: object, message: string) => {
    fields.push(more);
    lines.push(`${level} ${message}`);
  };
  log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Log;
});

describe('UpstreamLog', () => {
  function create() {
    const block = createCounterBlock();
    const totals = new CounterTotals();
    totals.add(block);
    const faults = new UpstreamFaults();
    const upstreamLog = new UpstreamLog(new RepeatLimiter(log, new ManualClock()), totals, faults);
    return { upstreamLog, faults, counters: new Counters(block) };
  }

  it('is silent while nothing fails', () => {
    create().upstreamLog.look([upstream]);
    expect(lines).toEqual([]);
  });

  it('says once what failed since the last look, with its cause', () => {
    const { upstreamLog, faults, counters } = create();
    faults.add('udp 10.0.0.1:53', FailureReason.tls, 'its certificate has expired');
    for (let i = 0; i < 3; i++) counters.upstreamFailure(4, FailureReason.tls);
    counters.upstreamFailure(4, FailureReason.rcode);
    counters.upstreamFailure(5, FailureReason.timeout);
    upstreamLog.look([upstream]);
    upstreamLog.look([upstream]);
    expect(lines).toEqual([
      'warn upstream 10.0.0.1:53 failed the TLS handshake: its certificate has expired',
      'debug upstream 10.0.0.1:53 answered SERVFAIL, REFUSED or the like',
    ]);
    expect(fields[0]).toMatchObject({
      upstream: '10.0.0.1:53',
      reason: 'tls',
      count: 3,
      source: 'configuration',
    });
  });
});

it('says with which errors an upstream answers, and that it is over', () => {
  const state = new SharedUpstreamState();
  state.erred(4, Rcode.REFUSED);
  logConduct(log, { worse: [upstream], better: [] }, state);
  logConduct(log, { worse: [], better: [upstream] }, state);
  expect(fields[0]).toMatchObject({ rcode: 'REFUSED' });
  expect(lines).toEqual([
    'warn upstream 10.0.0.1:53 answers, but with errors only (REFUSED)',
    'info upstream 10.0.0.1:53 gives answers again',
  ]);
});

it('says that an upstream is slow, and that it is over', () => {
  const state = new SharedUpstreamState();
  state.measured(4, 1200, 0);
  logPace(log, { slower: [upstream], quicker: [] }, state);
  logPace(log, { slower: [], quicker: [upstream] }, state);
  expect(lines).toEqual([
    'warn upstream 10.0.0.1:53 is slow: it takes 1200 ms to answer',
    'info upstream 10.0.0.1:53 is no longer slow',
  ]);
});

it('says that an upstream is down, and for how long it was', () => {
  const change = { spec: upstream.spec, reason: 'timeout', downMs: 1234.5 };
  logHealthChange(log, { ...change, state: 'down' } as HealthChange);
  logHealthChange(log, { ...change, state: 'up' } as HealthChange);
  expect(lines).toEqual([
    'warn upstream 10.0.0.1:53 is down and out of use: timeout',
    'info upstream 10.0.0.1:53 is up again',
  ]);
  expect(fields[1]).toEqual({ upstream: '10.0.0.1:53', downMs: 1235 });
});
