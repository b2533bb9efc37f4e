import { beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { RepeatLimiter } from '../../src/base/repeat-limiter.ts';

let lines: string[];
/** Moved by hand: nobody refreshes it here. */
let clock: Clock;
let limiter: RepeatLimiter;

beforeEach(() => {
  lines = [];
  clock = new Clock();
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const log: Log = {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
  limiter = new RepeatLimiter(log, clock);
});

/** Lets the time pass as the owner would: a tick each second. */
function pass(seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    clock.nowMs += 1000;
    limiter.tick();
  }
}

describe('a fault that repeats', () => {
  it('is logged at once, and not again within ten seconds', () => {
    for (let i = 0; i < 10_000; i++)
      limiter.report('u1', 'warn', { upstream: '10.0.0.2:53' }, 'upstream failed');
    expect(lines).toEqual(['warn upstream failed {"upstream":"10.0.0.2:53"}']);
  });

  it('ten thousand times over five minutes is a handful of lines', () => {
    for (let i = 0; i < 10_000; i++) {
      clock.nowMs += 30;
      if (i % 33 === 0) limiter.tick();
      limiter.report('u1', 'warn', {}, 'upstream failed');
    }
    expect(lines.length).toBeGreaterThan(4);
    expect(lines.length).toBeLessThanOrEqual(9);
    const told = lines.map((line) => Number(/"repeated":(\d+)/.exec(line)?.[1] ?? 1));
    pass(60);
    told.push(Number(/"repeated":(\d+)/.exec(lines.at(-1)!)?.[1]));
    // Nothing was lost on the way: the lines add up to all reports.
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(10_000);
  });

  it('gets summaries after 10, 20, 40, 60 and 60 seconds', () => {
    const at: number[] = [];
    for (let second = 0; second < 200; second++) {
      const before = lines.length;
      limiter.report('u1', 'warn', {}, 'upstream failed');
      if (lines.length > before) at.push(second);
      clock.nowMs += 1000;
    }
    expect(at).toEqual([0, 10, 30, 70, 130, 190]);
    expect(lines[1]).toBe('warn upstream failed (10 more in the last 10 s) {"repeated":10}');
  });

  it('is summed up when its reports have stopped', () => {
    limiter.report('u1', 'warn', {}, 'upstream failed');
    limiter.report('u1', 'warn', {}, 'upstream failed');
    pass(9);
    expect(lines).toHaveLength(1);
    pass(1);
    expect(lines[1]).toContain('1 more in the last 10 s');
  });

  it('is forgotten after a quiet minute, and reported as new after that', () => {
    limiter.report('u1', 'warn', {}, 'upstream failed');
    pass(60);
    expect(limiter.size).toBe(0);
    limiter.report('u1', 'warn', {}, 'upstream failed');
    expect(lines).toHaveLength(2);
  });

  it('shows the latest fields in its summary', () => {
    limiter.report('u1', 'warn', { errno: 'ECONNREFUSED' }, 'upstream failed');
    limiter.report('u1', 'error', { errno: 'ENETUNREACH' }, 'upstream failed');
    pass(10);
    expect(lines[1]).toMatch(/^error .*ENETUNREACH/);
  });
});

describe('recovery', () => {
  it('is reported once, with its count and its duration', () => {
    for (let i = 0; i < 500; i++) limiter.report('u1', 'warn', {}, 'upstream failed');
    clock.nowMs += 7000;
    expect(limiter.recovered('u1', { upstream: 'u1' }, 'upstream is back')).toBe(true);
    expect(limiter.recovered('u1', { upstream: 'u1' }, 'upstream is back')).toBe(false);
    expect(lines.slice(1)).toEqual([
      'info upstream is back {"upstream":"u1","reports":500,"lastedSeconds":7}',
    ]);
  });
});

describe('many different faults', () => {
  it('are a few lines and one that counts the others', () => {
    for (let i = 0; i < 10_000; i++) limiter.report(`key ${i}`, 'warn', {}, 'odd packet');
    expect(lines).toHaveLength(20);
    pass(10);
    expect(lines).toHaveLength(21);
    expect(lines[20]).toBe('warn 9980 more reports of other faults were not logged {"reports":9980}');
  });

  it('never take more room than for 256', () => {
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 20; i++) {
        limiter.report(`key ${round} ${i}`, 'warn', {}, 'odd packet');
        limiter.report(`key ${round} ${i}`, 'warn', {}, 'odd packet');
      }
      // Without ticks nothing is forgotten for being quiet.
      clock.nowMs += 10_000;
    }
    expect(limiter.size).toBe(256);
    // What is pushed out tells first how often it came.
    expect(lines.filter((line) => line.includes('1 more')).length).toBe(600 - 256);
  });
});
