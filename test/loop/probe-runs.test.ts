import { beforeEach, describe, expect, it } from 'vitest';
import { PROBE_LIFETIME_MS } from '../../src/loop/probe.ts';
import {
  PROBE_GRACE_MS,
  PROBE_PATIENCE_MS,
  PROBE_TRIES,
  ProbeRuns,
  RUNS_AT_ONCE,
} from '../../src/loop/probe-runs.ts';

describe('probe runs', () => {
  let nextNonce = 0;
  let sent: [route: number, nonce: number][] = [];
  let outcomes: [route: number, outcome: string][] = [];
  let runs: ProbeRuns;

  beforeEach(() => {
    nextNonce = 100;
    sent = [];
    outcomes = [];
    runs = new ProbeRuns({
      nonce: () => nextNonce++,
      send: (route, nonce) => sent.push([route, nonce]),
      onOutcome: (route, outcome) => outcomes.push([route, outcome]),
    });
  });

  const tickUntil = (fromMs: number, untilMs: number): void => {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 50) runs.tick(nowMs);
  };

  it('send three probes, each with a name of its own, before silence is believed', () => {
    expect(runs.start(1, 0)).toBe(true);
    tickUntil(0, PROBE_TRIES * PROBE_PATIENCE_MS - 50);
    expect(sent).toEqual([
      [1, 100],
      [1, 101],
      [1, 102],
    ]);
    expect(outcomes).toEqual([]);
    tickUntil(PROBE_TRIES * PROBE_PATIENCE_MS, 60_000);
    expect(outcomes).toEqual([[1, 'silent']]);
    expect(runs.sent).toBe(PROBE_TRIES);
  });

  it('that are in flight are not started again', () => {
    expect(runs.start(1, 0)).toBe(true);
    expect(runs.start(1, 10)).toBe(true);
    tickUntil(50, 1200);
    expect(sent.length).toBe(2);
    expect(runs.start(1, 1200)).toBe(true);
    expect(sent.length).toBe(2);
    runs.replied(1, 101, 1210);
    tickUntil(1250, 1600);
    expect(outcomes).toEqual([[1, 'clean']]);
    expect(runs.start(1, 1600)).toBe(true);
    expect(sent.length).toBe(3);
  });

  it(`begin ${RUNS_AT_ONCE} times at once; one more that is asked for then begins when a second is over`, () => {
    for (let i = 0; i < RUNS_AT_ONCE; i++) {
      runs.request(1, i);
      runs.replied(1, 100 + i, i);
      runs.returned(1, 100 + i, i);
    }
    expect(sent.length).toBe(RUNS_AT_ONCE);
    expect(runs.start(1, 10)).toBe(false);
    runs.request(1, 10);
    tickUntil(50, 950);
    expect(sent.length).toBe(RUNS_AT_ONCE);
    tickUntil(1000, 1050);
    expect(sent.length).toBe(RUNS_AT_ONCE + 1);
    runs.returned(1, 103, 1060);
    tickUntil(1100, 10_000);
    expect(sent.length).toBe(RUNS_AT_ONCE + 1);
  });

  it('whose probe was answered before the next request decide nothing: another probe is sent', () => {
    runs.request(1, 0);
    runs.replied(1, 100, 5);
    runs.request(1, 50);
    expect(sent.map(([, nonce]) => nonce)).toEqual([100, 101]);
    // The same for a probe that is out, and passes before the loop begins.
    runs.request(1, 60);
    expect(sent.length).toBe(2);
    runs.replied(1, 101, 70);
    expect(sent.length).toBe(3);
    expect(runs.returned(1, 102, 80)).toBe(true);
    tickUntil(100, 10_000);
    expect(sent.length).toBe(3);
    expect(outcomes).toEqual([]);
  });

  it('succeed a moment after an answer, without further probes', () => {
    runs.start(1, 0);
    runs.replied(1, 100, 30);
    tickUntil(30, 30 + PROBE_GRACE_MS - 50);
    expect(outcomes).toEqual([]);
    tickUntil(30 + PROBE_GRACE_MS, 10_000);
    expect(outcomes).toEqual([[1, 'clean']]);
    expect(sent.length).toBe(1);
  });

  it('are not ended by replies to other probes, nor restarted by late ones', () => {
    runs.replied(7, 100, 0);
    runs.start(1, 0);
    runs.replied(1, 999, 30);
    tickUntil(50, 5000);
    expect(outcomes).toEqual([[1, 'silent']]);
    runs.replied(1, 102, 5010);
    tickUntil(5050, 10_000);
    expect(outcomes).toEqual([[1, 'silent']]);
    expect(sent.length).toBe(PROBE_TRIES);
  });

  it('wait only once, however often they are answered', () => {
    runs.start(1, 0);
    runs.replied(1, 100, 30);
    runs.replied(1, 100, 200);
    tickUntil(200, 30 + PROBE_GRACE_MS + 50);
    expect(outcomes).toEqual([[1, 'clean']]);
  });

  it('end without an outcome when the probe comes back, even after its answer', () => {
    runs.start(1, 0);
    runs.replied(1, 100, 30);
    expect(runs.returned(1, 100, 60)).toBe(true);
    tickUntil(60, 10_000);
    expect(outcomes).toEqual([]);
    expect(sent.length).toBe(1);
  });

  it('recognize a probe that comes back late, and no other', () => {
    runs.start(1, 0);
    runs.replied(1, 100, 30);
    tickUntil(50, 5000);
    expect(runs.returned(1, 100, 5000)).toBe(true);
    expect(runs.returned(1, 999, 5000)).toBe(false);
    expect(runs.returned(2, 100, 5000)).toBe(false);
    expect(runs.returned(1, 100, PROBE_LIFETIME_MS + 1)).toBe(false);
  });

  it('begin at most once a second in the long run, however often they are requested', () => {
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
      runs.start(1, nowMs);
      runs.replied(1, nextNonce - 1, nowMs);
      runs.tick(nowMs);
    }
    expect(sent.length).toBe(10 + RUNS_AT_ONCE - 1);
  });

  it('are removed with their route', () => {
    runs.start(1, 0);
    runs.forget(1);
    tickUntil(0, 10_000);
    expect(outcomes).toEqual([]);
    expect(runs.returned(1, 100, 10)).toBe(false);
  });

  it('remember the last 32 probes of a route and no more', () => {
    let nowMs = 0;
    while (runs.sent < 33) {
      runs.start(1, nowMs);
      nowMs += PROBE_PATIENCE_MS;
      runs.tick(nowMs);
    }
    expect(sent.at(-1)).toEqual([1, 132]);
    expect(nowMs).toBeLessThan(PROBE_LIFETIME_MS);
    expect(runs.returned(1, 100, nowMs)).toBe(false);
    expect(runs.returned(1, 101, nowMs)).toBe(true);
  });
});
