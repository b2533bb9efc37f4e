import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { type HealthChange, HealthChecker } from '../../src/upstream/health.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { Upstream, type UpstreamSpec } from '../../src/upstream/upstream.ts';
import {
  answer,
  errorAnswer,
  type ScriptedUpstream,
  servfail,
  startScriptedUpstream,
  withoutQuestion,
} from '../support/scripted-upstream.ts';
import { SkewedClock } from './skewed-clock.ts';

const SLOT = 3;
let server: ScriptedUpstream;
let spec: UpstreamSpec;
let state: SharedUpstreamState;
let clock: SkewedClock;
let checker: HealthChecker;
let changes: HealthChange[];
let opened: Map<number, Promise<Upstream>>;
/** Patience of checks: short only where no answer is coming. */
let patience: { timeoutMs: number };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The server answers no more. */
function fallSilent(): void {
  server.script = () => undefined;
  patience.timeoutMs = 40;
}

function specOf(text: string, port: number): UpstreamSpec {
  return { slot: SLOT, text, transport: 'udp', host: '127.0.0.1', port, serverName: '', path: '' };
}

/** Polls, and lets the check that this begins end. */
async function check(): Promise<void> {
  const { length } = server.queries;
  checker.poll();
  await until(() => server.queries.length > length);
  const upstream = await opened.get(SLOT)!;
  await until(() => upstream.inFlight === 0);
}

beforeEach(async () => {
  server = await startScriptedUpstream((query) => answer(query));
  spec = specOf(`127.0.0.1:${server.port}`, server.port);
  state = new SharedUpstreamState();
  clock = new SkewedClock();
  changes = [];
  opened = new Map();
  patience = { timeoutMs: 10_000 };
  const options = {
    state,
    clock,
    intervalMs: 500,
    maxFails: 2,
    get timeoutMs() {
      return patience.timeoutMs;
    },
    onChange: (change: HealthChange) => changes.push(change),
    open(wanted: UpstreamSpec) {
      const counters = new Counters(createCounterBlock());
      const upstream =
        opened.get(wanted.slot) ??
        Upstream.open(wanted, { random: new RandomPool(), clock, counters, sockets: 1 });
      opened.set(wanted.slot, upstream);
      return upstream;
    },
  };
  checker = new HealthChecker(options);
  checker.setUpstreams([spec]);
});

afterEach(async () => {
  checker.stop();
  for (const upstream of opened.values()) await (await upstream).close(true);
  await server.close();
});

describe('HealthChecker', () => {
  it('leaves an upstream alone that gives no cause', () => {
    checker.poll();
    expect(opened.size).toBe(0);
  });

  it('asks for the root after a failure; an answer makes it good', async () => {
    state.failed(SLOT);
    await check();
    expect(server.queries[0]).toMatchObject({ name: '.', type: 'NS' });
    expect(state.failures(SLOT)).toBe(0);
    expect(state.isUp(SLOT)).toBe(true);
    expect(changes).toEqual([]);
  });

  it('takes out a silent upstream after two failures in a row, queries counted', async () => {
    fallSilent();
    state.failed(SLOT);
    await check();
    expect(state.isUp(SLOT)).toBe(false);
    expect(changes).toEqual([{ spec, state: 'down', reason: 'no answer in 40 ms', downMs: 0 }]);
  });

  it('takes a check that was lost while queries are answered for no failure', async () => {
    state.failed(SLOT);
    state.failed(SLOT);
    patience.timeoutMs = 400;
    server.script = () => {
      state.measured(SLOT, 5);
      return undefined;
    };
    await check();
    expect(state.isUp(SLOT)).toBe(true);
    expect(state.failures(SLOT)).toBe(2);
    expect(changes).toEqual([]);
  });

  it('brings it back at the first answer, and says how long it was away', async () => {
    state.setState(SLOT, UpstreamState.down);
    fallSilent();
    await check();
    server.script = (query) => answer(query);
    patience.timeoutMs = 10_000;
    clock.skip(2000);
    await check();
    expect(state.isUp(SLOT)).toBe(true);
    expect(state.failures(SLOT)).toBe(0);
    expect(changes.map((change) => change.state)).toEqual(['down', 'up']);
    expect(changes[1]!.downMs).toBeGreaterThanOrEqual(2000);
  });

  it('reports an upstream that a worker took out', () => {
    state.setState(SLOT, UpstreamState.down);
    checker.poll();
    expect(changes).toMatchObject([{ state: 'down', reason: 'queries found it unreachable' }]);
  });

  it('takes SERVFAIL for a failure', async () => {
    server.script = servfail;
    state.failed(SLOT);
    await check();
    expect(state.isUp(SLOT)).toBe(false);
    expect(changes).toMatchObject([{ reason: 'it answers SERVFAIL' }]);
  });

  it.each([1, 3, 4, 5])('takes RCODE %d for a sign of life', async (rcode) => {
    server.script = (query) => errorAnswer(query, rcode);
    state.failed(SLOT);
    state.setState(SLOT, UpstreamState.down);
    await check();
    expect(state.isUp(SLOT)).toBe(true);
  });

  it('asks over TCP a server that answers with a bare header', async () => {
    server.script = (query) => withoutQuestion(errorAnswer(query, 5));
    state.setState(SLOT, UpstreamState.down);
    checker.poll();
    await until(() => changes.length === 2);
    expect(changes[1]!.state).toBe('up');
    expect(server.queries.map((query) => query.transport)).toEqual(['udp', 'tcp']);
  });

  it('says why nobody could be reached', async () => {
    await server.close();
    state.failed(SLOT);
    checker.poll();
    await until(() => changes.length === 1);
    expect(changes[0]!.reason).toBe('unreachable: ECONNREFUSED');
  });

  it('checks a dead server ever less often, but at least every 5 s', async () => {
    fallSilent();
    state.setState(SLOT, UpstreamState.down);
    const pauses: number[] = [];
    await check();
    for (let round = 0; round < 6; round++) {
      let pauseMs = 0;
      const { length } = server.queries;
      const upstream = await opened.get(SLOT)!;
      while (upstream.inFlight === 0) {
        clock.skip(250);
        pauseMs += 250;
        checker.poll();
        await Promise.resolve();
        await Promise.resolve();
      }
      pauses.push(pauseMs);
      await until(() => server.queries.length > length && upstream.inFlight === 0);
    }
    // In steps of 250 ms, and the real time passes as well.
    expect(pauses[0]).toBeLessThanOrEqual(500);
    expect(pauses.at(-1)).toBeLessThanOrEqual(5000);
    expect(pauses.at(-1)).toBeGreaterThan(4 * pauses[0]!);
    expect(changes.length).toBe(1);
  });

  it('forgets an upstream whose slot another server got', async () => {
    state.setState(SLOT, UpstreamState.down);
    checker.poll();
    state.resetUpstream(SLOT);
    checker.setUpstreams([specOf('192.0.2.1:53', 53)]);
    checker.poll();
    expect(changes.map((change) => change.state)).toEqual(['down']);
  });

  it('tells nothing after stop()', async () => {
    server.script = () => undefined;
    state.failed(SLOT);
    checker.poll();
    await server.received(1);
    const upstream = await opened.get(SLOT)!;
    checker.stop();
    expect(upstream.inFlight).toBe(0);
    expect(changes).toEqual([]);
  });

  it('polls by itself at its interval', async () => {
    checker.configure(5, 2);
    checker.start();
    state.setState(SLOT, UpstreamState.down);
    await until(() => changes.length === 2);
    expect(state.isUp(SLOT)).toBe(true);
  });
});
