import { beforeEach, describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';
import type { Policy } from '../../src/config/config.ts';
import { MAX_CANDIDATES, Selection } from '../../src/upstream/selection.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { Trials } from '../../src/upstream/trials.ts';

/** Upstream i stands in slot 10 + i, its route in slot 20 + i. */
/** Clients, by their hashes. */
const ME = 1;
const OTHER = 2;
const SLOT = 10;
const ROUTE = 20;
let state: SharedUpstreamState;

function create(policy: Policy, count: number): Selection {
  const indices = Array.from({ length: count }, (_, i) => i);
  return new Selection(
    policy,
    indices.map((i) => SLOT + i),
    indices.map((i) => ROUTE + i),
    state,
    new RandomPool(),
  );
}

function picks(selection: Selection, times: number, tried = 0): number[] {
  return Array.from({ length: times }, () => selection.pick(tried));
}

function countOf(values: readonly number[], value: number): number {
  return values.filter((other) => other === value).length;
}

function down(index: number): void {
  state.setState(SLOT + index, UpstreamState.down);
}

beforeEach(() => {
  state = new SharedUpstreamState();
});

describe('Selection', () => {
  describe.each(['random', 'roundRobin', 'sequential', 'fastest'] as const)('by %s', (policy) => {
    it('skips what is down, quarantined or tried', () => {
      const selection = create(policy, 4);
      down(0);
      state.setQuarantined(ROUTE + 1, true);
      expect(new Set(picks(selection, 100, 1 << 2))).toEqual(new Set([3]));
      expect(selection.pick((1 << 2) | (1 << 3))).toBe(-1);
    });

    it('finds none among none', () => {
      expect(create(policy, 0).pick(0)).toBe(-1);
    });

    it('reaches the last of the most upstreams there may be', () => {
      const selection = create(policy, MAX_CANDIDATES);
      const last = MAX_CANDIDATES - 1;
      expect(selection.pick((1 << last) - 1)).toBe(last);
      expect(selection.pick(2 ** MAX_CANDIDATES - 1)).toBe(-1);
    });
  });

  it('by random: asks each equally often', () => {
    const chosen = picks(create('random', 4), 8000);
    // 2000 ± 39 (σ): ten of them are never passed.
    for (let i = 0; i < 4; i++) expect(Math.abs(countOf(chosen, i) - 2000)).toBeLessThan(400);
  });

  it('by roundRobin: takes the usable ones in turn', () => {
    const selection = create('roundRobin', 4);
    const starts = (times: number) =>
      Array.from({ length: times }, () => {
        const index = selection.pick(0);
        selection.passTurn(index);
        return index;
      });
    expect(starts(5)).toEqual([0, 1, 2, 3, 0]);
    down(2);
    expect(starts(4)).toEqual([1, 3, 0, 1]);
  });

  it('by roundRobin: a look for another one uses no turn', () => {
    const selection = create('roundRobin', 3);
    expect(picks(selection, 2)).toEqual([0, 0]);
    selection.passTurn(0);
    expect(picks(selection, 2, 1 << 1)).toEqual([2, 2]);
    expect(selection.pick(0)).toBe(1);
  });

  it('by sequential: uses the first while it is usable', () => {
    const selection = create('sequential', 3);
    expect(picks(selection, 3)).toEqual([0, 0, 0]);
    down(0);
    expect(picks(selection, 2)).toEqual([1, 1]);
    expect(selection.pick(1 << 1)).toBe(2);
  });

  it('by fastest: mostly the fastest, and now and then another', () => {
    state.measured(SLOT + 0, 20, 0);
    state.measured(SLOT + 1, 5, 0);
    state.measured(SLOT + 2, 50, 0);
    const chosen = picks(create('fastest', 3), 3000);
    // One in 20 goes to any of three: 100 to the two others, σ 9.8.
    const others = countOf(chosen, 0) + countOf(chosen, 2);
    expect(others).toBeGreaterThan(10);
    expect(others).toBeLessThan(300);
  });

  it('by fastest: measures unmeasured ones first', () => {
    state.measured(SLOT + 0, 1, 0);
    const chosen = picks(create('fastest', 3), 1000);
    expect(countOf(chosen, 0)).toBeLessThan(100);
    expect(countOf(chosen, 1)).toBeGreaterThan(300);
    expect(countOf(chosen, 2)).toBeGreaterThan(300);
  });

  it('asks a suspect upstream only when there is no other', () => {
    const selection = create('random', 2);
    state.suspect(SLOT + 0);
    expect(new Set(picks(selection, 100))).toEqual(new Set([1]));
    expect(selection.pick(1 << 1)).toBe(0);
    state.answered(SLOT + 0);
    expect(new Set(picks(selection, 100))).toEqual(new Set([0, 1]));
  });

  it.each([
    'sequential',
    'fastest',
  ] as const)('by %s: questions that come to nothing steer nobody', (policy) => {
    const selection = create(policy, 2);
    state.measured(SLOT + 0, 1, 0);
    state.measured(SLOT + 1, 100, 0);
    for (let i = 0; i < 1000; i++) state.doubt(SLOT + 0);
    expect(countOf(picks(selection, 1000), 0)).toBeGreaterThan(900);
  });

  describe('when all are down', () => {
    it('tries any of them, but none that loops, none twice, and only a bounded number at a time', () => {
      const selection = create('sequential', 3);
      const trials = new Trials();
      down(0);
      down(1);
      down(2);
      state.setQuarantined(ROUTE + 2, true);
      expect(selection.pick(0)).toBe(-1);
      const tried = new Set(Array.from({ length: 100 }, () => selection.pickTrial(0, trials, ME)));
      expect(tried).toEqual(new Set([0, 1]));
      expect(selection.pickTrial(1 << 0, trials, ME)).toBe(1);
      expect(selection.pickTrial(0b11, trials, ME)).toBe(-1);
      const fill = (slot: number, client: number) => {
        let count = 0;
        for (; trials.hasRoom(slot, client); count++) trials.begin(slot, client);
        return count;
      };
      // One client leaves as much to others as it has.
      expect(fill(SLOT + 0, ME)).toBe(32);
      expect(selection.pickTrial(1 << 1, trials, OTHER)).toBe(0);
      expect(fill(SLOT + 0, OTHER)).toBe(16);
      expect(selection.pickTrial(0, trials, ME)).toBe(1);
      fill(SLOT + 1, ME);
      expect(selection.pickTrial(0, trials, ME)).toBe(-1);
      trials.end(SLOT + 0, OTHER);
      expect(selection.pickTrial(1 << 1, trials, OTHER)).toBe(0);
      expect(selection.isOutage()).toBe(true);
      expect(selection.allDown()).toBe(true);
    });

    it('but tries none while another is up, whether it was tried or not', () => {
      const selection = create('sequential', 2);
      down(0);
      expect(selection.pickTrial(1 << 1, new Trials(), ME)).toBe(-1);
      expect(selection.isOutage()).toBe(false);
      state.suspect(SLOT + 1);
      expect(selection.pickTrial(1 << 1, new Trials(), ME)).toBe(-1);
      expect(selection.isOutage()).toBe(true);
    });
  });

  it('has a down or suspect upstream asked alongside another, at most twice a second', () => {
    const selection = create('sequential', 3);
    const trials = new Trials();
    const alongside = (nowMs: number) => selection.pickTrialAlongside(selection.pick(0), trials, ME, nowMs);
    expect(alongside(1000)).toBe(-1);
    down(0);
    expect(alongside(1000)).toBe(0);
    expect(alongside(1400)).toBe(-1);
    expect(alongside(1500)).toBe(0);
    state.suspect(SLOT + 2);
    expect(alongside(1600)).toBe(2);
    state.setQuarantined(ROUTE + 0, true);
    expect(alongside(2050)).toBe(-1);
  });

  it('knows when all are quarantined', () => {
    const selection = create('random', 2);
    state.setQuarantined(ROUTE + 0, true);
    expect(selection.allQuarantined()).toBe(false);
    state.setQuarantined(ROUTE + 1, true);
    expect(selection.allQuarantined()).toBe(true);
    expect(create('random', 0).allQuarantined()).toBe(false);
  });

  it('rejects more upstreams than it can distinguish', () => {
    expect(() => create('random', MAX_CANDIDATES + 1)).toThrow(RangeError);
  });
});
