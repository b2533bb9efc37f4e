// What a reply of an upstream leads to: an answer, another upstream, another transport, or nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClient, FakeUpstream, PipelineFixture, withRecord } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const NOTIMP = 4;
const REFUSED = 5;
const TC = 0x02;

let first: FakeUpstream;
let second: FakeUpstream;
let f: PipelineFixture;

beforeEach(() => {
  first = new FakeUpstream(1);
  second = new FakeUpstream(2);
  f = new PipelineFixture({ zones: [['.', [first, second]]] });
});

const ask = (name = 'www.example', client = f.client) =>
  f.ask(testQuery(name, { udpSize: 1232 }).bytes, client);
const withRcode = (rcode: number) => (message: Uint8Array) => {
  message[3] = rcode;
  return message;
};

describe('an answer', () => {
  it('goes to the client with its ID and question, and is cached', () => {
    const { bytes } = testQuery('www.example');
    ask();
    first.reply();
    expect([...f.client.answers[0]!.slice(0, 2)]).toEqual([...bytes.slice(0, 2)]);
    expect(f.client.rcodes).toEqual([NOERROR]);
    ask();
    expect(f.client.rcodes).toEqual([NOERROR, NOERROR]);
    expect(first.sent).toHaveLength(1);
  });

  it('goes to every client that waits for it', () => {
    const clients = [new FakeClient(), new FakeClient(true)];
    for (const client of clients) ask('www.example', client);
    first.reply();
    expect(clients.map(({ rcodes }) => rcodes)).toEqual([[NOERROR], [NOERROR]]);
    expect(first.sent).toHaveLength(1);
  });
});

describe('a reply that cannot be read', () => {
  it.each([
    ['an ANCOUNT without records', (message: Uint8Array) => Object.assign(message, { 7: 1 })],
    ['half a record', (message: Uint8Array) => withRecord(message).slice(0, -3)],
  ])('leaves the question in flight: %s', (_, change) => {
    ask();
    expect(first.reply(change)).toBe(false);
    expect(f.client.answers).toEqual([]);
  });
});

describe('an error of one upstream', () => {
  it.each([SERVFAIL, REFUSED, NOTIMP])('RCODE %d leads to the next one', (rcode) => {
    ask();
    first.refuse(rcode);
    for (let i = 0; second.sent.length === 0 && i < 3; i++) first.refuse(rcode);
    expect(f.client.answers).toEqual([]);
    second.reply();
    expect(f.client.rcodes).toEqual([NOERROR]);
  });

  it('is the answer when no upstream gives a better one', () => {
    ask();
    for (let i = 0; i < 10 && f.client.answers.length === 0; i++)
      for (const upstream of [first, second]) if (upstream.waiting.size > 0) upstream.refuse(SERVFAIL);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
  });
});

it('takes NXDOMAIN for an answer once the server has said so without marks', () => {
  ask();
  for (let i = 0; i < 5 && f.client.answers.length === 0; i++) first.reply(withRcode(NXDOMAIN));
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
  expect(second.sent).toHaveLength(0);
});

it('asks again over a stream after TC, the same upstream', () => {
  ask();
  first.reply((message) => {
    message[2]! |= TC;
    return message;
  });
  expect(first.sent.map(({ overStream }) => overStream)).toEqual([false, true]);
  expect(f.client.answers).toEqual([]);
  first.reply();
  expect(f.client.rcodes).toEqual([NOERROR]);
});

it('blocks a private address with rebinding protection on', () => {
  f.configure({ rebindExceptions: [] });
  ask();
  // 0.0.0.0: this host.
  first.reply();
  expect(f.client.rcodes).not.toEqual([]);
  expect(f.client.answers[0]![7]).toBe(0);
});
