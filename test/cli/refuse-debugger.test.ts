import { close, url } from 'node:inspector';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refuseDebugger } from '../../src/cli/refuse-debugger.ts';

vi.mock('node:inspector', () => ({ close: vi.fn(), url: vi.fn() }));

const execArgv = process.execArgv;
beforeEach(() => {
  vi.mocked(close).mockReset();
  vi.mocked(url).mockReturnValue('ws://127.0.0.1:9229/uuid');
  process.execArgv = [];
});
afterEach(() => {
  process.execArgv = execArgv;
});

it('does nothing while the debugger is closed', () => {
  vi.mocked(url).mockReturnValue(undefined);
  refuseDebugger({ NODE_ENV: 'production', NODE_OPTIONS: '--inspect' });
  expect(close).not.toHaveBeenCalled();
});

it('closes a debugger that no flag opened', () => {
  refuseDebugger({ NODE_ENV: 'production' });
  expect(close).toHaveBeenCalledOnce();
});

it('leaves one that a flag opened to a developer', () => {
  refuseDebugger({ NODE_OPTIONS: '--inspect=0.0.0.0:9229' });
  expect(close).not.toHaveBeenCalled();
});

it.each([
  ['NODE_OPTIONS', [], '--max-old-space-size=100 --inspect-brk'],
  ['the command', ['--inspect'], undefined],
])('refuses to start in production when %s opened it', (_, flags, NODE_OPTIONS) => {
  process.execArgv = flags;
  expect(() => refuseDebugger({ NODE_ENV: 'production', NODE_OPTIONS })).toThrow(
    expect.objectContaining({
      code: 'UNLOOP_DEBUGGER_OPEN',
      message: expect.stringContaining('127.0.0.1:9229'),
    }),
  );
});
