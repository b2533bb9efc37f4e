import { expect, it } from 'vitest';
import { MAX_UPSTREAMS } from '../../src/base/slots.ts';
import { Trials } from '../../src/upstream/trials.ts';

const LAST_SLOT = MAX_UPSTREAMS - 1;

/** Begins trials until there is no more room; how many. */
function fill(trials: Trials, slot: number, clientHash: number): number {
  let count = 0;
  for (; trials.hasRoom(slot, clientHash); count++) trials.begin(slot, clientHash);
  return count;
}

it('leaves as much to others as one client takes', () => {
  const trials = new Trials();
  expect(fill(trials, LAST_SLOT, 1)).toBe(32);
  expect(fill(trials, LAST_SLOT, 2)).toBe(16);
  expect(fill(trials, LAST_SLOT, 3)).toBe(8);
});

it('never has more than 64 in flight, however many clients ask', () => {
  const trials = new Trials();
  let count = 0;
  for (let client = 0; client < 1000; client++) count += fill(trials, 0, client);
  expect(count).toBe(64);
});

it('counts each upstream for itself', () => {
  const trials = new Trials();
  fill(trials, 0, 1);
  expect(fill(trials, 1, 1)).toBe(32);
});

it('distinguishes clients by all 32 bits, negative hashes too', () => {
  const trials = new Trials();
  fill(trials, 1, -1);
  expect(trials.hasRoom(1, -1)).toBe(false);
  expect(trials.hasRoom(1, 0x7fff_ffff)).toBe(true);
  expect(trials.hasRoom(2, -1)).toBe(true);
});

it('has room again when a trial ends', () => {
  const trials = new Trials();
  fill(trials, 0, 1);
  trials.end(0, 1);
  expect(fill(trials, 0, 1)).toBe(1);
  for (let i = 0; i < 32; i++) trials.end(0, 1);
  expect(fill(trials, 0, 1)).toBe(32);
});

it('gives each upstream a turn twice a second', () => {
  const trials = new Trials();
  expect(trials.takeTurn(0, 1, 1000)).toBe(true);
  expect(trials.takeTurn(0, 1, 1499)).toBe(false);
  expect(trials.takeTurn(1, 1, 1499)).toBe(true);
  expect(trials.takeTurn(0, 1, 1500)).toBe(true);
});

it('keeps the turn for another client when one has no room', () => {
  const trials = new Trials();
  fill(trials, 0, 1);
  expect(trials.takeTurn(0, 1, 1000)).toBe(false);
  expect(trials.takeTurn(0, 2, 1000)).toBe(true);
});
