import { describe, expect, it } from 'vitest';
import { UnloopError } from '../../src/base/errors.ts';
import { describeError, exitCodeOf } from '../../src/cli/report-error.ts';
import { unloop } from './run-command.ts';

describe('the version', () => {
  it.each([['--version'], ['-V']])('%s', async (flag) => {
    expect(await unloop(flag)).toEqual({
      code: 0,
      out: expect.stringMatching(/^unloop \d+\.\d+\.\d+\n$/),
      err: '',
    });
  });
});

describe('bad usage', () => {
  it('of a command says what was meant', async () => {
    expect(await unloop('chekc')).toEqual({
      code: 2,
      out: '',
      err: 'unloop: unknown command "chekc"; did you mean "check"?\n  cure: `unloop help` lists the commands.\n',
    });
    expect((await unloop('help', 'xyzzy')).err).toMatch(/^unloop: unknown command "xyzzy"\n/);
  });

  it('of a flag too', async () => {
    expect(await unloop('check', '--confg', 'x')).toEqual({
      code: 2,
      out: '',
      err: 'unloop: unknown flag --confg; did you mean --config?\n  cure: `unloop help check` lists what the command takes.\n',
    });
  });
});

describe('errors', () => {
  it('end bad usage and configuration with 2, all else with 1', () => {
    const codes = [
      'UNLOOP_USAGE',
      'UNLOOP_CONFIG_INVALID',
      'UNLOOP_CONFIG_UNREADABLE',
      'UNLOOP_LISTEN_FAILED',
    ] as const;
    expect(codes.map((code) => exitCodeOf(new UnloopError(code, 'm', 'r')))).toEqual([2, 2, 2, 1]);
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });

  it('show a stack only for a mistake of ours', () => {
    expect(describeError(new UnloopError('UNLOOP_LISTEN_FAILED', 'm', 'r'))).toBe('unloop: m\n  cure: r\n');
    expect(describeError(new TypeError('x is undefined'))).toMatch(
      /^unloop: internal error: TypeError: x is undefined\n {4}at /,
    );
  });
});
