import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { TimerWheel } from '../../src/base/timer-wheel.ts';
import { DOUBT_MS, Doubts, MAX_DOUBTS } from '../../src/loop/doubts.ts';
import { SentNote, SentQuestions } from '../../src/loop/sent-questions.ts';

const ROUTE = 3;
const UPSTREAM = 7;

class World {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock.nowMs);
  readonly sent = new SentQuestions();
  readonly note = new SentNote();
  answered = 0;
  readonly silent: number[] = [];
  readonly doubts = new Doubts(this.clock, this.wheel, this.sent, {
    answers: (upstreamSlot) => (upstreamSlot === UPSTREAM ? this.answered : -1),
    onSilence: (routeSlot) => this.silent.push(routeSlot),
  });

  doubt(mark: number, routeSlot = ROUTE): number {
    this.sent.add(Int32Array.of(mark, 2, mark, 4), routeSlot, this.clock.nowMs, this.note);
    this.doubts.add({ sentSlot: this.note.slot, sentMark: mark, routeSlot, upstreamSlot: UPSTREAM });
    return this.note.slot;
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      this.wheel.advance(this.clock.nowMs);
    }
  }
}

describe('a question that came again while it was in flight', () => {
  it('is suspect when it is still unanswered a moment later', () => {
    const world = new World();
    world.doubt(1);
    world.pass(DOUBT_MS - 10);
    expect(world.silent).toEqual([]);
    world.pass(20);
    expect(world.silent).toEqual([ROUTE]);
    world.pass(1000);
    expect(world.silent).toEqual([ROUTE]);
  });

  it('is not suspect when it was answered', () => {
    const world = new World();
    const slot = world.doubt(1);
    world.sent.setAnswered(slot, 1);
    world.pass(1000);
    expect(world.silent).toEqual([]);
  });

  it('nor when its upstream has answered another question', () => {
    const world = new World();
    world.doubt(1);
    world.answered++;
    world.pass(1000);
    expect(world.silent).toEqual([]);
  });

  it('waits its full time, whatever came before', () => {
    const world = new World();
    world.doubt(1, 1);
    world.pass(20);
    world.doubt(2, 2);
    world.pass(20);
    expect(world.silent).toEqual([1]);
    world.pass(20);
    expect(world.silent).toEqual([1, 2]);
  });

  it('is forgotten when there are too many, and the others still end', () => {
    const world = new World();
    for (let i = 0; i < MAX_DOUBTS + 50; i++) world.doubt(i + 1);
    world.pass(100);
    expect(world.silent).toHaveLength(MAX_DOUBTS);
    world.doubt(1);
    world.pass(100);
    expect(world.silent).toHaveLength(MAX_DOUBTS + 1);
    expect(world.wheel.armed).toBe(0);
  });
});
