import { expect, it } from 'vitest';
import { FAILURE_REASON_NAMES, FailureReason, isConnectFailure } from '../../src/upstream/exchange.ts';

it('names each reason by its number: metrics are indexed by it', () => {
  expect(FAILURE_REASON_NAMES.map((name) => FailureReason[name])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(Object.keys(FailureReason)).toEqual([...FAILURE_REASON_NAMES]);
});

it('blames the server only when no connection could be made', () => {
  const blamed = Object.values(FailureReason).filter(isConnectFailure);
  expect(blamed).toEqual([FailureReason.unreachable, FailureReason.tls]);
});
