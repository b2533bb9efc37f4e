// What the pipeline tells dnstap, read back: who, over what, which ID, and the bytes.
import { describe, expect, it } from 'vitest';
import type { DnstapOutput } from '../../src/dnstap/dnstap-output.ts';
import { DnstapTap } from '../../src/dnstap/dnstap-tap.ts';
import { FakeUpstream, PipelineFixture } from '../pipeline/pipeline-fixture.ts';
import { testQuery } from '../pipeline/queries.ts';
import { type ReadEvent, readEvent } from './reader.ts';

const CLIENT_QUERY = 5;
const CLIENT_RESPONSE = 6;
const FORWARDER_QUERY = 7;
const FORWARDER_RESPONSE = 8;

function fixture(of: { clients?: boolean; forwarder?: boolean } = {}, transport: 'udp' | 'tcp' = 'udp') {
  const events: ReadEvent[] = [];
  const output = { send: (event: Uint8Array) => events.push(readEvent(event)) } as unknown as DnstapOutput;
  const tap = new DnstapTap({
    output,
    clients: true,
    forwarder: true,
    identity: 'node-7',
    version: 'unloop 1',
    ...of,
  });
  const upstream = new FakeUpstream(1, transport);
  const f = new PipelineFixture({ zones: [['.', [upstream]]], tap });
  return { events, upstream, f, tap };
}

const types = (events: readonly ReadEvent[]) => events.map(({ message }) => message.get(1));
const bytesOf = ({ message }: ReadEvent) => (message.get(10) ?? message.get(14)) as Uint8Array;

it('has the four messages of a forwarded query, and two of a cached one', () => {
  const { events, upstream, f } = fixture();
  const { bytes } = testQuery('www.example');
  f.ask(bytes);
  upstream.reply();
  f.ask(bytes);
  expect(types(events)).toEqual([
    CLIENT_QUERY,
    FORWARDER_QUERY,
    FORWARDER_RESPONSE,
    CLIENT_RESPONSE,
    CLIENT_QUERY,
    CLIENT_RESPONSE,
  ]);
  const [asked, sent, replied, answered] = events;
  expect(bytesOf(asked!)).toEqual(Uint8Array.from(bytes));
  expect(Object.fromEntries(asked!.message)).toMatchObject({ 2: 1, 3: 1, 6: 4000 });
  expect(asked!.message.get(4)).toEqual(Uint8Array.of(127, 0, 0, 1));
  // The ID is the exchange's, not that of the message it was given.
  const id = upstream.sent[0]!.query.id;
  expect(bytesOf(sent!).slice(2)).toEqual(Uint8Array.from(upstream.sent[0]!.bytes).slice(2));
  expect(id).toBeLessThan(0x10000);
  expect(Object.fromEntries(sent!.message)).toMatchObject({ 2: 1, 3: 1, 7: 53 });
  expect(sent!.message.get(5)).toEqual(Uint8Array.of(192, 0, 2, 1));
  expect(replied!.message.get(5)).toEqual(Uint8Array.of(192, 0, 2, 1));
  expect(bytesOf(answered!)).toEqual(Uint8Array.from(f.client.answers[0]!));
});

it('says over what an upstream was asked', () => {
  const { events, f } = fixture({}, 'tcp');
  f.ask(testQuery('www.example').bytes);
  expect(types(events)).toEqual([CLIENT_QUERY, FORWARDER_QUERY]);
  expect(events[1]!.message.get(3)).toBe(2);
});

describe('what is not asked for', () => {
  it('is left out: the forwarder', () => {
    const { events, upstream, f } = fixture({ forwarder: false });
    f.ask(testQuery('www.example').bytes);
    upstream.reply();
    expect(types(events)).toEqual([CLIENT_QUERY, CLIENT_RESPONSE]);
  });

  it('is left out: clients', () => {
    const { events, upstream, f } = fixture({ clients: false });
    f.ask(testQuery('www.example').bytes);
    upstream.reply();
    expect(types(events)).toEqual([FORWARDER_QUERY, FORWARDER_RESPONSE]);
  });
});

it('writes the ID into its own copy, where there is one', () => {
  const { events, upstream, tap } = fixture();
  const message = Uint8Array.of(0, 0, 3, 4);
  tap.forwarderQuery(upstream, message, 4, 0x1234, false);
  tap.forwarderQuery(upstream, message, 4, 0x10000, true);
  expect(events.map(bytesOf)).toEqual([Uint8Array.of(0x12, 0x34, 3, 4), Uint8Array.of(0, 0, 3, 4)]);
  expect(events.map((event) => event.message.get(3))).toEqual([1, 2]);
  expect(message).toEqual(Uint8Array.of(0, 0, 3, 4));
});
