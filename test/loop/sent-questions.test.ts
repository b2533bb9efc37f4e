import { describe, expect, it } from 'vitest';
import {
  NO_ROUTE,
  SENT_WINDOW_MS,
  SEVERAL_ROUTES,
  SentNote,
  SentQuestions,
} from '../../src/loop/sent-questions.ts';

const hash = (...words: number[]): Int32Array => Int32Array.from([...words, 0, 0, 0, 0].slice(0, 4));
const NOW_MS = 5_000_000;
const note = new SentNote();

describe('sent questions', () => {
  it('know the route that a question was sent by, in every thread', () => {
    const mine = new SentQuestions();
    const theirs = new SentQuestions(mine.buffer);
    mine.add(hash(1, 2, 3), 700, NOW_MS, note);
    expect(theirs.findRoute(hash(1, 2, 3), NOW_MS)).toBe(700);
    expect(theirs.has(hash(1, 2, 3), 700, NOW_MS)).toBe(true);
    expect(theirs.has(hash(1, 2, 3), 701, NOW_MS)).toBe(false);
  });

  it('know nothing of other questions, route 0 and empty memory included', () => {
    const sent = new SentQuestions();
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(NO_ROUTE);
    sent.add(hash(1, 2, 3), 0, NOW_MS, note);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(0);
    expect(sent.findRoute(hash(1, 5, 3), NOW_MS)).toBe(NO_ROUTE);
    expect(sent.findRoute(hash(5, 2, 3), NOW_MS)).toBe(NO_ROUTE);
  });

  it('say when a question was sent by several routes', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, NOW_MS, note);
    sent.add(hash(1, 2, 3), 5, NOW_MS + 300, note);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS + 400)).toBe(SEVERAL_ROUTES);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + 400)).toBe(true);
    expect(sent.has(hash(1, 2, 3), 5, NOW_MS + 400)).toBe(true);
  });

  it('tell the route that a question was already sent by when it is added', () => {
    const mine = new SentQuestions();
    const other = new SentQuestions(mine.buffer);
    mine.add(hash(1, 2, 3), 4, NOW_MS, note);
    expect(note.earlierRoute).toBe(NO_ROUTE);
    const { slot } = note;
    other.add(hash(1, 2, 3), 5, NOW_MS + 10, note);
    expect(note.earlierRoute).toBe(4);
    expect(note.earlierSlot).toBe(slot);
    mine.add(hash(1, 2, 3), 4, NOW_MS + 20, note);
    expect(note.earlierRoute).toBe(SEVERAL_ROUTES);
    mine.add(hash(1, 7, 3), 4, NOW_MS + 30, note);
    expect(note.earlierRoute).toBe(NO_ROUTE);
  });

  it('ignore a question that was answered or sent long ago, but still count it as proof', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, NOW_MS, note);
    const { slot } = note;
    expect(sent.isUnanswered(slot, 1, 4, NOW_MS)).toBe(true);
    sent.setAnswered(slot, 9);
    expect(sent.isUnanswered(slot, 1, 4, NOW_MS)).toBe(true);
    sent.setAnswered(slot, 1);
    expect(sent.isUnanswered(slot, 1, 4, NOW_MS)).toBe(false);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS)).toBe(true);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(4);
    sent.add(hash(1, 2, 3), 4, NOW_MS + 10, note);
    expect(note.earlierRoute).toBe(NO_ROUTE);
    expect(note).toMatchObject({ slot, mark: 1 });
    expect(sent.isUnanswered(slot, 1, 4, NOW_MS)).toBe(true);
    sent.add(hash(1, 2, 3), 4, NOW_MS + 10 + SENT_WINDOW_MS + 200, note);
    expect(note.earlierRoute).toBe(NO_ROUTE);
    expect(sent.isUnanswered(slot, 1, 5, NOW_MS + SENT_WINDOW_MS)).toBe(false);
  });

  it('forget after the window, which begins again with each sending', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, NOW_MS, note);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS)).toBe(true);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS + 200)).toBe(false);
    sent.add(hash(1, 2, 3), 4, NOW_MS + 3000, note);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS + 200)).toBe(true);
  });

  it('keep the last route, and questions of different buckets, apart', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 8191), 1023, NOW_MS, note);
    sent.add(hash(1, 2, 0), 3, NOW_MS, note);
    expect(sent.findRoute(hash(1, 2, 8191), NOW_MS)).toBe(1023);
    expect(sent.findRoute(hash(1, 2, 0), NOW_MS)).toBe(3);
    expect(sent.findRoute(hash(1, 2, 1), NOW_MS)).toBe(NO_ROUTE);
    for (let bucket = 0; bucket < 8192; bucket++) sent.add(hash(7, 7, bucket), bucket & 1023, NOW_MS, note);
    for (let bucket = 0; bucket < 8192; bucket += 97) {
      expect(sent.findRoute(hash(7, 7, bucket), NOW_MS)).toBe(bucket & 1023);
    }
  });

  it('find a question in each slot of its bucket, and next to others with the same first word', () => {
    const sent = new SentQuestions();
    for (let i = 0; i < 4; i++) sent.add(hash(1, 20 + i, 3), i, NOW_MS + 64 * i, note);
    for (let i = 0; i < 4; i++) {
      expect(sent.findRoute(hash(1, 20 + i, 3), NOW_MS + 300)).toBe(i);
      expect(sent.has(hash(1, 20 + i, 3), i, NOW_MS + 300)).toBe(true);
      expect(sent.has(hash(1, 20 + i, 3), (i + 1) & 3, NOW_MS + 300)).toBe(false);
    }
  });

  it('write a question that was sent before into its old slot', () => {
    const sent = new SentQuestions();
    for (let i = 0; i < 4; i++) sent.add(hash(i + 1, 9, 3), i, NOW_MS + 64 * i, note);
    for (let again = 0; again < 10; again++) sent.add(hash(3, 9, 3), 2, NOW_MS + 1000, note);
    expect([0, 1, 2, 3].map((i) => sent.findRoute(hash(i + 1, 9, 3), NOW_MS + 1000))).toEqual([0, 1, 2, 3]);
  });

  it('keep questions of one bucket that were sent by the same route', () => {
    const sent = new SentQuestions();
    for (let i = 0; i < 4; i++) sent.add(hash(i + 1, 9, 3), 4, NOW_MS, note);
    for (let i = 0; i < 4; i++) expect(sent.findRoute(hash(i + 1, 9, 3), NOW_MS)).toBe(4);
  });

  it('do not find what is in the next bucket', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 4), 700, NOW_MS, note);
    expect(sent.has(hash(1, 2, 3), 700, NOW_MS)).toBe(false);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(NO_ROUTE);
    expect(sent.has(hash(1, 2, 5), 700, NOW_MS)).toBe(false);
  });

  it('wrap their tick counter', () => {
    const wrapMs = 65_536 * 64;
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, wrapMs - 100, note);
    expect(sent.has(hash(1, 2, 3), 4, wrapMs + 100)).toBe(true);
    expect(sent.has(hash(1, 2, 3), 4, wrapMs + SENT_WINDOW_MS + 100)).toBe(false);
  });

  it('make room by forgetting the oldest of a full bucket', () => {
    const sent = new SentQuestions();
    for (let i = 0; i < 5; i++) sent.add(hash(i + 1, 9, 3), i, NOW_MS + 100 * i, note);
    expect([0, 1, 2, 3, 4].map((i) => sent.has(hash(i + 1, 9, 3), i, NOW_MS + 500))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
  });

  it('treat an entry that two threads wrote at once as empty', () => {
    const a = new SentQuestions();
    const b = new SentQuestions();
    a.add(hash(1, 2, 3), 4, NOW_MS, note);
    b.add(hash(1, 2, 3), 700, NOW_MS + 64, note);
    const words = new Int32Array(a.buffer);
    const at = words.indexOf(1);
    words[at + 1] = new Int32Array(b.buffer)[at + 1]!;
    // Late enough that either sending alone would be found.
    expect(b.findRoute(hash(1, 2, 3), NOW_MS + 64)).toBe(700);
    expect(a.findRoute(hash(1, 2, 3), NOW_MS + 64)).toBe(NO_ROUTE);
    expect(a.has(hash(1, 2, 3), 700, NOW_MS + 64)).toBe(false);
  });
});
