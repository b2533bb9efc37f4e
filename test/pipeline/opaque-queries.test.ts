// Queries with records of their own (TSIG, SIG(0)) pass as they are, and cannot be used against us
// (RFC 5625 §4.5).
import { describe, expect, it } from 'vitest';
import { bytesOf, header, question, record, uint16 } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';

const TSIG = 250;
const ANY_CLASS = 255;
const NOTAUTH = 9;

/** A query with a record like TSIG of `size` bytes; another `mac`, another signature. */
function signed(qname: string, size = 40, mac = 7, id = 0x1234): Uint8Array {
  const message = bytesOf(
    header(0x0100, 1, 0, 0, 1),
    question(qname),
    record(Uint8Array.of(0), TSIG, 0, new Uint8Array(size).fill(mac), ANY_CLASS),
  );
  message.set(uint16(id));
  return message;
}

const fixture = () => {
  const upstream = new FakeUpstream(1);
  return { upstream, f: new PipelineFixture({ zones: [['.', [upstream]]] }) };
};

describe('an opaque query', () => {
  it('goes out and its answer comes back, with no byte changed but the ID', () => {
    const { upstream, f } = fixture();
    const query = signed('Signed.Example');
    f.ask(query);
    expect(upstream.last().bytes.slice(2)).toEqual(query.slice(2));
    const answer = query.slice();
    answer[2]! |= 0x80;
    answer.set([0xab, 0xcd]);
    upstream.reply(() => answer.slice());
    expect(f.client.answers[0]!.slice(2)).toEqual(answer.slice(2));
    expect(f.client.answers[0]!.slice(0, 2)).toEqual(query.slice(0, 2));
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('gets the server’s error as the server signed it', () => {
    const { upstream, f } = fixture();
    const query = signed('badkey.example');
    f.ask(query);
    const answer = query.slice();
    answer[2]! |= 0x80;
    answer[3] = NOTAUTH;
    upstream.reply(() => answer.slice());
    expect(f.client.answers[0]!.slice(2)).toEqual(answer.slice(2));
  });

  it('too long for a datagram goes over a stream at once', () => {
    const { upstream, f } = fixture();
    f.ask(signed('long.example', 6000), new FakeClient(true));
    expect(upstream.last().overStream).toBe(true);
  });

  it('that is truncated keeps its question', () => {
    const { upstream, f } = fixture();
    const query = signed('big.example');
    f.ask(query);
    const answer = bytesOf(query.slice(0, 29), record('c00c', 16, 60, new Uint8Array(900)));
    answer[2]! |= 0x80;
    answer.set([0, 1, 0, 1, 0, 0, 0, 0], 4);
    upstream.reply(() => answer);
    const [given] = f.client.answers;
    expect(given!.length).toBe(29);
    expect(given![2]! & 0x02).toBe(0x02);
    expect(given!.slice(12)).toEqual(query.slice(12, 29));
  });

  it('that comes back is not sent again, and its zone is probed', () => {
    const { upstream, f } = fixture();
    f.ask(signed('loop.example'));
    for (let id = 0; id < 50; id++) f.ask(signed('loop.example', 40, 7, id));
    expect(upstream.sent).toHaveLength(1);
    expect(f.suspected).toEqual([-1]);
    f.pass(2000);
    expect(f.client.answers).toHaveLength(51);
    expect(f.pipeline.waiting).toBe(0);
  });

  it('that each hop of a loop changes is sent a bounded number of times', () => {
    const { upstream, f } = fixture();
    for (let mac = 0; mac < 60; mac++) f.ask(signed('changed.example', 40, mac));
    expect(upstream.sent.length).toBeLessThanOrEqual(8);
    expect(f.client.answers.length).toBe(60 - upstream.sent.length);
    f.pass(5000);
    expect(f.client.answers.length).toBe(60);
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('is refused while those in flight use up the memory for them', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]], maxInFlight: 1000 });
    const client = new FakeClient(true);
    const query = signed('n100.example', 65_000);
    const longest = (i: number) => {
      query.set(Buffer.from(String(100 + i)), 14);
      return query;
    };
    for (let i = 0; i < 300; i++) f.ask(longest(i), client);
    expect(client.rcodes).toEqual(new Array(300 - upstream.sent.length).fill(5));
    expect(upstream.sent.length).toBe(Math.floor((16 * 1024 * 1024) / query.length));
    // Others are asked as ever, and when all have ended there is room again.
    f.ask(bytesOf(header(0x0100, 1, 0, 0, 0), question('plain.example')));
    expect(upstream.last().bytes.length).toBeLessThan(100);
    f.pass(5000);
    expect(f.pipeline.flights).toMatchObject({ inUse: 0, opaqueBytes: 0 });
    const before = upstream.sent.length;
    f.ask(longest(300), client);
    expect(upstream.sent.length).toBe(before + 1);
  });

  it('and an ordinary one for the same name do not share a flight', () => {
    const { upstream, f } = fixture();
    f.ask(signed('both.example'));
    const plain = bytesOf(header(0x0100, 1, 0, 0, 0), question('both.example'));
    f.ask(plain);
    f.ask(plain);
    expect(upstream.sent).toHaveLength(2);
  });
});
