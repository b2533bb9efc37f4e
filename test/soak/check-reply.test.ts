// The judge of the soak: each correct reply passes, and no changed one does.
import { describe, expect, it } from 'vitest';
import { checkReply } from './check-reply.ts';
import { QuestionSource } from './question-source.ts';
import { truthOf, writeTrueAnswer } from './truth.ts';

const LIMIT = 65535;
/** RD, and the bytes that a server may set as it likes: AA, AD, CD. */
const FREE_BITS: Readonly<Record<number, number>> = { 2: 0x04, 3: 0x30 };

function exchange(wanted: (label: string) => boolean = () => true) {
  const source = new QuestionSource();
  for (;;) {
    const question = source.next();
    if (!wanted(question.query.toString('latin1', 13).toLowerCase())) continue;
    question.query.writeUInt16BE(0xabcd, 0);
    const truth = truthOf(question.query, question.query.length)!;
    return { ...question, truth, reply: writeTrueAnswer(question.query, truth, LIMIT, question.hasOpt) };
  }
}

describe('the judge of the soak', () => {
  it('takes the truth about every question, over UDP as much of it as fits', () => {
    for (let i = 0; i < 2000; i++) {
      const { query, hasOpt, udpLimit, truth, reply } = exchange();
      expect(checkReply(query, hasOpt, LIMIT, reply)).toBe('good');
      const datagram = writeTrueAnswer(query, truth, udpLimit, hasOpt);
      expect(checkReply(query, hasOpt, udpLimit, datagram)).toBe(
        reply.length > udpLimit ? 'truncated' : 'good',
      );
    }
  });

  it('takes the whole answers of a reply that was cut, from the first one on, and no others', () => {
    for (let i = 0; i < 50; i++) {
      const { query, hasOpt, truth, reply } = exchange((label) => label.startsWith('big-'));
      if (truth.answers === 0) continue;
      const start = reply.length - truth.records.length - (hasOpt ? 11 : 0);
      const cut = (count: number, bytes: number) => {
        const opt = reply.subarray(start + truth.records.length);
        const message = Buffer.concat([reply.subarray(0, start + bytes), opt]);
        message[2]! |= 0x02;
        message.writeUInt16BE(count, 6);
        return checkReply(query, hasOpt, 512, message);
      };
      const [, second, third] = truth.ttlOffsets.map((at) => at - 6) as [number, number, number];
      expect([cut(0, 0), cut(1, second), cut(2, third)]).toEqual(['truncated', 'truncated', 'truncated']);
      for (const [count, bytes] of [
        [1, 0],
        [0, second],
        [2, second],
        [1, second - 1],
        [1, third],
      ] as const)
        expect(cut(count, bytes)).toEqual({ wrong: expect.any(String) });
    }
  });

  it('takes no reply of which one bit is another', () => {
    for (let i = 0; i < 100; i++) {
      const { query, hasOpt, truth, reply } = exchange(
        (label) => label.startsWith('a-') || label.startsWith('nx-'),
      );
      const start = reply.length - truth.records.length - (hasOpt ? 11 : 0);
      // A lower TTL is right, and what OPT says of size, version and flags is nobody's truth.
      const ttl = new Set(truth.ttlOffsets.flatMap((at) => [0, 1, 2, 3].map((byte) => start + at + byte)));
      for (let at = 0; at < reply.length - (hasOpt ? 8 : 0); at++) {
        for (let bit = 1; bit < 256; bit <<= 1) {
          if (ttl.has(at) || ((FREE_BITS[at] ?? 0) & bit) !== 0) continue;
          const changed = Buffer.from(reply);
          changed[at] = changed[at]! ^ bit;
          // RCODE and TC lead to other forms, which must not pass either: there are records in
          // them.
          expect([at, bit, checkReply(query, hasOpt, LIMIT, changed)]).toEqual([
            at,
            bit,
            { wrong: expect.any(String) },
          ]);
        }
      }
    }
  });

  it('takes a lower TTL, and no higher one', () => {
    const { query, hasOpt, truth, reply } = exchange((label) => label.startsWith('a-'));
    const at = reply.length - truth.records.length - (hasOpt ? 11 : 0) + truth.ttlOffsets[0]!;
    const withTtl = (ttlSeconds: number) => {
      const changed = Buffer.from(reply);
      changed.writeUInt32BE(ttlSeconds, at);
      return checkReply(query, hasOpt, LIMIT, changed);
    };
    expect(withTtl(0)).toBe('good');
    expect(withTtl(truth.ttlSeconds + 1)).toEqual({ wrong: expect.stringContaining('TTL') });
  });

  it('takes no reply that is cut short, goes on, or passes the limit', () => {
    const { query, hasOpt, reply } = exchange();
    for (let length = 0; length < reply.length; length++)
      expect(checkReply(query, hasOpt, LIMIT, reply.subarray(0, length))).toHaveProperty('wrong');
    expect(checkReply(query, hasOpt, LIMIT, Buffer.concat([reply, Buffer.alloc(1)]))).toHaveProperty('wrong');
    expect(checkReply(query, hasOpt, reply.length - 1, reply)).toHaveProperty('wrong');
  });
});
