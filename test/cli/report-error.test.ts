import { expect, it } from 'vitest';
import { UnloopError } from '../../src/base/errors.ts';
import { describeError, exitCodeOf } from '../../src/cli/report-error.ts';
import { ConfigInvalid } from '../../src/config/fault.ts';

const usage = new UnloopError('UNLOOP_USAGE', 'no such flag', 'See --help.');
const listen = new UnloopError('UNLOOP_LISTEN_FAILED', 'cannot listen', 'Choose another.');
const invalid = new ConfigInvalid([{ file: 'a.yaml', line: 1, column: 2, path: 'x', message: 'wrong' }]);

it('exits with 2 for usage and configuration, and else with 1', () => {
  expect([usage, invalid].map(exitCodeOf)).toEqual([2, 2]);
  expect([listen, new Error('x'), 'x', null].map(exitCodeOf)).toEqual([1, 1, 1, 1]);
});

it('says what is wrong and what cures it, without a stack', () => {
  expect(describeError(usage)).toBe('unloop: no such flag\n  cure: See --help.\n');
});

it('puts the faults of a configuration on lines of their own', () => {
  const text = describeError(invalid);
  expect(text).toMatch(/^a\.yaml:1:2: wrong\nunloop: the configuration cannot be used\n {2}cure: /);
});

it('shows the stack of a mistake of ours', () => {
  expect(describeError(new Error('broken'))).toMatch(/^unloop: internal error: Error: broken\n {4}at /);
  expect(describeError('text')).toBe('unloop: internal error: text\n');
});

it('explains that too many files are open', () => {
  expect(describeError(new Error('open EMFILE'))).toMatch(/cure: Raise ulimit -n/);
});
