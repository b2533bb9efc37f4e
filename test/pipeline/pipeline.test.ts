// The door of the pipeline: what the data plane may change, ask and end.
import { describe, expect, it } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import type { IdentityAnswers } from '../../src/local/identity-answers.ts';
import { FakeClient, FakeUpstream, PipelineFixture, withRecord } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const SERVFAIL = 2;
const REFUSED = 5;

function fixture() {
  const upstream = new FakeUpstream(1);
  return { upstream, f: new PipelineFixture({ zones: [['.', [upstream]]] }) };
}

/** One record that points into the house. */
function withPrivateAddress(message: Uint8Array): Uint8Array {
  const whole = withRecord(message);
  whole.set([10, 0, 0, 1], whole.length - 4);
  return whole;
}

describe('configure', () => {
  it('drops what the cache had before rebinding protection, and only then', () => {
    const { upstream, f } = fixture();
    const { bytes } = testQuery('inside.example');
    f.ask(bytes);
    upstream.reply(withPrivateAddress);
    f.configure({ perClientWaiting: 7 });
    f.ask(bytes);
    expect([f.client.answers.map((answer) => answer[7]), upstream.sent.length]).toEqual([[1, 1], 1]);
    f.configure({ rebindExceptions: [] });
    f.ask(bytes);
    upstream.reply(withPrivateAddress);
    expect(f.client.answers[2]![7]).toBe(0);
    f.configure({ rebindExceptions: ['example'] });
    f.ask(bytes);
    upstream.reply(withPrivateAddress);
    expect([f.client.answers[3]![7], upstream.sent.length]).toEqual([1, 3]);
  });

  it('limits the waiting datagrams of one client from then on', () => {
    const { f } = fixture();
    f.configure({ perClientWaiting: 1 });
    f.ask(testQuery('a.example').bytes);
    f.ask(testQuery('b.example').bytes);
    expect(f.pipeline.waiting).toBe(1);
    // TC: over TCP the owner of the address can prove itself.
    expect(f.client.answers.map((answer) => answer[2]! & 0x02)).toEqual([2]);
    f.configure({});
    f.ask(testQuery('b.example').bytes);
    expect(f.pipeline.waiting).toBe(2);
  });

  it('changes the deadline of a question', () => {
    const { f } = fixture();
    f.configure({ times: { deadlineMs: 500, staleAfterMs: 400, hedge: true } });
    f.ask(testQuery('a.example').bytes);
    f.pass(490);
    expect(f.client.rcodes).toEqual([]);
    f.pass(20);
    expect(f.client.rcodes).toEqual([SERVFAIL]);
  });

  it('writes a line per answer while there is a log for it', () => {
    const { f } = fixture();
    const lines: object[] = [];
    const log = { info: (fields: object) => lines.push(fields) } as unknown as Log;
    const notify = testQuery('example').bytes;
    notify[2]! |= 4 << 3;
    f.configure({ queryLog: { log, dropped: () => 0 } });
    f.ask(notify);
    f.configure({});
    f.ask(notify);
    expect(lines).toMatchObject([{ client: '127.0.0.1:4000', proto: 'udp', rcode: 'NOTIMP' }]);
    expect(f.client.answers).toHaveLength(2);
  });

  it('tells who we are, or refuses to', () => {
    const { upstream, f } = fixture();
    const question = testQuery('version.bind', { type: 16 }).bytes;
    question[question.length - 1] = 3;
    f.ask(question);
    const message = question.slice();
    message[2]! |= 0x80;
    const identity = { find: () => message } as unknown as IdentityAnswers;
    f.configure({ local: { identity, records: null, special: null, any: null } });
    f.ask(question);
    expect(f.client.rcodes).toEqual([REFUSED, 0]);
    expect(upstream.sent).toHaveLength(0);
  });
});

describe('flush', () => {
  it('drops a name and those below it, one zone, or all, and says how many', () => {
    const upstreams = [new FakeUpstream(1), new FakeUpstream(2)] as const;
    const f = new PipelineFixture({
      zones: [
        ['.', [upstreams[0]]],
        ['corp.example', [upstreams[1]]],
      ],
    });
    const fill = () => {
      for (const [name, upstream] of [
        ['a.example', 0],
        ['b.a.example', 0],
        ['a.corp.example', 1],
      ] as const) {
        if (f.ask(testQuery(name).bytes) && upstreams[upstream].waiting.size > 0) upstreams[upstream].reply();
      }
    };
    fill();
    expect(f.pipeline.flush('a.example', '')).toBe(2);
    fill();
    expect(f.pipeline.flush('', 'corp.example')).toBe(1);
    fill();
    expect(f.pipeline.flush('a.example', 'corp.example')).toBe(0);
    expect(f.pipeline.flush('', 'other.example')).toBe(0);
    expect(f.pipeline.flush('', '')).toBe(3);
    expect(f.cache.entries).toBe(0);
  });
});

describe('drain', () => {
  it('waits for those who wait, and ends at once with the last of them', async () => {
    const { upstream, f } = fixture();
    f.ask(testQuery('a.example').bytes);
    let drained = false;
    const done = f.pipeline.drain(Number.POSITIVE_INFINITY).then(() => {
      drained = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(drained).toBe(false);
    upstream.reply();
    await done;
    expect(f.pipeline.waiting).toBe(0);
  });

  it('ends at its time, whoever still waits', async () => {
    const { f } = fixture();
    f.ask(testQuery('a.example').bytes);
    await f.pipeline.drain(f.clock.nowMs);
    expect(f.pipeline.waiting).toBe(1);
  });
});

describe('one query object for all messages', () => {
  it('keeps nothing of a client for the next one', () => {
    const { upstream, f } = fixture();
    const [stream, datagrams] = [new FakeClient(true), new FakeClient()];
    f.ask(testQuery('a.example', { udpSize: 4096 }).bytes, stream, '192.0.2.1');
    f.ask(testQuery('b.example').bytes, datagrams, '192.0.2.2');
    upstream.reply();
    upstream.reply();
    expect([stream.rcodes, datagrams.rcodes]).toEqual([[0], [0]]);
    // OPT for the one who sent it.
    expect([stream.answers[0]![11], datagrams.answers[0]![11]]).toEqual([1, 0]);
  });
});
