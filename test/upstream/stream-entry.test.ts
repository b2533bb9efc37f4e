import { describe, expect, it } from 'vitest';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { answersEntry, createEntry } from '../../src/upstream/stream-entry.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const owner = new RecordingOwner();

function entryFor(name: string, options: { matchCase?: boolean; padded?: boolean } = {}) {
  const query = createQuery(name, owner, options);
  return createEntry(query, options.padded ?? false, 1234);
}

describe('createEntry', () => {
  it('copies the message behind its length, without the ID', () => {
    const query = createQuery('www.example', owner);
    query.bytes.set([0xab, 0xcd], 0);
    const { frame, questionLength, sinceMs } = createEntry(query, false, 1234);
    expect(frame.readUInt16BE(0)).toBe(query.length);
    expect(frame.length).toBe(2 + query.length);
    expect(frame.readUInt16BE(2)).toBe(0);
    expect(frame.subarray(4)).toEqual(Buffer.from(query.bytes).subarray(2));
    expect(questionLength).toBe(query.length - 12);
    expect(sinceMs).toBe(1234);
    query.bytes.fill(0xff);
    expect(frame.subarray(4, 6)).toEqual(Buffer.from([1, 0]));
  });
});

describe('answersEntry', () => {
  const counters = new Counters(createCounterBlock()).values;

  /** The query back with QR, changed. */
  function answers(change: (reply: Buffer) => void, matchCase = true): boolean {
    const entry = entryFor('www.example', { matchCase });
    const reply = Buffer.from(entry.frame.subarray(2));
    reply[2]! |= 0x80;
    change(reply);
    return answersEntry(entry, reply, reply.length, counters);
  }

  it('accepts a reply to its question', () => {
    expect(answers(() => {})).toBe(true);
  });

  it.each([
    ['a query', (reply: Buffer) => (reply[2]! &= 0x7f)],
    ['another opcode', (reply: Buffer) => (reply[2]! |= 0x08)],
    ['another name', (reply: Buffer) => (reply[13] = 0x78)],
    ['another type', (reply: Buffer) => (reply[reply.length - 3] = 28)],
  ])('refuses %s', (_, change) => {
    expect(answers(change)).toBe(false);
  });

  it('refuses fewer bytes than a header has', () => {
    const reply = Buffer.from(entryFor('www.example').frame.subarray(2));
    reply[2]! |= 0x80;
    expect(answersEntry(entryFor('www.example'), reply, 11, counters)).toBe(false);
  });

  it('accepts another case, and counts it when the case had to match', () => {
    const upper = (reply: Buffer) => (reply[13] = 0x57);
    const before = counters[Counter.upstreamCaseMismatches]!;
    expect(answers(upper, false)).toBe(true);
    expect(counters[Counter.upstreamCaseMismatches]).toBe(before);
    expect(answers(upper, true)).toBe(true);
    expect(counters[Counter.upstreamCaseMismatches]).toBe(before + 1);
  });

  it('accepts a bare header only if it is an error', () => {
    const bare = (rcode: number) => {
      const reply = Buffer.alloc(12);
      reply[2] = 0x80;
      reply[3] = rcode;
      return answersEntry(entryFor('www.example'), reply, 12, counters);
    };
    expect(bare(0)).toBe(false);
    expect(bare(1)).toBe(true);
    expect(bare(15)).toBe(true);
  });
});
