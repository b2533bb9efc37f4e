import { describe, expect, it } from 'vitest';
import { RrCursor } from '../../src/wire/rr.ts';
import { bytesOf, header, inSlot, opt, QNAME_POINTER, question, record } from './build-message.ts';

const head = bytesOf(header(0x8180, 1, 2, 0, 1), question('a.example'));
const message = bytesOf(
  head,
  record(QNAME_POINTER, 5, 60, bytesOf('0162 c00e')),
  record('0162 c00e', 1, 61, bytesOf('01020304'), 3),
  opt(1232),
);

describe('RrCursor', () => {
  it('steps through all records and ends sound', () => {
    const rr = new RrCursor();
    rr.reset(message, message.length, head.length, 3);
    expect(rr.next()).toBe(true);
    expect([rr.nameOffset, rr.type, rr.class, rr.rdataLength]).toEqual([head.length, 5, 1, 4]);
    expect(message[rr.ttlOffset + 3]).toBe(60);
    expect(rr.next()).toBe(true);
    expect([rr.type, rr.class, rr.rdataLength]).toEqual([1, 3, 4]);
    expect(message.slice(rr.rdataOffset, rr.endOffset)).toEqual(bytesOf('01020304'));
    expect(rr.next()).toBe(true);
    expect([rr.type, rr.class, rr.rdataLength]).toEqual([41, 1232, 0]);
    expect(rr.endOffset).toBe(message.length);
    expect(rr.next()).toBe(false);
    expect(rr.failed).toBe(false);
  });

  it('stops after as many as it was told', () => {
    const rr = new RrCursor();
    rr.reset(message, message.length, head.length, 1);
    expect(rr.next()).toBe(true);
    expect(rr.next()).toBe(false);
    expect(rr.failed).toBe(false);
  });

  it('fails wherever the message is cut', () => {
    for (let length = head.length; length < message.length; length++) {
      const rr = new RrCursor();
      rr.reset(inSlot(message.slice(0, length), 80, 0), length, head.length, 3);
      while (rr.next()) expect(rr.endOffset).toBeLessThanOrEqual(length);
      expect(rr.failed).toBe(true);
    }
  });

  it('fails at once on counts that no message of this length can keep', () => {
    const rr = new RrCursor();
    rr.reset(message, message.length, head.length, 0xffff * 3);
    expect(rr.next()).toBe(false);
    expect(rr.failed).toBe(true);
  });

  it('fails at once on one record more than there is room for, and on none less', () => {
    const three = bytesOf(head, ...Array.from({ length: 3 }, () => record('00', 1, 1, bytesOf())));
    const stepsOf = (count: number): [number, boolean] => {
      const rr = new RrCursor();
      rr.reset(three, three.length, head.length, count);
      let steps = 0;
      while (rr.next()) steps++;
      return [steps, rr.failed];
    };
    expect(stepsOf(3)).toEqual([3, false]);
    expect(stepsOf(4)).toEqual([0, true]);
    expect(new RrCursor().failed).toBe(false);
    expect(new RrCursor().next()).toBe(false);
  });

  it('fails on a broken name whatever the counts in the header are', () => {
    for (const owner of ['c0ff', '80', '3f']) {
      const broken = bytesOf(
        header(0x8180, 1, 0, 0, 0),
        question('a'),
        record(owner, 1, 1, new Uint8Array(20)),
      );
      const rr = new RrCursor();
      rr.reset(broken, broken.length, 19, 1);
      expect(rr.next()).toBe(false);
      expect(rr.failed).toBe(true);
    }
  });

  it('fails on a broken name and stays failed until reset', () => {
    const rr = new RrCursor();
    const broken = bytesOf(head, record('c0ff', 1, 1, bytesOf()), record('00', 1, 1, bytesOf()));
    rr.reset(broken, broken.length, head.length, 2);
    expect(rr.next()).toBe(false);
    expect(rr.next()).toBe(false);
    expect(rr.failed).toBe(true);
    rr.reset(message, message.length, head.length, 3);
    expect(rr.failed).toBe(false);
    expect(rr.next()).toBe(true);
  });
});
