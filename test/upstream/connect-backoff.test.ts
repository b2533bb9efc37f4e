import { expect, it } from 'vitest';
import { ConnectBackoff } from '../../src/upstream/connect-backoff.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';

/** How long it says no after a failure, to the millisecond. */
function pauseAfterFailure(backoff: ConnectBackoff, nowMs: number): number {
  backoff.failed(nowMs, FailureReason.unreachable);
  for (let pauseMs = 0; ; pauseMs++) if (backoff.mayConnect(nowMs + pauseMs)) return pauseMs;
}

it('lets the first attempt through', () => {
  expect(new ConnectBackoff().mayConnect(0)).toBe(true);
});

it('doubles the pause from 50 ms to 200 ms and stays there', () => {
  const backoff = new ConnectBackoff();
  expect([1000, 2000, 3000, 4000].map((nowMs) => pauseAfterFailure(backoff, nowMs))).toEqual([
    50, 100, 200, 200,
  ]);
});

it('starts over after a success', () => {
  const backoff = new ConnectBackoff();
  pauseAfterFailure(backoff, 1000);
  backoff.failed(2000, FailureReason.tls);
  backoff.succeeded();
  expect(backoff.mayConnect(2000)).toBe(true);
  expect(pauseAfterFailure(backoff, 3000)).toBe(50);
});

it('keeps the reason of the last failure', () => {
  const backoff = new ConnectBackoff();
  backoff.failed(1000, FailureReason.unreachable);
  backoff.failed(1100, FailureReason.tls);
  expect(backoff.reason).toBe(FailureReason.tls);
});
