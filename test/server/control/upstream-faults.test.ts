import { expect, it } from 'vitest';
import { UpstreamFaults } from '../../../src/server/control/upstream-faults.ts';
import { FailureReason } from '../../../src/upstream/exchange.ts';

const { tls, closed } = FailureReason;

it('keeps the last text of each kind for each upstream', () => {
  const faults = new UpstreamFaults();
  faults.add('a', tls, 'one');
  faults.add('a', tls, 'two');
  faults.add('a', closed, 'three');
  expect([faults.textOf('a', tls), faults.textOf('a', closed)]).toEqual(['two', 'three']);
  expect(faults.textOf('b', tls)).toBe('');
});

it('forgets upstreams that are no longer in use', () => {
  const faults = new UpstreamFaults();
  for (const upstream of ['a', 'b', 'c']) faults.add(upstream, tls, upstream);
  faults.keep(['b']);
  expect(['a', 'b', 'c'].map((upstream) => faults.textOf(upstream, tls))).toEqual(['', 'b', '']);
});
