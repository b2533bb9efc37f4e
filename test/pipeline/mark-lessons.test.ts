// With which marks (0x20 case, our option, EDNS) a server is asked, and what is learned of it: for
// the domain that showed it, never for others.
import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/pipeline/pending/attempt.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { ALL_MARKS, LESSON_SECONDS, Mark } from '../../src/upstream/marks.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const FORMERR = 1;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const REFUSED = 5;
const { case: LETTERS, options: OPTIONS, edns: EDNS } = Mark;

/** One upstream whose round trip is known to be short, and unloop before it. */
function start(): { upstream: FakeUpstream; f: PipelineFixture } {
  const upstream = new FakeUpstream(1);
  const f = new PipelineFixture({ zones: [['.', [upstream]]] });
  f.state.measured(1, 5, 0);
  return { upstream, f };
}

const marksOf = (upstream: FakeUpstream) => (upstream.last().query as Attempt).marks;

/** Whether the last message has upper-case letters in QNAME, whatever the pipeline says of it. */
const isMixed = (upstream: FakeUpstream) => {
  const { bytes, query } = upstream.last();
  const name = Buffer.from(bytes.subarray(12, query.questionEnd - 4)).toString('latin1');
  return name !== name.toLowerCase();
};

/** What a server does on a message with these marks. */
type Behavior = (upstream: FakeUpstream, marks: number) => void;

/**
 * Asks, has the server answer as long as it owes something, and returns the marks of each message.
 */
function ask(f: PipelineFixture, upstream: FakeUpstream, name: string, behave: Behavior): number[] {
  const from = upstream.sent.length;
  const marks: number[] = [];
  f.ask(testQuery(name).bytes);
  while (upstream.sent.length > from + marks.length) {
    const sent = marksOf(upstream);
    expect(isMixed(upstream)).toBe((sent & LETTERS) !== 0);
    marks.push(sent);
    behave(upstream, sent);
  }
  return marks;
}

/** Refuses what has one of these marks, answers the rest. */
const dislikes =
  (unwanted: number, rcode: number): Behavior =>
  (upstream, marks) => {
    if ((marks & unwanted) === 0) upstream.reply();
    else upstream.refuse(rcode);
  };

describe('a server that does not take a mark', () => {
  it.each([
    ['NXDOMAIN to upper case', LETTERS, NXDOMAIN, [ALL_MARKS, OPTIONS | EDNS]],
    ['no records for upper case', LETTERS, NOERROR, [ALL_MARKS, OPTIONS | EDNS]],
    ['SERVFAIL to our option', OPTIONS, SERVFAIL, [ALL_MARKS, EDNS]],
    ['REFUSED to our option', OPTIONS, REFUSED, [ALL_MARKS, EDNS]],
    ['FORMERR to our option', OPTIONS, FORMERR, [ALL_MARKS, LETTERS | EDNS]],
    ['FORMERR to EDNS', EDNS, FORMERR, [ALL_MARKS, LETTERS | EDNS, LETTERS]],
    ['SERVFAIL to EDNS', EDNS, SERVFAIL, [ALL_MARKS, EDNS, 0]],
    ['NXDOMAIN to EDNS', EDNS, NXDOMAIN, [ALL_MARKS, OPTIONS | EDNS, 0]],
  ] as const)('%s: is asked without it, and at once for the rest of the domain', (_, mark, rcode, steps) => {
    const { upstream, f } = start();
    const behave = dislikes(mark, rcode);
    expect(ask(f, upstream, 'first.example.com', behave)).toEqual(steps);
    const least = ask(f, upstream, 'second.sub.example.com', behave);
    expect(least).toHaveLength(1);
    expect(least[0]! & mark).toBe(0);
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
    // What the owner of one domain has shown turns nothing off for another.
    expect(ask(f, upstream, 'www.example.net', (server) => server.reply())).toEqual([ALL_MARKS]);
    expect(f.stumbles.every(({ slot, domain }) => slot === 1 && domain === 'example.com.')).toBe(true);
    expect(f.stumbles.length).toBeGreaterThan(0);
    // After a time it is tried again.
    f.clock.advance((LESSON_SECONDS + 1) * 1000);
    expect(ask(f, upstream, 'third.example.com', behave)[0]).toBe(ALL_MARKS);
  });

  it.each([
    ['SERVFAIL', SERVFAIL],
    ['REFUSED', REFUSED],
  ])('%s to upper case: the option is blamed first, the letters by the next question, EDNS never', (_, rcode) => {
    const { upstream, f } = start();
    const behave = dislikes(LETTERS, rcode);
    expect(ask(f, upstream, 'first.example.com', behave)).toEqual([ALL_MARKS, EDNS]);
    expect(ask(f, upstream, 'second.example.com', behave)).toEqual([LETTERS | EDNS, EDNS]);
    expect(ask(f, upstream, 'third.example.com', behave)).toEqual([EDNS]);
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR, NOERROR]);
  });

  it('is not checked again once it has accepted the mark: NXDOMAIN and SERVFAIL are then answers', () => {
    const { upstream, f } = start();
    ask(f, upstream, 'www.example.com', (server) => server.reply());
    for (const rcode of [NXDOMAIN, NOERROR, SERVFAIL, REFUSED]) {
      expect(ask(f, upstream, `n${rcode}.example.com`, (server) => server.refuse(rcode))).toHaveLength(1);
    }
  });

  it('is checked for each domain, whatever it answered for others', () => {
    const { upstream, f } = start();
    ask(f, upstream, 'www.example.net', (server) => server.reply());
    const behave = dislikes(LETTERS, NXDOMAIN);
    expect(ask(f, upstream, 'db.corp.internal', behave)).toHaveLength(2);
    expect(ask(f, upstream, 'web.corp.internal', behave)).toEqual([OPTIONS | EDNS]);
    expect(ask(f, upstream, 'mail.example.net', (server) => server.reply())).toEqual([ALL_MARKS]);
  });

  it('is believed when it gives the same answer without the mark', () => {
    const { upstream, f } = start();
    ask(f, upstream, 'missing.example.com', (server) => server.refuse(NXDOMAIN));
    expect(f.client.rcodes).toEqual([NXDOMAIN]);
    expect(f.stumbles).toEqual([]);
  });

  it('keeps getting all marks when it gives a reason (EDE), above all the tag when it reports a loop', () => {
    const { upstream, f } = start();
    const [message] = ask(f, upstream, 'loops.example.com', (server) =>
      server.reply((reply) => {
        reply[3] = SERVFAIL;
        reply[11] = 1;
        return Uint8Array.from([...reply, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 14]);
      }),
    );
    expect(message).toBe(ALL_MARKS);
    expect(upstream.sent).toHaveLength(1);
  });
});

it('a flood of nonexistent names is not doubled by checks', () => {
  const { upstream, f } = start();
  for (let i = 0; i < 500; i++) ask(f, upstream, `n${i}.example.com`, (server) => server.refuse(NXDOMAIN));
  expect(upstream.sent.length).toBeLessThanOrEqual(500 + 30);
  // Nor is one of names of as many domains.
  const before = upstream.sent.length;
  for (let i = 0; i < 2000; i++) ask(f, upstream, `www.domain${i}.com`, (server) => server.refuse(NXDOMAIN));
  expect(upstream.sent.length - before).toBeLessThanOrEqual(2000 + 200);
});

it.each([
  ['of many domains', (i: number) => `www.domain${i}.com`],
  ['of the same domain', (i: number) => `none${i}.strict.example`],
])('bad names %s that one client asks for do not use up the checks of another', (_, nameOf) => {
  const { upstream, f } = start();
  const other = new FakeClient();
  const behave: Behavior = (server) => server.refuse(NXDOMAIN);
  for (let i = 0; i < 500; i++) ask(f, upstream, nameOf(i), behave);
  // Their answers are not checked any more …
  expect(ask(f, upstream, nameOf(500), behave)).toHaveLength(1);
  // … and this one is, which the server gave as it compares letter for letter.
  f.ask(testQuery('www.strict.example').bytes, other, '192.0.2.77');
  dislikes(LETTERS, NXDOMAIN)(upstream, marksOf(upstream));
  dislikes(LETTERS, NXDOMAIN)(upstream, marksOf(upstream));
  expect(other.rcodes).toEqual([NOERROR]);
});

it('a letter case lost over TCP counts for the domain alone: its owner may have lost it', () => {
  const { upstream, f } = start();
  f.ask(testQuery('www.attacker.example').bytes);
  const { query } = upstream.last();
  query.miscased = true;
  query.owner!.onSuspicious!(query);
  expect(upstream.last().overStream).toBe(true);
  upstream.reply((message) => {
    for (let at = 13; at < message.length - 5; at++)
      if (message[at]! < 0x5b && message[at]! > 0x40) message[at]! |= 0x20;
    return Uint8Array.from(message);
  });
  expect(f.stumbles.map(({ marks, domain }) => [marks, domain])).toContainEqual([
    LETTERS,
    'attacker.example.',
  ]);
  f.ask(testQuery('www.victim.example').bytes);
  expect([marksOf(upstream), upstream.last().query.matchCase]).toEqual([ALL_MARKS, true]);
});

describe('a server that is silent', () => {
  /** Silent to what has one of these marks. */
  const silentTo = (
    f: PipelineFixture,
    upstream: FakeUpstream,
    name: string,
    mark: number,
    dnssecOk = false,
  ) => {
    f.ask(testQuery(name, { dnssecOk }).bytes);
    const marks: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const known = marks.length;
      for (const { query } of upstream.sent.slice(-1)) marks.push((query as Attempt).marks);
      if ((marks[known]! & mark) === 0) {
        upstream.reply();
        break;
      }
      f.pass(upstream.sent.length > 1 ? 250 : 150);
    }
    return marks;
  };

  it.each([OPTIONS, EDNS, LETTERS])('to mark %d answers the second message, every time', (mark) => {
    const { upstream, f } = start();
    for (let i = 0; i < 8; i++) {
      const marks = silentTo(f, upstream, `n${i}.example.com`, mark);
      expect(marks.length).toBeLessThanOrEqual(3);
    }
    expect(f.client.rcodes).toEqual(new Array(8).fill(NOERROR));
    // Shown three times, it is asked without at once.
    expect(silentTo(f, upstream, 'more.example.com', mark)).toHaveLength(1);
    expect(silentTo(f, upstream, 'www.example.net', 0)).toEqual([ALL_MARKS]);
  });

  it('to options alone is asked with EDNS by a client that wants DNSSEC', () => {
    const { upstream, f } = start();
    for (let i = 0; i < 5; i++) {
      const marks = silentTo(f, upstream, `n${i}.example.com`, OPTIONS, true);
      expect(marks.at(-1)! & EDNS).toBe(EDNS);
    }
  });

  it('once, after it accepted all marks, gets all marks again: a datagram was lost', () => {
    const { upstream, f } = start();
    ask(f, upstream, 'www.example.com', (server) => server.reply());
    f.ask(testQuery('lost.example.com').bytes);
    f.pass(150);
    expect(upstream.sent.slice(1).map(({ query }) => (query as Attempt).marks)).toEqual([
      ALL_MARKS,
      ALL_MARKS,
    ]);
  });

  it('is asked over TCP with all marks in the end, so that a loop is recognized', () => {
    const { upstream, f } = start();
    f.ask(testQuery('silent.example').bytes);
    f.pass(1200);
    const attempts = upstream.sent.map(({ query }) => query as Attempt);
    expect(attempts.map(({ overStream }) => overStream)).toEqual([false, false, true]);
    expect(attempts.map(({ marks }) => marks)).toEqual([ALL_MARKS, 0, ALL_MARKS]);
  });
});

it('what the main thread learned about a server holds for all names, and its replies need not match the case', () => {
  const { upstream, f } = start();
  f.state.learn(1, LETTERS | OPTIONS, f.clock.nowMs);
  f.ask(testQuery('WWW.Example.com').bytes);
  expect([marksOf(upstream), isMixed(upstream), upstream.last().query.matchCase]).toEqual([
    EDNS,
    false,
    false,
  ]);
  upstream.fail(FailureReason.unreachable);
  f.clock.advance((LESSON_SECONDS + 1) * 1000);
  f.ask(testQuery('www.example.net').bytes);
  expect([marksOf(upstream), upstream.last().query.matchCase]).toEqual([ALL_MARKS, true]);
});
