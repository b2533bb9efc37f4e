import { beforeEach, expect, it } from 'vitest';
import { PipelineDepth } from '../../src/upstream/pipeline-depth.ts';

let depth: PipelineDepth;
beforeEach(() => {
  depth = new PipelineDepth();
});

it('allows four messages while nothing is known', () => {
  expect(depth.limit).toBe(4);
});

it.each([
  { gapMs: 100, limit: 4 },
  { gapMs: 10, limit: 10 },
  { gapMs: 3, limit: 33 },
  { gapMs: 0.1, limit: 64 },
  { gapMs: 0, limit: 64 },
])('gives a serial server what it answers in 100 ms: a gap of $gapMs ms allows $limit', ({
  gapMs,
  limit,
}) => {
  depth.gap(gapMs);
  expect(depth.limit).toBe(limit);
});

it('follows later gaps by a quarter', () => {
  depth.gap(10);
  depth.gap(30);
  expect(depth.limit).toBe(Math.floor(100 / 15));
});

it('allows 64 to a server that overtakes itself', () => {
  depth.gap(100);
  depth.overtaken();
  expect(depth.isConcurrent).toBe(true);
  expect(depth.limit).toBe(64);
});

it('treats a server as concurrent at the third query that it overtakes', () => {
  depth.passed(250, 125);
  depth.passed(250, 125);
  expect(depth.isConcurrent).toBe(false);
  depth.passed(250, 125);
  expect(depth.isConcurrent).toBe(true);
});

it.each([
  { earlierMs: 249, tookMs: 1, why: 'may have been the next in turn' },
  { earlierMs: 300, tookMs: 151, why: 'the answer took as long itself' },
])('does not count a pass where $why', ({ earlierMs, tookMs }) => {
  for (let i = 0; i < 10; i++) depth.passed(earlierMs, tookMs);
  expect(depth.isConcurrent).toBe(false);
});

it('recognizes a server with one answer per connection by its early close', () => {
  depth.closedEarly(0);
  depth.closedEarly(2);
  expect(depth.isSingle).toBe(false);
  depth.closedEarly(1);
  expect(depth.isSingle).toBe(true);
  depth.answered(1);
  expect(depth.isSingle).toBe(true);
  depth.answered(2);
  expect(depth.isSingle).toBe(false);
});
