// Several upstreams are asked at once: the first good answer is used, and the others cost nobody
// anything.
import { expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** As many upstreams, of which `race` are asked at once. */
function start(count: number, race: number, isRanked = false) {
  const upstreams = Array.from({ length: count }, (_, i) => new FakeUpstream(i + 1));
  const f = new PipelineFixture({ zones: [['.', upstreams]], race, isRanked });
  const sent = () => upstreams.map((upstream) => upstream.sent.length);
  return { f, upstreams, sent };
}

it('asks so many at once, and the first answer is given', () => {
  const { f, upstreams, sent } = start(4, 3);
  f.ask(testQuery('www.example').bytes);
  expect(sent()).toEqual([1, 1, 1, 0]);
  upstreams[1]!.reply();
  expect(f.client.rcodes).toEqual([NOERROR]);
  f.ask(testQuery('www.example').bytes);
  expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
  expect(sent()).toEqual([1, 1, 1, 0]);
});

it('takes the answers that come later as signs of life, and for nothing else', () => {
  const { f, upstreams } = start(2, 2);
  f.ask(testQuery('www.example').bytes);
  upstreams[0]!.reply();
  expect(upstreams[1]!.reply()).toBe(true);
  expect(f.state.answers(2)).toBe(1);
  expect(f.client.answers).toHaveLength(1);
  expect(f.pipeline.flights.inUse).toBe(0);
  const { values } = f.counters;
  expect([values[Counter.upstreamMismatches], values[Counter.hedgesSent], values[Counter.hedgesWon]]).toEqual(
    [0, 0, 0],
  );
});

it.each([0, 1])('waits for the other one when number %i answers with an error', (failing) => {
  const { f, upstreams, sent } = start(2, 2);
  f.ask(testQuery('www.example').bytes);
  const other = upstreams[1 - failing]!;
  while (upstreams[failing]!.waiting.size > 0) upstreams[failing]!.refuse(SERVFAIL);
  expect(f.client.rcodes).toEqual([]);
  expect(other.waiting.size).toBe(1);
  other.reply();
  expect(f.client.rcodes).toEqual([NOERROR]);
  expect(sent()[1 - failing]).toBe(1);
});

it('has as many messages left as without a race', () => {
  const { f, sent } = start(2, 2);
  f.ask(testQuery('www.example').bytes);
  f.pass(1790);
  expect(sent().reduce((a, b) => a + b)).toBe(4);
  f.pass(10);
  expect(f.client.rcodes).toEqual([SERVFAIL]);
});

it('leaves out one that is down, and notices one that is silent', () => {
  const { f, upstreams, sent } = start(2, 2);
  const doubts = f.state.doubts(2);
  f.ask(testQuery('a.example').bytes);
  upstreams[0]!.reply();
  expect(f.state.doubts(2)).toBe(doubts);
  f.pass(3100);
  expect(f.state.doubts(2)).toBe(doubts + 1);
  f.state.setState(2, UpstreamState.down);
  f.ask(testQuery('b.example').bytes);
  expect(sent()).toEqual([2, 1]);
});

it('takes NXDOMAIN for an answer', () => {
  const { f, upstreams } = start(2, 2);
  f.ask(testQuery('gone.example').bytes);
  while (upstreams[1]!.waiting.size > 0) upstreams[1]!.refuse(NXDOMAIN);
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
});

it('does not race where one upstream stands in for another', () => {
  const { f, sent } = start(2, 2, true);
  f.ask(testQuery('www.example').bytes);
  expect(sent()).toEqual([1, 0]);
});
