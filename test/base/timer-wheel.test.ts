// Timers in the wheel: never early, at most one tick late, whatever a callback does to other
// timers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { TimerWheel, type WheelTimer } from '../../src/base/timer-wheel.ts';

const TICK_MS = 10;
/** One turn of the wheel: 256 slots. */
const TURN_MS = 256 * TICK_MS;

class Timer implements WheelTimer {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  readonly firedMs: number[] = [];
  readonly #then: (nowMs: number) => void;

  constructor(then: (nowMs: number) => void = () => {}) {
    this.#then = then;
  }

  onTimer(nowMs: number): void {
    this.firedMs.push(nowMs);
    this.#then(nowMs);
  }
}

function setUp() {
  const clock = new ManualClock(1_000_000);
  const wheel = new TimerWheel(clock.nowMs, TICK_MS);
  const start = clock.nowMs;
  /** Moves the time in ticks, as a worker's interval does. */
  const run = (ms: number) => {
    for (const endMs = clock.nowMs + ms; clock.nowMs < endMs; ) {
      clock.advance(Math.min(TICK_MS, endMs - clock.nowMs));
      wheel.advance(clock.nowMs);
    }
  };
  return { clock, wheel, start, run };
}

describe('timer-wheel', () => {
  it('fires once, not before its time and within a tick of it', () => {
    const { wheel, start, run } = setUp();
    const timer = new Timer();
    wheel.arm(timer, start + 95);
    expect(wheel.armed).toBe(1);
    run(90);
    expect(timer.firedMs).toEqual([]);
    run(10);
    expect(timer.firedMs).toEqual([start + 100]);
    expect(wheel.armed).toBe(0);
    run(2 * TURN_MS);
    expect(timer.firedMs).toHaveLength(1);
  });

  it('fires what is already due at the next tick, not at once', () => {
    const { wheel, start, run } = setUp();
    const timer = new Timer();
    wheel.arm(timer, start - 500);
    wheel.advance(start);
    expect(timer.firedMs).toEqual([]);
    run(TICK_MS);
    expect(timer.firedMs).toEqual([start + TICK_MS]);
  });

  it('keeps a timer that is several turns ahead until its own turn', () => {
    const { wheel, start, run } = setUp();
    const far = new Timer();
    const dueMs = start + 5 * TURN_MS + 30;
    wheel.arm(far, dueMs);
    run(5 * TURN_MS + 20);
    expect(far.firedMs).toEqual([]);
    expect(wheel.armed).toBe(1);
    run(TICK_MS);
    expect(far.firedMs).toEqual([dueMs]);
  });

  it('fires everything that came due in a sleep of many turns, once each', () => {
    const { clock, wheel, start } = setUp();
    const due = Array.from({ length: 600 }, (_, i) => {
      const timer = new Timer();
      wheel.arm(timer, start + i * 37);
      return timer;
    });
    const later = new Timer();
    wheel.arm(later, start + 100 * TURN_MS);
    clock.advance(20 * TURN_MS);
    wheel.advance(clock.nowMs);
    expect(due.map((timer) => timer.firedMs)).toEqual(due.map(() => [clock.nowMs]));
    expect(later.firedMs).toEqual([]);
    clock.advance(80 * TURN_MS);
    wheel.advance(clock.nowMs);
    expect(later.firedMs).toEqual([clock.nowMs]);
  });

  it('moves a timer that is armed again', () => {
    const { wheel, start, run } = setUp();
    const timer = new Timer();
    wheel.arm(timer, start + 20);
    wheel.arm(timer, start + 200);
    expect(wheel.armed).toBe(1);
    run(100);
    expect(timer.firedMs).toEqual([]);
    run(100);
    expect(timer.firedMs).toEqual([start + 200]);
  });

  it('forgets a canceled timer, and tolerates a second cancel', () => {
    const { wheel, start, run } = setUp();
    const timer = new Timer();
    wheel.arm(timer, start + 20);
    wheel.cancel(timer);
    wheel.cancel(timer);
    expect(wheel.armed).toBe(0);
    run(TURN_MS);
    expect(timer.firedMs).toEqual([]);
  });

  it('lets a callback cancel its neighbors in the slot', () => {
    const { wheel, start, run } = setUp();
    const others = [new Timer(), new Timer()];
    const first = new Timer(() => {
      for (const other of others) wheel.cancel(other);
    });
    for (const timer of [first, ...others]) wheel.arm(timer, start + 50);
    run(TURN_MS);
    expect(first.firedMs).toHaveLength(1);
    expect(others.map((timer) => timer.firedMs)).toEqual([[], []]);
    expect(wheel.armed).toBe(0);
  });

  it('lets a callback arm itself and others, in its own slot too', () => {
    const { wheel, start, run } = setUp();
    const other = new Timer();
    const again: Timer = new Timer((nowMs) => {
      if (again.firedMs.length === 1) {
        wheel.arm(again, nowMs);
        wheel.arm(other, nowMs + TURN_MS);
      }
    });
    wheel.arm(again, start + 50);
    run(50);
    expect(again.firedMs).toEqual([start + 50]);
    run(TICK_MS);
    expect(again.firedMs).toEqual([start + 50, start + 60]);
    run(TURN_MS - TICK_MS);
    expect(other.firedMs).toEqual([start + 50 + TURN_MS]);
    expect(wheel.armed).toBe(0);
  });

  it('reports the first timer that is armed, and again after there were none', () => {
    let told = 0;
    const wheel = new TimerWheel(0, TICK_MS, () => told++);
    const [first, second] = [new Timer(), new Timer()];
    wheel.arm(first, 20);
    wheel.arm(second, 20);
    wheel.arm(first, 40);
    expect(told).toBe(1);
    wheel.advance(100);
    expect(told).toBe(1);
    wheel.arm(first, 120);
    expect(told).toBe(2);
  });

  it('agrees with a plain list of due times, for any order of arming, cancelling and waiting', {
    timeout: 120_000,
  }, () => {
    const step = fc.oneof(
      fc.record({ arm: fc.nat(9), inMs: fc.integer({ min: 0, max: 3 * TURN_MS }) }),
      fc.record({ cancel: fc.nat(9) }),
      fc.record({ sleepMs: fc.integer({ min: 0, max: 2 * TURN_MS }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, wheel } = setUp();
        const timers = Array.from({ length: 10 }, () => new Timer());
        const due = new Map<number, number>();
        const fired = new Map<number, number>();
        for (const action of steps) {
          if ('arm' in action) {
            wheel.arm(timers[action.arm]!, clock.nowMs + action.inMs);
            due.set(action.arm, clock.nowMs + action.inMs);
          } else if ('cancel' in action) {
            wheel.cancel(timers[action.cancel]!);
            due.delete(action.cancel);
          } else {
            clock.advance(action.sleepMs);
            wheel.advance(clock.nowMs);
            for (const [index, dueMs] of due) {
              const hasFired = timers[index]!.firedMs.length > (fired.get(index) ?? 0);
              // Never early; at most one tick late.
              if (dueMs > clock.nowMs) expect(hasFired).toBe(false);
              if (dueMs <= clock.nowMs - TICK_MS) expect(hasFired).toBe(true);
              if (hasFired) {
                fired.set(index, timers[index]!.firedMs.length);
                due.delete(index);
              }
            }
          }
          expect(wheel.armed).toBe(due.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});
