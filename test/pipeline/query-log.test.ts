// One line per answer while log.queries is on: who asked what and got which RCODE; a failure's line
// says why. A flood cannot fill a disk.
import { describe, expect, it } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { AnswerRecord } from '../../src/pipeline/answer-record.ts';
import { QueryLog } from '../../src/pipeline/query-log.ts';
import { Rcode, Type } from '../../src/wire/codes.ts';
import { ede } from '../../src/wire/ede.ts';
import { writeErrorReply } from '../../src/wire/reply.ts';
import { HandClock } from '../loop/incoming.ts';
import { type TestQuery, testQuery } from './queries.ts';

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

class LogFixture {
  readonly clock = new HandClock();
  readonly lines: Line[] = [];
  readonly log: QueryLog;

  constructor() {
    const write = (level: string) => (fields: object, message: string) => {
      this.lines.push({ level, fields: fields as Record<string, unknown>, message });
    };
    const log = { info: write('info'), warn: write('warn') } as Partial<Log> as Log;
    this.log = new QueryLog(log, this.clock);
  }

  /** A client at 10.1.2.3:4000 gets an answer without records. */
  answer({ bytes, q }: TestQuery, rcode: number, reason = ede(-1), stream = false): void {
    const out = new Uint8Array(512);
    const length = writeErrorReply(bytes, q, out, rcode, reason);
    const replyTo = { stream, reserve: () => out, send() {} };
    const record = new AnswerRecord();
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
        },
        message: 'query',
      },
      {
        level: 'info',
        fields: { client, proto: 'tcp', qname: 'example.org.', qtype: 'A', rcode: 'NOERROR', bytes: 29 },
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

  it('writes a thousand lines a second, and then how many are missing', () => {
    const fixture = new LogFixture();
    const query = testQuery('www.example.com');
    for (let i = 0; i < 1007; i++) fixture.answer(query, Rcode.NOERROR);
    expect(fixture.lines).toHaveLength(1000);
    fixture.clock.advance(1000);
    fixture.answer(query, Rcode.NOERROR);
    expect(fixture.lines.slice(1000)).toEqual([
      { level: 'warn', fields: { suppressed: 7 }, message: 'queries were not logged: too many' },
      { level: 'info', fields: expect.anything(), message: 'query' },
    ]);
  });
});
