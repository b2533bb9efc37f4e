import { describe, expect, it } from 'vitest';
import { NO_ROUTE, SENT_WINDOW_MS, SEVERAL_ROUTES, SentQuestions } from '../../src/loop/sent-questions.ts';

const hash = (...words: number[]): Int32Array => Int32Array.from([...words, 0, 0, 0, 0].slice(0, 4));
const NOW_MS = 5_000_000;

describe('sent questions', () => {
  it('knows by which route a question left, in every thread', () => {
    const mine = new SentQuestions();
    const theirs = new SentQuestions(mine.buffer);
    mine.add(hash(1, 2, 3), 700, NOW_MS);
    expect(theirs.findRoute(hash(1, 2, 3), NOW_MS)).toBe(700);
    expect(theirs.has(hash(1, 2, 3), 700, NOW_MS)).toBe(true);
    expect(theirs.has(hash(1, 2, 3), 701, NOW_MS)).toBe(false);
  });

  it('knows nothing of other questions, route 0 and empty memory included', () => {
    const sent = new SentQuestions();
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(NO_ROUTE);
    sent.add(hash(1, 2, 3), 0, NOW_MS);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS)).toBe(0);
    expect(sent.findRoute(hash(1, 5, 3), NOW_MS)).toBe(NO_ROUTE);
    expect(sent.findRoute(hash(5, 2, 3), NOW_MS)).toBe(NO_ROUTE);
  });

  it('says so when a question left by several routes', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, NOW_MS);
    sent.add(hash(1, 2, 3), 5, NOW_MS + 300);
    expect(sent.findRoute(hash(1, 2, 3), NOW_MS + 400)).toBe(SEVERAL_ROUTES);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + 400)).toBe(true);
    expect(sent.has(hash(1, 2, 3), 5, NOW_MS + 400)).toBe(true);
  });

  it('forgets after the window, and begins anew with each sending', () => {
    const sent = new SentQuestions();
    sent.add(hash(1, 2, 3), 4, NOW_MS);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS)).toBe(true);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS + 200)).toBe(false);
    sent.add(hash(1, 2, 3), 4, NOW_MS + 3000);
    expect(sent.has(hash(1, 2, 3), 4, NOW_MS + SENT_WINDOW_MS + 200)).toBe(true);
  });

  it('makes room by forgetting the oldest of a full bucket', () => {
    const sent = new SentQuestions();
    for (let i = 0; i < 5; i++) sent.add(hash(i + 1, 9, 3), i, NOW_MS + 100 * i);
    expect([0, 1, 2, 3, 4].map((i) => sent.has(hash(i + 1, 9, 3), i, NOW_MS + 500))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
  });

  it('takes an entry that two threads wrote at once for empty', () => {
    const a = new SentQuestions();
    const b = new SentQuestions();
    a.add(hash(1, 2, 3), 4, NOW_MS);
    b.add(hash(1, 2, 3), 700, NOW_MS + 64);
    const words = new Int32Array(a.buffer);
    const at = words.indexOf(1);
    words[at + 1] = new Int32Array(b.buffer)[at + 1]!;
    expect(a.findRoute(hash(1, 2, 3), NOW_MS)).toBe(NO_ROUTE);
  });
});
