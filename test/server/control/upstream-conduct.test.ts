import { beforeEach, expect, it } from 'vitest';
import { Counters, CounterTotals, createCounterBlock } from '../../../src/metrics/counters.ts';
import { UpstreamConduct } from '../../../src/server/control/upstream-conduct.ts';
import type { RegisteredUpstream } from '../../../src/server/control/upstream-registry.ts';
import { FailureReason } from '../../../src/upstream/exchange.ts';

const SLOT = 2;
let totals: CounterTotals;
let counters: Counters;
let conduct: UpstreamConduct;

const upstream = (key: string) => ({ spec: { slot: SLOT, key } }) as RegisteredUpstream;
const look = (key = 'udp://192.0.2.1:53#') => {
  const { worse, better } = conduct.look([upstream(key)]);
  return [worse.length, better.length];
};
const answers = (count: number, errors: number) => {
  for (let i = 0; i < count; i++) {
    counters.upstreamRequest(SLOT);
    counters.upstreamDuration(SLOT, 1);
    if (i < errors) counters.upstreamFailure(SLOT, FailureReason.rcode);
  }
};

beforeEach(() => {
  totals = new CounterTotals();
  const block = createCounterBlock();
  counters = new Counters(block);
  totals.add(block);
  conduct = new UpstreamConduct(totals);
});

it('distinguishes upstreams that were not asked or not heard from those that answer', () => {
  look();
  expect(conduct.conditionOf(SLOT)).toBe('unasked');
  counters.upstreamRequest(SLOT);
  expect(conduct.conditionOf(SLOT)).toBe('unheard');
  answers(1, 0);
  expect(conduct.conditionOf(SLOT)).toBe('answers');
});

it('reports once an upstream that answers with errors only, and when that is over', () => {
  answers(4, 4);
  expect(look()).toEqual([0, 0]);
  expect(conduct.conditionOf(SLOT)).toBe('answers');
  answers(4, 4);
  expect(look()).toEqual([1, 0]);
  expect(conduct.conditionOf(SLOT)).toBe('degraded');
  answers(100, 100);
  expect(look()).toEqual([0, 0]);
  answers(100, 99);
  expect(look()).toEqual([0, 1]);
  expect(conduct.conditionOf(SLOT)).toBe('answers');
});

it('is not misled by errors among answers', () => {
  for (let i = 0; i < 20; i++) {
    answers(10, 9);
    expect(look()).toEqual([0, 0]);
  }
});

it('starts over for another upstream in the same slot', () => {
  answers(10, 10);
  expect(look()).toEqual([1, 0]);
  totals.restartUpstream(SLOT);
  expect(look('udp://192.0.2.2:53#')).toEqual([0, 0]);
  expect(conduct.conditionOf(SLOT)).toBe('unasked');
});
