import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { type Exchange, FailureReason, type UpstreamQuery } from '../../src/upstream/exchange.ts';
import { FailureQueue } from '../../src/upstream/failure-queue.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const exchange = {} as Exchange;
let failures: FailureQueue;
let owner: RecordingOwner;
let query: UpstreamQuery;

beforeEach(() => {
  failures = new FailureQueue(exchange);
  owner = new RecordingOwner();
  query = createQuery('www.example', owner);
});

it('tells the owner in the next turn, not within push()', async () => {
  failures.push(query, FailureReason.overload);
  expect(owner.outcomes).toEqual([]);
  expect(failures.length).toBe(1);
  await nextTurn();
  expect(owner.outcomes).toEqual([{ kind: 'failure', query, reason: FailureReason.overload }]);
  expect(failures.length).toBe(0);
  expect(query.exchange).toBeNull();
});

it('keeps the order and the reason of each', async () => {
  const second = createQuery('two.example', owner);
  failures.push(query, FailureReason.overload);
  failures.push(second, FailureReason.tls);
  await nextTurn();
  expect(owner.outcomes.map((outcome) => outcome.query)).toEqual([query, second]);
  expect(owner.outcomes.map((outcome) => outcome.kind === 'failure' && outcome.reason)).toEqual([
    FailureReason.overload,
    FailureReason.tls,
  ]);
});

it('skips a query that was canceled in between', async () => {
  failures.push(query, FailureReason.overload);
  query.exchange = null;
  await nextTurn();
  expect(owner.outcomes).toEqual([]);
});

it('skips a query that was sent again in between', async () => {
  failures.push(query, FailureReason.overload);
  query.id = 7;
  await nextTurn();
  expect(owner.outcomes).toEqual([]);
});

it('accepts a failure that an owner causes during its call', async () => {
  const second = createQuery('two.example', owner);
  query.owner = {
    onReply: () => true,
    onFailure: () => failures.push(second, FailureReason.closed),
  };
  failures.push(query, FailureReason.overload);
  await owner.told(1);
  expect(owner.outcomes[0]).toMatchObject({ query: second, reason: FailureReason.closed });
});
