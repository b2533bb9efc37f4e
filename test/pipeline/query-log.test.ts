// One line per answer while log.queries is on: who asked what and got which RCODE; a failure's line
// says why. A flood cannot fill a disk.
import { describe, expect, it } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { AnswerRecord, CacheState } from '../../src/pipeline/answer-record.ts';
import { AttemptEnd } from '../../src/pipeline/pending/timeline.ts';
import { type QueryConditions, QueryFilter } from '../../src/pipeline/query-filter.ts';
import { QueryLog } from '../../src/pipeline/query-log.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';
import { Rcode, Type } from '../../src/wire/codes.ts';
import { ede } from '../../src/wire/ede.ts';
import { writeErrorReply } from '../../src/wire/reply.ts';
import { HandClock } from '../loop/incoming.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeUpstream } from './pipeline-fixture.ts';
import { type TestQuery, testQuery } from './queries.ts';

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

const ALL: QueryConditions = { zones: [], clients: [], rcodes: [], slowerThanMs: 0, sample: 1 };

class LogFixture {
  readonly clock = new HandClock();
  readonly lines: Line[] = [];
  readonly log: QueryLog;
  readonly counters = new Counters(createCounterBlock());
  /** Lines that a slow reader has cost. */
  dropped = 0;
  readonly record = new AnswerRecord();

  constructor(conditions: QueryConditions = ALL) {
    const write = (level: string) => (fields: object, message: string) => {
      this.lines.push({ level, fields: fields as Record<string, unknown>, message });
    };
    const log = { info: write('info'), warn: write('warn') } as Partial<Log> as Log;
    const lines = { log, dropped: () => this.dropped };
    this.log = new QueryLog(lines, new QueryFilter(conditions), this.clock, this.counters);
  }

  /** A client at 10.1.2.3:4000 gets an answer without records. */
  answer({ bytes, q }: TestQuery, rcode: number, reason = ede(-1), stream = false): void {
    const out = new Uint8Array(512);
    const length = writeErrorReply(bytes, q, out, rcode, reason);
    const replyTo = { stream, reserve: () => out, send() {} };
    const record = this.record;
    record.rcode = rcode;
    this.log.note({ replyTo, peers: parsePeer('10.1.2.3', 4000)!, peerOffset: 0 }, out, length, record);
  }
}

describe('the query log', () => {
  it('says who asked what, how, and what came of it', () => {
    const fixture = new LogFixture();
    fixture.answer(testQuery('www.Example.com', { type: Type.AAAA }), Rcode.NXDOMAIN);
    fixture.answer(testQuery('example.org'), Rcode.NOERROR, ede(-1), true);
    const client = '10.1.2.3:4000';
    expect(fixture.lines).toEqual([
      {
        level: 'info',
        fields: {
          client,
          proto: 'udp',
          qname: 'www.Example.com.',
          qtype: 'AAAA',
          rcode: 'NXDOMAIN',
          bytes: 33,
          durationMs: 0,
          cache: 'none',
        },
        message: 'query',
      },
      {
        level: 'info',
        fields: {
          client,
          proto: 'tcp',
          qname: 'example.org.',
          qtype: 'A',
          rcode: 'NOERROR',
          bytes: 29,
          durationMs: 0,
          cache: 'none',
        },
        message: 'query',
      },
    ]);
  });

  it('has the whole answer of a failure, with the reason', () => {
    const fixture = new LogFixture();
    const why = ede(14, new TextEncoder().encode('forwarding loop: "x"'));
    fixture.answer(testQuery('www.example.com', { dnssecOk: true }), Rcode.SERVFAIL, why);
    const { rcode, answer } = fixture.lines[0]!.fields;
    expect(rcode).toBe('SERVFAIL');
    expect(answer).toEqual([
      expect.stringMatching(/^;; QUERY, SERVFAIL, id \d+, flags \[qr rd ra\], \d+ bytes$/),
      ';; question',
      'www.example.com. IN A',
      ';; additional',
      '; EDNS 0, udp 1232, SERVFAIL do',
      ';   EDE 14 notReady "forwarding loop: \\"x\\""',
    ]);
  });

  it.each([Rcode.FORMERR, Rcode.NOTIMP, Rcode.REFUSED])('takes RCODE %i for a failure', (rcode) => {
    const fixture = new LogFixture();
    fixture.answer(testQuery('www.example.com'), rcode);
    expect(fixture.lines[0]!.fields).toHaveProperty('answer');
  });

  it.each([
    [CacheState.fresh, Rcode.NXDOMAIN, 'negative'],
    [CacheState.fresh, Rcode.NOERROR, 'negative'],
    [CacheState.stale, Rcode.NOERROR, 'stale'],
    [CacheState.failure, Rcode.SERVFAIL, 'failure'],
    [CacheState.none, Rcode.NOERROR, 'none'],
  ])('names the cache state %i with RCODE %i: %s', (cache, rcode, name) => {
    const fixture = new LogFixture();
    fixture.record.cache = cache;
    fixture.answer(testQuery('www.example.com'), rcode);
    expect(fixture.lines[0]!.fields).toMatchObject({ cache: name });
  });

  it('says how long it took, and which upstreams did what', () => {
    const fixture = new LogFixture();
    const flight = activeFlight(rootZone([new FakeUpstream(1)], new SharedUpstreamState()));
    flight.timeline.begin(0, false, fixture.clock.nowMs);
    fixture.clock.advance(12);
    flight.timeline.end(0, AttemptEnd.replied, Rcode.NOERROR, fixture.clock.nowMs);
    flight.timeline.answeredBy = 0;
    fixture.record.flight = flight;
    fixture.record.durationMs = 12.3456;
    fixture.answer(testQuery('www.example.com', { dnssecOk: true }), Rcode.NOERROR, ede(3));
    const { upstream, attempts, ...fields } = fixture.lines[0]!.fields;
    expect(fields).toMatchObject({ durationMs: 12.35, zone: '.', ede: [{ code: 3, text: '' }] });
    expect(upstream).toBe(flight.zone!.upstreams[0]!.text);
    expect(attempts).toMatchObject([{ upstream, transport: 'udp', durationMs: 12, outcome: 'answered' }]);
  });

  it('leaves out what the filter does not take', () => {
    const fixture = new LogFixture({ ...ALL, rcodes: [Rcode.SERVFAIL] });
    fixture.answer(testQuery('www.example.com'), Rcode.NOERROR);
    fixture.answer(testQuery('www.example.com'), Rcode.SERVFAIL);
    expect(fixture.lines.map(({ fields }) => fields.rcode)).toEqual(['SERVFAIL']);
  });

  it('counts what it does not write, and what its reader is too slow for', () => {
    const fixture = new LogFixture();
    const query = testQuery('www.example.com');
    for (let i = 0; i < 1003; i++) fixture.answer(query, Rcode.NOERROR);
    fixture.dropped = 40;
    fixture.log.tick();
    fixture.log.tick();
    expect(fixture.counters.values[Counter.queryLogDropped]).toBe(43);
  });

  it('says how many lines are missing also when nobody asks any more', () => {
    const fixture = new LogFixture();
    for (let i = 0; i < 1007; i++) fixture.answer(testQuery('www.example.com'), Rcode.NOERROR);
    fixture.log.tick();
    expect(fixture.lines).toHaveLength(1000);
    fixture.clock.advance(1000);
    fixture.log.tick();
    fixture.log.tick();
    expect(fixture.lines.slice(1000)).toMatchObject([{ level: 'warn', fields: { suppressed: 7 } }]);
  });

  it('writes a thousand lines a second, and then how many are missing', () => {
    const fixture = new LogFixture();
    const query = testQuery('www.example.com');
    for (let i = 0; i < 1007; i++) fixture.answer(query, Rcode.NOERROR);
    expect(fixture.lines).toHaveLength(1000);
    fixture.clock.advance(1000);
    fixture.answer(query, Rcode.NOERROR);
    expect(fixture.lines.slice(1000)).toEqual([
      { level: 'warn', fields: { suppressed: 7 }, message: 'too many queries to log: some were left out' },
      { level: 'info', fields: expect.anything(), message: 'query' },
    ]);
  });
});
