// How a question is repeated: when, over what, and how often. With which marks, and what is learned
// of the server by it: marks.test.ts.
import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/pipeline/pending/attempt.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { ALL_MARKS, Mark } from '../../src/upstream/marks.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { answerTo } from '../cache/messages.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const SERVFAIL = 2;
const NOERROR = 0;
const FORMERR = 1;

/** One upstream whose round trip is known to be short, and unloop before it. */
function start(): { upstream: FakeUpstream; f: PipelineFixture } {
  const upstream = new FakeUpstream(1);
  const f = new PipelineFixture({ zones: [['.', [upstream]]] });
  f.state.measured(1, 5, 0);
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

const attemptOf = (upstream: FakeUpstream) => upstream.last().query as Attempt<Flight>;

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

  it('comes at once when the server answers others: datagrams get lost', () => {
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

  it('falls back to UDP once when there is no TCP, and does not mark the server down', () => {
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

it('nothing more is sent when TCP fails after the deadline: nobody waits', () => {
  const { upstream, f } = start();
  f.ask(testQuery('late.example').bytes);
  f.pass(2000);
  expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, false, true]);
  upstream.fail(FailureReason.unreachable);
  expect(upstream.sent).toHaveLength(3);
});

describe('a question over a stream', () => {
  it('is sent three times at most, lost connections included (RFC 9520 §3.1)', () => {
    const upstream = new FakeUpstream(1, 'tcp');
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    for (const name of ['first.example', 'second.example']) {
      f.ask(testQuery(name).bytes);
      expect(repeats(upstream)).toEqual([true, true, false]);
      upstream.fail(FailureReason.closed);
    }
    expect(f.client.rcodes).toEqual([SERVFAIL, SERVFAIL]);
    expect(upstream.sent).toHaveLength(2);
  });

  it('keeps the last message for an upstream that was not asked', () => {
    const upstreams = [new FakeUpstream(1, 'tcp'), new FakeUpstream(2, 'tcp')] as const;
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    f.ask(testQuery('closes.example').bytes);
    expect(repeats(upstreams[0])).toEqual([true, false, false]);
    upstreams[0].fail(FailureReason.closed);
    expect(repeats(upstreams[1])).toEqual([false, false, false]);
    upstreams[1].reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
  });

  it('is sent four times at most, the datagram that was answered with TC included', () => {
    const { upstream, f } = start();
    f.ask(testQuery('breaks.example').bytes);
    upstream.reply(truncated);
    expect(repeats(upstream)).toEqual([true, true, false]);
    f.pass(4000);
    expect(upstream.sent.map(({ overStream }) => overStream)).toEqual([false, true]);
    expect(f.client.rcodes).toEqual([NOERROR]);
    expect(isTruncated(f.client.answers[0]!)).toBe(true);
  });

  it('counts no message when no connection could be made', () => {
    const { upstream, f } = start();
    f.ask(testQuery('no-tcp.example').bytes);
    const flight = attemptOf(upstream).flight!;
    f.pass(1200);
    expect([upstream.last().overStream, flight.messages]).toEqual([true, 3]);
    upstream.fail(FailureReason.unreachable);
    expect([upstream.last().overStream, flight.messages]).toEqual([false, 3]);
  });
});

describe('messages about one question', () => {
  /** All upstreams do this whenever they owe an answer, until nothing more is sent. */
  const exhaust = (upstreams: readonly FakeUpstream[], act: (upstream: FakeUpstream) => void) => {
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    f.ask(testQuery('flood.example').bytes);
    for (let turn = 0; turn < 100; turn++) {
      const busy = upstreams.find(({ waiting }) => waiting.size > 0);
      if (busy === undefined) break;
      act(busy);
    }
    f.pass(6000);
    expect(f.client.rcodes).toHaveLength(1);
    expect(f.pipeline.flights.inUse).toBe(0);
    return upstreams.reduce((sum, { sent }) => sum + sent.length, 0);
  };
  const three = () => [1, 2, 3].map((slot) => new FakeUpstream(slot));

  it.each([FORMERR, SERVFAIL, 3, 4, 5, 9])('are three when three upstreams say RCODE %d', (rcode) => {
    expect(exhaust(three(), (upstream) => upstream.refuse(rcode))).toBeLessThanOrEqual(3);
  });

  it('are three when three upstreams are silent', () => {
    const upstreams = three();
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    f.ask(testQuery('silent.example').bytes);
    f.pass(6000);
    expect(upstreams.map(({ sent }) => sent.length)).toEqual([1, 1, 1]);
  });

  it('are four at most after silence, TC and FORMERR', () => {
    const upstreams = three();
    const f = new PipelineFixture({ zones: [['.', upstreams]] });
    f.ask(testQuery('mixed.example').bytes);
    f.pass(450);
    for (let turn = 0; turn < 100; turn++) {
      const busy = upstreams.find(({ waiting }) => waiting.size > 0);
      if (busy === undefined) break;
      if (busy.last().overStream) busy.refuse(FORMERR);
      else busy.reply(truncated);
    }
    f.pass(6000);
    expect(upstreams.reduce((sum, { sent }) => sum + sent.length, 0)).toBeLessThanOrEqual(4);
  });

  it('are four at most after TC when TCP connections are closed, those repeated by the exchange counted', () => {
    let repeated = 0;
    const sent = exhaust(three(), (upstream) => {
      const { query, overStream } = upstream.last();
      if (!overStream) {
        upstream.reply(truncated);
        return;
      }
      while (query.owner!.mayRepeat!(query)) repeated++;
      upstream.fail(FailureReason.closed);
    });
    expect(sent + repeated).toBeLessThanOrEqual(4);
  });

  it('are three when no reply can be parsed', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    f.ask(testQuery('garbled.example').bytes);
    for (let passed = 0; passed < 3000; passed += 10) {
      for (const sent of upstream.sent.filter(({ query }) => upstream.waiting.has(query))) {
        if (sent.query.missed) continue;
        const { query } = sent;
        const reply = sent.bytes.slice(0, query.questionEnd);
        reply[2]! |= 0x80;
        reply.fill(0, 6, 12);
        reply[7] = 1; // a record that is not there
        const taken = query.owner!.onReply(query, reply, reply.length);
        expect(taken).toBe(false);
        query.missed = true;
        if (sent.overStream) {
          upstream.waiting.delete(query);
          query.exchange = null;
          query.owner!.onFailure(query, FailureReason.protocol);
        }
      }
      f.pass(10);
    }
    expect(upstream.sent.length).toBeLessThanOrEqual(3);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
  });

  it('are three when QNAME comes back in another case and there is no TCP', () => {
    const { upstream, f } = start();
    f.ask(testQuery('recased.example').bytes);
    const suspect = () => {
      const { query } = upstream.last();
      query.missed = true;
      query.miscased = true;
      query.owner!.onSuspicious!(query);
    };
    suspect();
    expect(upstream.last().overStream).toBe(true);
    upstream.fail(FailureReason.unreachable);
    expect(attemptOf(upstream).marks & Mark.case).toBe(0);
    suspect();
    f.pass(6000);
    expect(upstream.sent.filter(({ overStream }) => !overStream)).toHaveLength(3);
    expect(upstream.sent.filter(({ overStream }) => overStream)).toHaveLength(1);
  });
});

describe('by roundRobin', () => {
  const nxdomain = (message: Uint8Array) => {
    message[3] = 3;
    return message;
  };

  it.each([
    ['answered', undefined],
    ['denied', nxdomain],
    ['truncated', truncated],
  ])('questions start with each upstream in turn, also those that are %s', (_, change) => {
    const upstreams = [new FakeUpstream(1), new FakeUpstream(2)];
    const f = new PipelineFixture({ zones: [['.', upstreams]], policy: 'roundRobin' });
    const starts = Array.from({ length: 6 }, (__, i) => {
      f.ask(testQuery(`n${i}.example`).bytes);
      const first = upstreams.find(({ inFlight }) => inFlight > 0)!;
      for (let upstream = first as typeof first | undefined; upstream !== undefined; ) {
        upstream.reply(change);
        upstream = upstreams.find(({ inFlight }) => inFlight > 0);
      }
      return first.slot;
    });
    expect(starts).toEqual([1, 2, 1, 2, 1, 2]);
    expect(f.client.answers).toHaveLength(6);
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
    expect(attemptOf(upstream).marks).toBe(ALL_MARKS);
    // This server is not silent: there is nothing to wait for.
    f.pass(700);
    expect(upstream.sent).toHaveLength(3);
  });

  it('continues over UDP when TCP was refused, however suspicious the replies are', () => {
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

it('a UDP server that refuses TCP after TC stays in use', () => {
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
  // A server that is asked over TCP alone is judged by that: others are asked first. That it is
  // down is for its checks to say.
  const stream = new FakeUpstream(2, 'tcp');
  f.route([['.', [stream]]]);
  f.ask(testQuery('tcp.example').bytes);
  stream.fail(FailureReason.unreachable);
  expect(f.state.stateOf(2)).toBe(UpstreamState.suspect);
});
