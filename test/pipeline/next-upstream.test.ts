// Servers that do not know the same names (forward.next): after "no such name" the next one is
// asked, and only all of them together deny a name.
import { beforeEach, expect, it } from 'vitest';
import type { NextAfter } from '../../src/config/config.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { readAnswer } from '../kit/dns-client.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
/** An answer without records. */
const NODATA = NOERROR;
const AAAA = 28;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const REFUSED = 5;

let upstreams: FakeUpstream[];
let f: PipelineFixture;

function start(next: readonly NextAfter[], count = 2): void {
  upstreams = Array.from({ length: count }, (_, i) => new FakeUpstream(i + 1));
  f = new PipelineFixture({ zones: [['.', upstreams]], isRanked: true, zoneParts: { next } });
}

beforeEach(() => start(['NXDOMAIN']));

/** A doubtful denial is asked for once more, with fewer marks. */
function deny(number: number, rcode = NXDOMAIN): void {
  const upstream = upstreams[number]!;
  while (upstream.waiting.size > 0) upstream.refuse(rcode);
}

const sentTo = () => upstreams.map((upstream) => upstream.waiting.size);

it('asks the next one, whose answer is given and kept', () => {
  f.ask(testQuery('www.example').bytes);
  deny(0);
  expect([f.client.rcodes, sentTo()]).toEqual([[], [0, 1]]);
  upstreams[1]!.reply();
  expect(f.client.rcodes).toEqual([NOERROR]);
  f.ask(testQuery('www.example').bytes);
  expect(readAnswer(Buffer.from(f.client.answers[1]!))).toMatchObject({ rcode: NOERROR });
  expect(sentTo()).toEqual([0, 0]);
});

it('says so when all have said so, of four', () => {
  start(['NXDOMAIN'], 4);
  f.configure({ marks: { tag: 'never', case: false } });
  f.ask(testQuery('gone.example').bytes);
  for (let number = 0; number < 4; number++) {
    expect(f.client.rcodes).toEqual([]);
    deny(number);
  }
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
  expect(f.pipeline.flights.inUse).toBe(0);
});

it('takes NODATA for the answer unless it is listed', () => {
  f.ask(testQuery('www.example').bytes);
  deny(0, NODATA);
  expect(f.client.rcodes).toEqual([NOERROR]);
  start(['NXDOMAIN', 'NODATA']);
  f.ask(testQuery('www.example').bytes);
  deny(0, NODATA);
  expect(f.client.rcodes).toEqual([]);
  deny(1, NODATA);
  expect(f.client.rcodes).toEqual([NOERROR]);
});

it('NODATA of one says that the name exists, whatever the others say: no other type is denied', () => {
  start(['NXDOMAIN', 'NODATA']);
  f.ask(testQuery('www.example', { type: AAAA }).bytes);
  deny(0, NODATA);
  deny(1, NXDOMAIN);
  expect(f.client.rcodes).toEqual([NOERROR]);
  f.ask(testQuery('www.example').bytes);
  upstreams[0]!.reply();
  expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
});

it('a server that refuses a name does not know it, either', () => {
  f.ask(testQuery('gone.example').bytes);
  deny(0, REFUSED);
  deny(1);
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
});

it('asks four at most, of however many', () => {
  start(['NXDOMAIN'], 9);
  f.configure({ marks: { tag: 'never', case: false } });
  f.ask(testQuery('gone.example').bytes);
  for (let number = 0; number < 4; number++) deny(number);
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
});

it('remembers for a while that a name cannot be denied', () => {
  f.state.setState(2, UpstreamState.down);
  f.ask(testQuery('gone.example').bytes);
  deny(0);
  f.pass(1800);
  const before = upstreams[0]!.sent.length;
  f.ask(testQuery('gone.example').bytes);
  expect(f.client.rcodes).toEqual([SERVFAIL, SERVFAIL]);
  expect(upstreams[0]!.sent).toHaveLength(before);
});

it.each([
  ['refuses', () => deny(1, REFUSED), REFUSED],
  ['is silent', () => f.pass(1800), SERVFAIL],
])('never denies a name of which the other one %s', (_, act, rcode) => {
  f.ask(testQuery('www.example').bytes);
  deny(0);
  act();
  // Asked again after the silence of the other, the first one denies it again.
  deny(0);
  f.pass(1800);
  expect(f.client.rcodes).toEqual([rcode]);
});

it('nor one of which the other one is known to be down', () => {
  f.state.setState(2, UpstreamState.down);
  f.ask(testQuery('www.example').bytes);
  deny(0);
  f.pass(1800);
  expect(f.client.rcodes).toEqual([SERVFAIL]);
});

it('counts no denial as a failure of its server', () => {
  f.ask(testQuery('www.example').bytes);
  deny(0);
  upstreams[1]!.reply();
  expect(f.state.answers(1)).toBeGreaterThan(0);
  expect(f.state.doubts(1)).toBe(0);
});
