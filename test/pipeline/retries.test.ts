// How a question is repeated: when, over what, in which dress, and what is learnt of the server by it.
import { describe, expect, it } from 'vitest';
import { type Attempt, Dress } from '../../src/pipeline/flight.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { answerTo } from '../cache/messages.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const SERVFAIL = 2;
const NOERROR = 0;
const REFUSED = 5;
const FORMERR = 1;

/** One upstream whose round trip is known to be short, and unloop before it. */
function start(): { upstream: FakeUpstream; f: PipelineFixture } {
  const upstream = new FakeUpstream(1);
  const f = new PipelineFixture({ zones: [['.', [upstream]]] });
  f.state.measured(1, 5);
  return { upstream, f };
}

/** TC. */
const truncated = (message: Uint8Array) => {
  message[2]! |= 0x02;
  return message;
};

const isTruncated = (answer: Uint8Array) => (answer[2]! & 0x02) !== 0;

/** What the owner of the last query says when one connection after the other is lost under it. */
const repeats = (upstream: FakeUpstream) => {
  const { query } = upstream.last();
  return [1, 2, 3].map(() => query.owner!.mayRepeat!(query));
};

const attemptOf = (upstream: FakeUpstream) => upstream.last().query as Attempt;

describe('the last round', () => {
  it('waits while the server is silent to everybody, then goes over TCP', () => {
    const { upstream, f } = start();
    f.ask(testQuery('outage.example').bytes);
    f.pass(1000);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, false]);
    f.pass(200);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, false, true]);
    f.pass(4000);
    expect(upstream.sent).toHaveLength(3);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
  });

  it('comes at once when the server answers others: the way loses datagrams', () => {
    const { upstream, f } = start();
    f.ask(testQuery('lost.example').bytes);
    const lost = new Set(upstream.waiting);
    f.ask(testQuery('other.example').bytes);
    upstream.reply();
    f.pass(500);
    expect(upstream.sent.filter(({ overStream }) => overStream)).toHaveLength(1);
    expect(lost.size).toBe(1);
    upstream.reply(() => answerTo(upstream.last().bytes.slice(0, upstream.last().query.questionEnd)));
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
  });

  it('falls back to a datagram where there is no TCP, once, and the server is not down for that', () => {
    const { upstream, f } = start();
    f.ask(testQuery('no-tcp.example').bytes);
    f.pass(1200);
    const doubts = f.state.doubts(1);
    upstream.fail(FailureReason.unreachable);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, false, true, false]);
    expect(f.state.doubts(1)).toBe(doubts);
    f.pass(1000);
    expect(upstream.sent).toHaveLength(4);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
  });
});

describe('a question over a stream', () => {
  it('leaves three times at most for each server, lost connections included (RFC 9520 §3.1)', () => {
    const upstreams = [new FakeUpstream(1, 'tcp'), new FakeUpstream(2, 'tcp')];
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    for (const name of ['first.example', 'second.example']) {
      f.ask(testQuery(name).bytes);
      for (let i = 0; i < upstreams.length; i++) {
        const asked = upstreams.find(({ waiting }) => waiting.size > 0)!;
        expect(repeats(asked)).toEqual([true, true, false]);
        asked.fail(FailureReason.closed);
      }
    }
    expect(f.client.rcodes).toEqual([SERVFAIL, SERVFAIL]);
    expect(upstreams.map(({ sent }) => sent.length)).toEqual([2, 2]);
  });

  it('goes on over datagrams when it has left three times', () => {
    const { upstream, f } = start();
    f.ask(testQuery('breaks.example').bytes);
    upstream.reply(truncated);
    expect(repeats(upstream)).toEqual([true, true, false]);
    f.pass(200);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, true, false]);
    upstream.reply(truncated);
    f.pass(1500);
    expect(upstream.sent.filter(({ overStream }) => overStream)).toHaveLength(1);
    f.pass(4000);
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(isTruncated(f.client.answers[0]!)).toBe(true);
  });
});

describe('a question that was missed', () => {
  it('is repeated over TCP', () => {
    const { upstream, f } = start();
    f.ask(testQuery('missed.example').bytes);
    upstream.last().query.missed = true;
    f.pass(200);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, true]);
    // Silence over datagrams says nothing of EDNS over TCP.
    expect(attemptOf(upstream).dress).toBe(Dress.tagged);
    // This server is not silent: there is nothing to wait for.
    f.pass(700);
    expect(upstream.sent).toHaveLength(3);
  });

  it('goes on over datagrams where TCP was refused, however suspicious they are', () => {
    const { upstream, f } = start();
    f.ask(testQuery('missed.example').bytes);
    const { query } = upstream.last();
    query.owner!.onSuspicious!(query);
    expect(upstream.last().overStream).toBe(true);
    upstream.fail(FailureReason.unreachable);
    expect(upstream.last().overStream).toBe(false);
    const again = upstream.last().query;
    again.missed = true;
    again.owner!.onSuspicious!(again);
    f.pass(1500);
    expect(upstream.sent.filter(({ overStream }) => overStream)).toHaveLength(1);
    expect(upstream.waiting.has(again)).toBe(true);
  });
});

it('TCP that is refused after TC does not take a server of datagrams out of use', () => {
  const { upstream, f } = start();
  for (let i = 0; i < 3; i++) f.ask(testQuery(`long${i}.example`).bytes);
  for (const { query, bytes } of [...upstream.sent]) {
    const reply = bytes.slice(0, query.questionEnd);
    reply[2]! |= 0x82; // QR, TC
    reply.fill(0, 6, 12);
    upstream.waiting.delete(query);
    query.exchange = null;
    query.owner!.onReply(query, reply, reply.length);
  }
  for (let i = 0; i < 3; i++) upstream.fail(FailureReason.unreachable);
  expect(f.client.rcodes).toEqual([NOERROR, NOERROR, NOERROR]);
  expect(f.client.answers.every(isTruncated)).toBe(true);
  expect(f.state.stateOf(1)).toBe(UpstreamState.up);
  // A server that is asked over TCP alone is judged by that: others are asked first. That it is down is for its checks to say.
  const stream = new FakeUpstream(2, 'tcp');
  f.route([['.', [stream]]]);
  f.ask(testQuery('tcp.example').bytes);
  stream.fail(FailureReason.unreachable);
  expect(f.state.stateOf(2)).toBe(UpstreamState.suspect);
});

describe('a server that never answered EDNS', () => {
  it('is asked plain in the second round alone: the others carry our tag', () => {
    const { upstream, f } = start();
    f.ask(testQuery('silent.example').bytes);
    f.pass(1200);
    expect(upstream.sent.map(({ query }) => (query as Attempt).dress)).toEqual([
      Dress.tagged,
      Dress.plain,
      Dress.tagged,
    ]);
  });

  it('is plain-only after three plain answers, not after one: datagrams get lost', () => {
    const { upstream, f } = start();
    for (let i = 0; i < 3; i++) {
      expect(f.state.isPlainOnly(1, f.clock.nowMs)).toBe(false);
      f.ask(testQuery(`n${i}.example`).bytes);
      expect(attemptOf(upstream).dress).toBe(Dress.tagged);
      f.pass(200);
      expect(attemptOf(upstream).dress).toBe(Dress.plain);
      upstream.reply();
    }
    expect(f.state.isPlainOnly(1, f.clock.nowMs)).toBe(true);
    f.ask(testQuery('plain.example').bytes);
    expect(attemptOf(upstream).dress).toBe(Dress.plain);
    upstream.reply();
    // For a while: answers in between do not make it longer.
    f.clock.advance(901_000);
    expect(f.state.isPlainOnly(1, f.clock.nowMs)).toBe(false);
  });

  it('is not taken for plain-only for plain errors', () => {
    const { upstream, f } = start();
    for (let i = 0; i < 5; i++) {
      f.ask(testQuery(`n${i}.example`).bytes);
      f.pass(200);
      upstream.refuse(i % 2 === 0 ? SERVFAIL : REFUSED);
    }
    f.ask(testQuery('formerr.example').bytes);
    upstream.refuse(FORMERR);
    upstream.refuse(FORMERR);
    upstream.refuse(SERVFAIL);
    expect(f.state.isPlainOnly(1, f.clock.nowMs)).toBe(false);
  });
});
