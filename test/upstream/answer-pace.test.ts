import { expect, it } from 'vitest';
import { AnswerPace } from '../../src/upstream/answer-pace.ts';

it('stays within its bounds while nothing is known', () => {
  const pace = new AnswerPace();
  expect(pace.suspectMs).toBe(250);
  expect(pace.patienceMs).toBe(30);
});

it('takes the time to connect for a first estimate, once', () => {
  const pace = new AnswerPace();
  pace.connected(100);
  expect(pace.suspectMs).toBe(400);
  expect(pace.patienceMs).toBe(150);
  pace.connected(10);
  expect(pace.suspectMs).toBe(400);
});

it('follows a faster answer at once', () => {
  const pace = new AnswerPace();
  pace.connected(100);
  pace.answered(80);
  expect(pace.suspectMs).toBe(320);
});

it('follows a slower answer by one part in 32', () => {
  const pace = new AnswerPace();
  pace.connected(100);
  pace.answered(100 + 32);
  expect(pace.patienceMs).toBe(1.5 * 101);
});

it('never suspects before 250 ms nor after a second', () => {
  const pace = new AnswerPace();
  pace.connected(900);
  expect(pace.suspectMs).toBe(1000);
  pace.answered(1);
  expect(pace.suspectMs).toBe(250);
});
