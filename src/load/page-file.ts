// The file of --html: whether it can be written is said before the load, not after it. Called by
// main and loop-storm-command.
import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UnloopError } from '../base/errors.ts';

/** Throws UnloopError UNLOOP_USAGE. */
export function checkPageFile(path: string): void {
  saying(path, () => {
    if (!existsSync(path)) accessSync(dirname(path), constants.W_OK);
    else if (statSync(path).isDirectory()) throw new Error('it is a directory');
    else accessSync(path, constants.W_OK);
  });
}

/** Throws UnloopError UNLOOP_USAGE, as for a full disk. */
export function writePageFile(path: string, page: string): void {
  saying(path, () => writeFileSync(path, page));
}

function saying(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const cause = code === 'ENOENT' ? 'its folder does not exist' : message;
    const remedy = 'Give --html a file that can be written.';
    throw new UnloopError('UNLOOP_USAGE', `cannot write ${path}: ${cause}`, remedy, { cause: error });
  }
}
