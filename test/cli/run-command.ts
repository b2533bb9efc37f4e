// A command line in this process, for the tests of the commands.
import { vi } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';

/** Runs a command line and collects what it says. */
export async function unloop(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
  const code = await dispatch(args);
  stdout.mockRestore();
  stderr.mockRestore();
  return { code, out, err };
}
