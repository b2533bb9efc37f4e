// Every kind of answer, as each client gets it: its ID and spelling, OPT where it sent one, a size
// that it takes.

import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { MessageCache } from '../../src/cache/message-cache.ts';
import { Counter, Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';
import { type AnswerRecord, CacheState } from '../../src/pipeline/answer-record.ts';
import { Answers, staleEde } from '../../src/pipeline/answers.ts';
import { KeptQueries } from '../../src/pipeline/kept-queries.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { WaiterPool } from '../../src/pipeline/waiter.ts';
import { TopCounts } from '../../src/top/top-counts.ts';
import { EdeCode, Rcode } from '../../src/wire/codes.ts';
import { ede, NO_EDE } from '../../src/wire/ede.ts';
import { ScannedResponse, scanResponse, stripOpt } from '../../src/wire/response.ts';
import { answerTo, cacheOptions, soa } from '../cache/messages.ts';
import { asWords } from '../kit/as-words.ts';
import { readAnswer } from '../kit/dns-client.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeClient } from './pipeline-fixture.ts';
import { type TestQuery, testQuery } from './queries.ts';

const WHY = ede(EdeCode.notReady, new TextEncoder().encode('why'));
/** Longer than the cache keeps data that has expired. */
const LONG_AGO_MS = 2 * 3600 * 1000;

let clock: ManualClock;
let totals: CounterTotals;
let cache: MessageCache;
let waiters: WaiterPool;
let answers: Answers;
let client: FakeClient;

beforeEach(() => {
  clock = new ManualClock();
  const block = createCounterBlock();
  totals = new CounterTotals();
  totals.add(block);
  cache = new MessageCache(cacheOptions(), new Counters(block));
  waiters = new WaiterPool(10);
  const watchers = { top: new TopCounts(1, new Counters(block)), kept: new KeptQueries(clock, 1) };
  answers = new Answers(new Counters(block), cache, waiters, clock, watchers);
  client = new FakeClient();
});

/** A query whose answer goes to `to`. */
function from(to: FakeClient, ...args: Parameters<typeof testQuery>): TestQuery {
  const made = testQuery(...args);
  made.query.replyTo = to;
  return made;
}

/** A flight with one waiter for each client. */
function flightFor(clients: readonly FakeClient[], made = testQuery('www.example')): Flight {
  const flight = activeFlight(rootZone(), made);
  for (const to of clients) {
    made.query.replyTo = to;
    const waiter = waiters.take(made.query, clock.nowMs)!;
    waiter.keepName(made.bytes);
    flight.addWaiter(waiter);
  }
  return flight;
}

/** The answer that a client got last, read by another decoder. */
function got(from: FakeClient = client) {
  return readAnswer(Buffer.from(from.answers.at(-1)!));
}

/** Stores an answer to the flight's question. */
function cached(flight: Flight, parts: Parameters<typeof answerTo>[1]): void {
  const reply = asWords(answerTo(flight.query.slice(0, flight.questionEnd), parts));
  const scanned = new ScannedResponse();
  scanResponse(reply, reply.length, scanned);
  stripOpt(reply, reply.length, scanned);
  cache.store(flight, 1, reply, scanned, clock.nowMs);
}

describe('an error to a query', () => {
  it('has the RCODE, the question, and the reason for clients with OPT alone', () => {
    answers.error(from(client, 'www.example', { udpSize: 1232 }).query, Rcode.REFUSED, WHY);
    expect(got()).toMatchObject({ rcode: Rcode.REFUSED, name: 'www.example', truncated: false });
    expect(got().ede).toMatchObject({ code: EdeCode.notReady, text: 'why' });
    answers.error(from(client, 'www.example').query, Rcode.REFUSED, WHY);
    expect(got()).toMatchObject({ rcode: Rcode.REFUSED, opt: null });
    expect(totals.responses(Rcode.REFUSED)).toBe(2);
  });

  it('is in the query log while there is one', () => {
    const noted: AnswerRecord[] = [];
    answers.queryLog = {
      note: (_to: unknown, _out: unknown, _length: number, record: AnswerRecord) => noted.push(record),
    } as never;
    answers.error(from(client, 'www.example').query, Rcode.NOTIMP, NO_EDE);
    expect(noted).toMatchObject([{ rcode: Rcode.NOTIMP, cache: CacheState.none, flight: null }]);
  });
});

it('tells a client to come by TCP with TC and no records', () => {
  answers.sendToTcp(from(client, 'www.example').query);
  expect(got()).toMatchObject({ truncated: true, rcode: Rcode.NOERROR, answers: [] });
});

it('gives a made-up answer in the spelling of the client', () => {
  const { bytes } = testQuery('version.bind');
  const made = asWords(answerTo(bytes));
  answers.prepared(from(client, 'VERSION.bind').query, made, made.length, NO_EDE);
  expect(got()).toMatchObject({ name: 'VERSION.bind', rcode: Rcode.NOERROR });
  expect(got().answers).toHaveLength(1);
});

describe('a reply to a flight', () => {
  it('goes to every client with its own ID and OPT, and leaves nobody waiting', () => {
    const plain = new FakeClient();
    const flight = flightFor([plain]);
    const other = from(client, 'WWW.example', { udpSize: 1232 });
    other.query.parsed.id = 99;
    const waiter = waiters.take(other.query, clock.nowMs)!;
    waiter.keepName(other.bytes);
    flight.addWaiter(waiter);
    const message = asWords(answerTo(testQuery('www.example').bytes));
    clock.advance(20);
    answers.reply(flight, message, message.length, Rcode.NOERROR, NO_EDE);
    expect(got(plain)).toMatchObject({ name: 'www.example', opt: null });
    expect(got()).toMatchObject({ name: 'WWW.example', opt: {} });
    expect(client.answers[0]![1]).toBe(99);
    expect([flight.waiters, waiters.inUse]).toEqual([null, 0]);
    expect(totals.durationBuckets().reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(totals.counter(Counter.durationSumSeconds)).toBeCloseTo(0.04);
  });

  it('says over a stream how long the connection is kept, when it was asked and the client has OPT', () => {
    const lengths = [true, false].map((keepaliveAsked) => {
      const stream = Object.assign(new FakeClient(true), { keepaliveAsked, keepaliveTenths: 300 });
      answers.error(from(stream, 'www.example', { udpSize: 1232 }).query, Rcode.SERVFAIL, NO_EDE);
      return stream.answers[0]!;
    });
    expect(lengths[0]!.length - lengths[1]!.length).toBe(6);
    expect([...lengths[0]!.slice(-6)]).toEqual([0, 11, 0, 2, 1, 44]);
  });
});

it('tells a client that it lost its slot', () => {
  const flight = flightFor([client], from(client, 'www.example', { udpSize: 1232 }));
  const waiter = flight.waiters!;
  flight.removeWaiter(waiter);
  answers.displaced(waiter, flight);
  expect(got()).toMatchObject({ rcode: Rcode.REFUSED, name: 'www.example' });
  expect(got().ede).toMatchObject({ code: EdeCode.other });
  expect(waiters.inUse).toBe(0);
});

describe('a reply to an opaque query', () => {
  const REPLY = asWords(answerTo(testQuery('www.example').bytes));

  it('goes out byte by byte but for the ID', () => {
    const flight = flightFor([client]);
    flight.waiters!.id = 0x0708;
    answers.verbatim(flight, REPLY, REPLY.length, Rcode.NOERROR);
    expect([...client.answers[0]!.slice(0, 2)]).toEqual([7, 8]);
    expect(client.answers[0]!.slice(2)).toEqual(Uint8Array.from(REPLY.slice(2)));
  });

  it('is TC and the question alone where the client takes less: a signed message cannot be cut', () => {
    const flight = flightFor([client]);
    flight.waiters!.sizeLimit = REPLY.length - 1;
    answers.verbatim(flight, REPLY, REPLY.length, Rcode.NOERROR);
    expect(client.answers[0]).toHaveLength(flight.questionEnd);
    expect(got()).toMatchObject({ truncated: true, answers: [], name: 'www.example' });
  });

  it('goes out whole at exactly the size that the client takes', () => {
    const flight = flightFor([client]);
    flight.waiters!.sizeLimit = REPLY.length;
    answers.verbatim(flight, REPLY, REPLY.length, Rcode.NOERROR);
    expect(client.answers[0]).toHaveLength(REPLY.length);
  });
});

describe('stale data', () => {
  it('is given with its EDE, counted for each client, and ends their waiting', () => {
    const made = from(client, 'www.example', { udpSize: 1232 });
    const flight = flightFor([client, client], made);
    cached(flight, { ttlSeconds: 60 });
    clock.advance(61_000);
    expect(answers.stale(flight)).toBe(true);
    expect(got()).toMatchObject({ rcode: Rcode.NOERROR });
    expect(got().ede).toMatchObject({ code: EdeCode.staleAnswer });
    expect(got().answers).toMatchObject([{ ttl: 30 }]);
    expect(client.answers).toHaveLength(2);
    expect(totals.counter(Counter.cacheStale)).toBe(2);
  });

  it('is not called stale when another query has refreshed it meanwhile', () => {
    const flight = flightFor([client], from(client, 'www.example', { udpSize: 1232 }));
    cached(flight, { ttlSeconds: 60 });
    expect(answers.stale(flight)).toBe(true);
    expect(got().ede).toBeNull();
    expect(totals.counter(Counter.cacheStale)).toBe(0);
  });

  it('has an EDE of its own for NXDOMAIN (RFC 8914 §4.20)', () => {
    const flight = flightFor([client], from(client, 'www.example', { udpSize: 1232 }));
    cached(flight, { rcode: Rcode.NXDOMAIN, authorities: [soa(60, 60)] });
    clock.advance(61_000);
    expect(answers.stale(flight)).toBe(true);
    expect(got()).toMatchObject({ rcode: Rcode.NXDOMAIN });
    expect(got().ede).toMatchObject({ code: EdeCode.staleNxdomainAnswer });
    expect(staleEde(Rcode.NOERROR).code).toBe(EdeCode.staleAnswer);
  });

  it('is not given where there is none, where it is too old, or where nobody waits', () => {
    const flight = flightFor([client]);
    expect(answers.stale(flight)).toBe(false);
    cached(flight, { ttlSeconds: 60 });
    expect(answers.stale(activeFlight())).toBe(false);
    clock.advance(LONG_AGO_MS);
    expect(answers.stale(flight)).toBe(false);
    expect([client.answers.length, flight.waiterCount]).toEqual([0, 1]);
  });

  it('is never given for an opaque query: the answer to a signed one cannot be stored', () => {
    const flight = flightFor([client]);
    cached(flight, { ttlSeconds: 60 });
    flight.opaque = true;
    expect(answers.stale(flight)).toBe(false);
  });
});

describe('a failed flight', () => {
  it('gives the error where there is no stale data', () => {
    answers.failure(flightFor([client], from(client, 'www.example', { udpSize: 1232 })), Rcode.SERVFAIL, WHY);
    expect(got()).toMatchObject({ rcode: Rcode.SERVFAIL, name: 'www.example', answers: [] });
    expect(got().ede).toMatchObject({ code: EdeCode.notReady });
  });

  it('gives stale data in place of the error', () => {
    const flight = flightFor([client]);
    cached(flight, { ttlSeconds: 60 });
    clock.advance(61_000);
    answers.failure(flight, Rcode.SERVFAIL, WHY);
    expect(client.rcodes).toEqual([Rcode.NOERROR]);
  });

  it('writes nothing where nobody waits', () => {
    answers.failure(activeFlight(), Rcode.SERVFAIL, WHY);
    expect(totals.responses(Rcode.SERVFAIL)).toBe(0);
  });
});

describe('a truncated reply that was kept', () => {
  /** A flight to both kinds of client; the upstream's truncated reply has these records. */
  const truncated = (records: 0 | 1, rcode = 0) => {
    const stream = new FakeClient(true);
    const flight = flightFor([client, stream], from(client, 'www.example', { udpSize: 1232 }));
    const { bytes } = testQuery('www.example');
    const parts = { rcode, truncated: true, ...(records === 0 ? { answers: [] } : {}) };
    flight.truncatedReply = asWords(answerTo(bytes, parts));
    return { flight, stream };
  };

  it('goes to every client with TC, its records included', () => {
    const { flight, stream } = truncated(1);
    answers.truncated(flight);
    for (const to of [client, stream])
      expect(got(to)).toMatchObject({ truncated: true, rcode: Rcode.NOERROR });
    expect(got().answers).toHaveLength(1);
  });

  it('is SERVFAIL over a stream when it has no records: TC is ignored there, and it would look like NODATA', () => {
    const { flight, stream } = truncated(0);
    answers.truncated(flight);
    expect(got()).toMatchObject({ truncated: true, rcode: Rcode.NOERROR });
    expect(got(stream)).toMatchObject({ rcode: Rcode.SERVFAIL, truncated: false });
    expect(got(stream).ede).toMatchObject({ code: EdeCode.noReachableAuthority });
  });

  it('keeps its RCODE over a stream when that says enough', () => {
    const { flight, stream } = truncated(0, Rcode.NXDOMAIN);
    answers.truncated(flight);
    expect(got(stream).rcode).toBe(Rcode.NXDOMAIN);
  });

  it('is not used when there is stale data, which is whole', () => {
    const { flight } = truncated(1);
    cached(flight, { ttlSeconds: 60 });
    clock.advance(61_000);
    answers.truncated(flight);
    expect(got().truncated).toBe(false);
  });

  it('goes out as it is for an opaque query', () => {
    const { flight } = truncated(1);
    flight.opaque = true;
    answers.truncated(flight);
    expect(client.answers[0]!.slice(2)).toEqual(Uint8Array.from(flight.truncatedReply!.slice(2)));
  });
});
