// What became of each message of a flight, in numbers that are used again.
import { describe, expect, it } from 'vitest';
import { AttemptEnd, Timeline } from '../../../src/pipeline/pending/timeline.ts';
import { FailureReason } from '../../../src/upstream/exchange.ts';
import { Rcode } from '../../../src/wire/codes.ts';

describe('the timeline of a flight', () => {
  it('keeps upstream, transport, start, duration and outcome of each message', () => {
    const timeline = new Timeline();
    timeline.reset(1000);
    expect(timeline.begin(3, false, 1000)).toBe(0);
    expect(timeline.begin(31, true, 1400)).toBe(1);
    timeline.carries(1, 7);
    timeline.end(0, AttemptEnd.failed, FailureReason.unreachable, 1002.5);
    timeline.end(1, AttemptEnd.replied, Rcode.BADCOOKIE, 1450);
    expect([0, 1].map((i) => timeline.upstreamOf(i))).toEqual([3, 31]);
    expect([0, 1].map((i) => timeline.overStream(i))).toEqual([false, true]);
    expect([0, 1].map((i) => timeline.marksOf(i))).toEqual([0, 7]);
    expect([0, 1].map((i) => timeline.startOf(i))).toEqual([0, 400]);
    expect([0, 1].map((i) => timeline.durationOf(i, 9000))).toEqual([2.5, 50]);
    expect([0, 1].map((i) => timeline.endOf(i))).toEqual([AttemptEnd.failed, AttemptEnd.replied]);
    expect([0, 1].map((i) => timeline.detailOf(i))).toEqual([FailureReason.unreachable, Rcode.BADCOOKIE]);
  });

  it('counts the time of a message without a reply until it is read', () => {
    const timeline = new Timeline();
    timeline.reset(0);
    timeline.begin(0, false, 100);
    timeline.end(0, AttemptEnd.silent, 0, 500);
    expect(timeline.durationOf(0, 5000)).toBe(4900);
  });

  it('knows no message and no answer after a reset', () => {
    const timeline = new Timeline();
    timeline.begin(1, true, 5);
    timeline.end(0, AttemptEnd.truncated, 4095, 6);
    timeline.answeredBy = 1;
    timeline.reset(10);
    expect(timeline).toMatchObject({ count: 0, answeredBy: -1 });
    timeline.begin(0, false, 12);
    expect([timeline.endOf(0), timeline.detailOf(0), timeline.startOf(0)]).toEqual([0, 0, 2]);
  });

  it('ends what waits for a route that loops, and only that', () => {
    const timeline = new Timeline();
    timeline.reset(0);
    for (const upstream of [0, 1, 0, 0]) timeline.begin(upstream, false, 0);
    timeline.end(2, AttemptEnd.replied, Rcode.SERVFAIL, 1);
    timeline.end(3, AttemptEnd.silent, 0, 1);
    timeline.endLooped(0, 7);
    const { looped, pending, replied } = AttemptEnd;
    expect([0, 1, 2, 3].map((i) => timeline.endOf(i))).toEqual([looped, pending, replied, looped]);
    expect(timeline.durationOf(0, 100)).toBe(7);
  });
});
