// Who joins a flight, and who may not: the limits that protect clients from each other.
import { describe, expect, it } from 'vitest';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

/** A query with a TSIG record of `length` bytes: it goes on as it is. */
function signed(qname: string, length: number): Uint8Array {
  const tsig = record(Uint8Array.of(0), 250, 0, new Uint8Array(length), 255);
  return bytesOf(header(0x0100, 1, 0, 0, 1), question(qname), tsig);
}

function fixture(maxInFlight: number) {
  const upstream = new FakeUpstream(1);
  return { upstream, f: new PipelineFixture({ maxInFlight, zones: [['.', [upstream]]] }) };
}

describe('coalescer', () => {
  it('lets a thousand datagrams wait for one flight; the next client may come by TCP', () => {
    const { upstream, f } = fixture(2000);
    const { bytes } = testQuery('popular.example');
    for (let i = 0; i < 1000; i++) f.ask(bytes);
    expect(f.client.answers).toHaveLength(0);
    f.ask(bytes);
    // TC, no records.
    expect(f.client.answers.map((answer) => [answer[2]! & 0x02, answer[3]! & 15, answer[7]])).toEqual([
      [2, 0, 0],
    ]);
    const stream = new FakeClient(true);
    f.ask(bytes, stream);
    expect(f.pipeline.waiting).toBe(1001);
    upstream.reply();
    expect([f.client.answers.length, stream.answers.length, upstream.sent.length]).toEqual([1001, 1, 1]);
  });

  it('allows eight signed queries in flight for one question', () => {
    const { upstream, f } = fixture(100);
    for (let i = 0; i < 9; i++) f.ask(signed('loop.example', 40 + i));
    expect(upstream.sent).toHaveLength(8);
    expect(f.client.answers.map((answer) => answer[2]! & 0x02)).toEqual([2]);
    // The very same one again is a retransmission, and joins.
    f.ask(signed('loop.example', 40));
    expect([upstream.sent.length, f.pipeline.waiting]).toEqual([8, 9]);
  });

  it('refreshes a popular answer once, with no client waiting', () => {
    const { upstream, f } = fixture(100);
    const { bytes } = testQuery('popular.example');
    f.ask(bytes);
    upstream.reply();
    f.clock.advance(57_000);
    for (let i = 0; i < 6; i++) f.ask(bytes);
    expect([f.client.answers.length, f.pipeline.waiting]).toEqual([7, 0]);
    expect([upstream.sent.length, f.pipeline.flights.live]).toEqual([2, 1]);
    upstream.reply();
    expect(f.pipeline.flights.live).toBe(0);
  });
});
