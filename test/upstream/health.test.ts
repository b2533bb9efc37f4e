import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { FROM_CONFIGURATION, plainEndpoint } from '../../src/base/endpoint.ts';
import { RandomPool } from '../../src/base/random.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { FailureReason, type UpstreamQuery } from '../../src/upstream/exchange.ts';
import { type HealthChange, HealthChecker, type HealthSettings } from '../../src/upstream/health.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { specFor, Upstream, type UpstreamSpec } from '../../src/upstream/upstream.ts';
import { nameToText } from '../../src/wire/text.ts';
import type { Script } from '../kit/actions.ts';
import { withOtherCase, withoutQuestion } from '../kit/altered-answers.ts';
import { answer, errorAnswer } from '../kit/answers.ts';
import { freePort } from '../kit/free-port.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';

const SLOT = 3;
const INTERVAL_MS = 500;
const ROOT = { name: '.', type: 'NS' } as const;

function specOf(port: number, host = '127.0.0.1'): UpstreamSpec {
  return specFor(SLOT, { endpoint: plainEndpoint(host, port), origin: FROM_CONFIGURATION });
}

/** A server behind a clock that the test moves: what it is asked, and what becomes of that. */
class FakeServer {
  asked: string[] = [];
  askedAtMs: number[] = [];
  /** Ways to it that are open now. */
  open = 0;
  /** Called for each check: an answer, a failure, or nothing. */
  behave: (query: UpstreamQuery) => void = () => {};
  lastError = '';
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  readonly answer = (query: UpstreamQuery) => {
    query.exchange = null;
    query.owner!.onReply(query, query.bytes, query.length);
  };

  readonly fail = (reason: FailureReason) => (query: UpstreamQuery) => {
    query.exchange = null;
    query.owner!.onFailure(query, reason);
  };

  readonly way = async (): Promise<Upstream> => {
    this.open++;
    const way = {
      lastError: '',
      send: (query: UpstreamQuery) => {
        this.asked.push(nameToText(query.bytes, 12));
        this.askedAtMs.push(this.#clock.nowMs);
        way.lastError = this.lastError;
        query.exchange = { cancel: () => {} } as never;
        this.behave(query);
      },
      close: async () => {
        this.open--;
      },
    };
    return way as never;
  };
}

describe('HealthChecker', () => {
  let clock: ManualClock;
  let state: SharedUpstreamState;
  let server: FakeServer;
  let checker: HealthChecker;
  let changes: HealthChange[];
  let settings: HealthSettings;

  const start = (check: Parameters<HealthChecker['setUpstreams']>[0][0]['check'] = ROOT) => {
    checker = new HealthChecker({
      state,
      clock,
      settings,
      open: server.way,
      onChange: (change) => changes.push(change),
    });
    checker.setUpstreams([{ spec: specOf(53), check }]);
  };

  /** Lets time pass, with a look every 100 ms. */
  const pass = async (ms: number, each: () => void = () => {}) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      each();
      checker.look();
      // Ways are opened and closed.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  beforeEach(() => {
    clock = new ManualClock();
    state = new SharedUpstreamState();
    server = new FakeServer(clock);
    changes = [];
    settings = { intervalMs: INTERVAL_MS, maxFails: 2 };
    start();
  });

  afterEach(() => checker.stop());

  it('does not check an upstream without a cause', async () => {
    state.answered(SLOT);
    await pass(10_000);
    expect(server.asked).toEqual([]);
  });

  it('asks for the root after a failed question; an answer ends the doubt', async () => {
    server.behave = server.answer;
    state.doubt(SLOT);
    await pass(10_000);
    expect(server.asked).toEqual(['.']);
    expect(changes).toEqual([]);
    expect(server.open).toBe(0);
  });

  it('does not ask while clients are answered, however many of their questions fail', async () => {
    await pass(10_000, () => {
      state.answered(SLOT);
      state.doubt(SLOT);
    });
    expect(server.asked).toEqual([]);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
  });

  it('asks at most once an interval, however many questions fail', async () => {
    server.behave = server.answer;
    await pass(10_000, () => state.doubt(SLOT));
    expect(server.asked.length).toBeLessThanOrEqual(20);
    expect(server.asked.length).toBeGreaterThanOrEqual(15);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
  });

  it('makes a silent upstream suspect soon, and takes it out of use after two checks without an answer', async () => {
    state.doubt(SLOT);
    await pass(700);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.suspect);
    expect(changes).toEqual([]);
    await pass(3000);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.down);
    expect(changes).toMatchObject([{ state: 'down', reason: 'no answer in 2500 ms', downMs: 0 }]);
    expect(checker.reasonOf(SLOT)).toBe('no answer in 2500 ms');
  });

  it('does not count a silent check against an upstream that answers clients', async () => {
    state.doubt(SLOT);
    await pass(600);
    expect(server.asked.length).toBeGreaterThan(0);
    await pass(20_000, () => {
      state.answered(SLOT);
      state.doubt(SLOT);
    });
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    expect(changes).toEqual([]);
    expect(server.open).toBe(0);
  });

  it('says that a server is back once a client’s question is answered, even if checks stay silent', async () => {
    state.doubt(SLOT);
    await pass(5000);
    expect(changes).toHaveLength(1);
    // A worker's trial is answered.
    state.answered(SLOT);
    expect(state.isUp(SLOT)).toBe(true);
    await pass(200);
    expect(changes.map((change) => change.state)).toEqual(['down', 'up']);
  });

  it.each([
    ['3 s', 3_000],
    ['20 s', 20_000],
    ['10 minutes', 600_000],
  ])('notices within an interval that a server is back after %s', async (_, outageMs) => {
    state.doubt(SLOT);
    await pass(outageMs + 3100);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.down);
    // What it costs a dead server: one check an interval, a handful of them under way.
    expect(server.asked.length).toBeLessThanOrEqual((outageMs + 3100) / INTERVAL_MS + 1);
    expect(server.open).toBeLessThanOrEqual(6);
    server.behave = server.answer;
    const backMs = clock.nowMs;
    let upMs = Number.POSITIVE_INFINITY;
    await pass(1000, () => {
      if (state.stateOf(SLOT) === UpstreamState.up) upMs = Math.min(upMs, clock.nowMs);
    });
    // Looks come each 100 ms.
    expect(upMs - backMs).toBeLessThanOrEqual(INTERVAL_MS + 200);
    expect(changes.map((change) => change.state)).toEqual(['down', 'up']);
    expect(changes[1]!.downMs).toBeGreaterThanOrEqual(outageMs - 500);
  });

  it('gives a slow server its time, even after the next check has begun', async () => {
    const waiting: [number, UpstreamQuery][] = [];
    server.behave = (query) => waiting.push([clock.nowMs + 2000, query]);
    state.doubt(SLOT);
    await pass(10_000, () => {
      while (waiting.length > 0 && waiting[0]![0] <= clock.nowMs) server.answer(waiting.shift()![1]);
    });
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    expect(changes).toEqual([]);
  });

  it.each([
    [FailureReason.closed, 'closed by the server'],
    [FailureReason.protocol, 'closed by the server'],
  ])('takes one out that fails its own checks (%d)', async (reason, text) => {
    server.lastError = 'closed by the server';
    server.behave = server.fail(reason);
    state.doubt(SLOT);
    await pass(1200);
    expect(changes).toMatchObject([{ state: 'down', reason: text }]);
  });

  it.each([
    ['ENETUNREACH', 'network unreachable (ENETUNREACH): this machine has no route to it'],
    ['EHOSTUNREACH', 'host unreachable (EHOSTUNREACH): it is away, or a router on the way does not reach it'],
    ['ECONNREFUSED', 'connection refused (ECONNREFUSED): nobody listens there; check address and port'],
  ])('says what %s means', async (error, text) => {
    server.lastError = error;
    server.behave = server.fail(FailureReason.unreachable);
    state.suspect(SLOT);
    await pass(1200);
    expect(changes).toMatchObject([{ state: 'down', reason: text }]);
  });

  it('keeps the reason that a worker reported until the upstream answers', async () => {
    state.answered(SLOT);
    checker.blame(SLOT, 'its certificate has expired');
    await pass(200);
    expect(checker.reasonOf(SLOT)).toBe('its certificate has expired');
    state.answered(SLOT);
    expect(checker.reasonOf(SLOT)).toBe('');
  });

  it('does not count a lack of sockets here against any upstream', async () => {
    server.behave = server.fail(FailureReason.overload);
    state.doubt(SLOT);
    await pass(5000);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
  });

  it('checks a suspect until it answers', async () => {
    state.suspect(SLOT);
    server.behave = server.answer;
    await pass(200);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
  });

  it('with maxFails 0 checks no upstream, and leaves none suspect or down', async () => {
    checker.configure({ ...settings, maxFails: 0 });
    state.suspect(SLOT);
    state.doubt(SLOT);
    await pass(100);
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    await pass(10_000, () => state.doubt(SLOT));
    expect(server.asked).toEqual([]);
    expect(changes).toEqual([]);
  });

  it('asks for the name that the zone has configured', async () => {
    checker.stop();
    start({ name: 'check.corp.example', type: 'SOA' });
    state.doubt(SLOT);
    await pass(100);
    expect(server.asked).toEqual(['check.corp.example.']);
    checker.setUpstreams([{ spec: specOf(53), check: { name: 'other.example', type: 'A' } }]);
    state.suspect(SLOT);
    await pass(600);
    expect(server.asked.at(-1)).toBe('other.example.');
  });

  it('ignores silence after the thread stood still: the answer may wait to be read', async () => {
    let check: UpstreamQuery | null = null;
    server.behave = (query) => {
      check = query;
    };
    state.doubt(SLOT);
    await pass(100);
    clock.advance(60_000);
    checker.look();
    expect(state.stateOf(SLOT)).toBe(UpstreamState.up);
    server.answer(check!);
    await pass(5000);
    expect(changes).toEqual([]);
  });

  it('checks at once when told to', async () => {
    checker.configure({ ...settings, intervalMs: 3_600_000 });
    state.doubt(SLOT);
    await pass(20_000);
    expect(server.asked).toHaveLength(1);
    server.behave = server.answer;
    checker.checkNow();
    await pass(100);
    expect(server.asked).toHaveLength(2);
  });

  it('forgets an upstream whose slot another server got', async () => {
    state.doubt(SLOT);
    await pass(5000);
    state.resetUpstream(SLOT);
    checker.setUpstreams([{ spec: specOf(54), check: ROOT }]);
    await pass(5000);
    expect(changes.map((change) => change.state)).toEqual(['down']);
    expect(server.open).toBe(0);
  });

  it('reports nothing after stop(), and leaves nothing open', async () => {
    state.doubt(SLOT);
    await pass(200);
    checker.stop();
    await pass(5000);
    expect(server.open).toBe(0);
    expect(changes).toEqual([]);
  });

  it('checks on its own timer', async () => {
    checker.configure({ intervalMs: 5, maxFails: 2 });
    server.behave = server.answer;
    checker.start();
    state.suspect(SLOT);
    while (state.stateOf(SLOT) !== UpstreamState.up) await new Promise((resolve) => setTimeout(resolve, 2));
  });
});

describe('a check, asked of a real socket', () => {
  let server: ScriptedUpstream;
  let state: SharedUpstreamState;
  let checker: HealthChecker;
  let changes: HealthChange[];

  const start = async (spec: UpstreamSpec, check: { name: string; type: 'A' | 'NS' } = ROOT) => {
    const clock = new ManualClock();
    state = new SharedUpstreamState();
    changes = [];
    const counters = new Counters(createCounterBlock());
    checker = new HealthChecker({
      state,
      clock,
      settings: { intervalMs: 5, maxFails: 1 },
      open: (wanted) => Upstream.open(wanted, { random: new RandomPool(), clock, counters, sockets: 1 }),
      onChange: (change) => changes.push(change),
    });
    checker.setUpstreams([{ spec, check }]);
    state.suspect(SLOT);
    checker.look();
  };

  /** The state once the first check has been judged. */
  const judged = async (): Promise<UpstreamState> => {
    while (state.stateOf(SLOT) === UpstreamState.suspect)
      await new Promise((resolve) => setImmediate(resolve));
    return state.stateOf(SLOT);
  };

  afterEach(() => checker.stop());

  const ask = async (script: Script) => {
    server = await startScriptedUpstream(script);
    await start(specOf(server.port), { name: 'check.example', type: 'A' });
    const result = await judged();
    await server.close();
    return result;
  };

  it.each([0, 1, 2, 3, 4, 5])('treats RCODE %d as a sign of life', async (rcode) => {
    expect(await ask((query) => errorAnswer(query, rcode))).toBe(UpstreamState.up);
    expect(server.queries[0]).toMatchObject({ name: 'check.example', type: 'A', hasOpt: false });
  });

  it('accepts a name that comes back in another case', async () => {
    expect(await ask((query) => withOtherCase(answer(query)))).toBe(UpstreamState.up);
  });

  it('asks over TCP a server that answers with a bare header', async () => {
    expect(await ask((query) => withoutQuestion(errorAnswer(query, 5)))).toBe(UpstreamState.up);
    expect(server.queries.map((query) => query.transport)).toEqual(['udp', 'tcp']);
  });

  it('says that nobody listens', async () => {
    await start(specOf(await freePort()));
    expect(await judged()).toBe(UpstreamState.down);
    expect(changes[0]!.reason).toBe(
      'connection refused (ECONNREFUSED): nobody listens there; check address and port',
    );
  });

  it('holds it against the server when no socket toward it can be had, and says why', async () => {
    // The kernel lets nobody in without SO_BROADCAST. A network without a route is in the
    // laboratory.
    await start(specOf(53, '255.255.255.255'));
    expect(await judged()).toBe(UpstreamState.down);
    expect(changes[0]!.reason).toMatch(/^not permitted \(EACCES\): the firewall/);
  });
});
